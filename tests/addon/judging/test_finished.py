"""Streams whose transport did not end."""

from __future__ import annotations

import base64
import json

import pytest

from addon.judging import Answer, judge
from addon.judging.finished import seems_finished
from tests.addon.judging.test_bedrock import START, chunk, frame, stop

MEDIA = {
    ".sse": "text/event-stream; charset=utf-8",
    ".bin": "Text/Event-Stream",
    ".ndjson": "application/x-ndjson",
}


def _media(name):
    if name.startswith("bedrock"):
        return "application/vnd.amazon.eventstream"
    return "application/json" if name == "gemini_jsonarray.bin" else MEDIA[name[name.index(".") :]]


def _streams(samples):
    return [path for path in sorted((samples / "streams").iterdir()) if path.suffix != ".jsonl"]


def test_the_end_of_every_stream_is_seen(samples):
    """The last 512 bytes of each sample contain its terminal event."""
    missed = [
        path.name
        for path in _streams(samples)
        if not seems_finished(path.read_bytes()[-512:], _media(path.name))
    ]

    assert missed == []


def test_the_beginning_of_a_stream_is_not_its_end(samples):
    """No stream seems finished after its first event, unless that is also its last."""
    early = []
    for path in _streams(samples):
        body = path.read_bytes()
        first = body[: body.find(b"\n\n") + 2] if path.suffix == ".sse" else body[:120]
        if len(first) < len(body) and seems_finished(first[-512:], _media(path.name)):
            early.append(path.name)

    assert early == []


@pytest.mark.parametrize("shift", [0, 1, 2])
def test_invocation_metrics_are_found_at_any_alignment_of_base64(shift):
    """Bedrock's last chunk is base64, whose text depends on how many bytes came before."""
    inner = b"{" + b" " * shift + b'"amazon-bedrock-invocationMetrics":{}}'

    assert seems_finished(base64.b64encode(inner), "application/vnd.amazon.eventstream")


@pytest.mark.parametrize(
    ("tail", "media"),
    [
        (b"", "text/event-stream"),
        (b'data: {"type": "message_stop"}', "text/event-stream"),
        (b'data: {"delta": {"text": "hello"}}\n\n', "text/event-stream"),
        (b'{"choices": []}', "application/json"),
        (b'{"done": false}\n', "application/x-ndjson"),
        (b"data: [DONE]\n\n", "audio/mpeg"),
        (b"data: [DONE]\n\n", ""),
    ],
)
def test_unfinished_tails(tail, media):
    """An event without its blank line, a delta, a plain object and other media are not finished streams."""
    assert not seems_finished(tail, media)


# -- answers that were cut off -------------------------------------------------


def cut(body, media, path="/v1/x"):
    """The verdict on a body whose client left; "stored" for one that is kept."""
    answer = Answer("POST", path, 200, ((b"content-type", media.encode()),), body, ended=False)
    return judge(answer).reason or "stored"


def event(value, name=""):
    """One server-sent event."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return (f"event: {name}\n" if name else "").encode() + f"data: {text}\n\n".encode()


def choice(content="", finish=None, index=0):
    """A chunk of a chat completion."""
    return {"choices": [{"index": index, "delta": {"content": content}, "finish_reason": finish}]}


STOPPED = {"candidates": [{"index": 0, "content": {"parts": [{"text": "a"}]}, "finishReason": "STOP"}]}
# Where a client left in the middle; the names say which guess would have stored the half.
HALVES = {
    "finish_reason is the word null": event({"output": {"text": "a", "finish_reason": "null"}}) * 2,
    "a text has an error's type": event('{"text":"see \\"type\\": \\"error\\""}'),
    "a text has the sentinel": event({"text": "say data: [DONE]"}),
    "a chat's text has the sentinel": event(choice("data: [DONE]")),
    "one of two choices stopped": event(choice("a", index=1)) + event(choice("", "stop")),
    "all choices so far stopped": event(choice("a")) + event(choice("", "stop")),
    "Gemini's STOP on an early chunk": event(STOPPED) * 2,
    "Gemini with usage": event(STOPPED) + event({**STOPPED, "usageMetadata": {"totalTokenCount": 1}}),
    "a text has message_stop": event({"type": "message_start", "message": {}})
    + event({"type": "content_block_delta", "index": 0, "delta": {"text": '"type": "message_stop"'}}),
    "usage in each event": event({"text": "b", "usage": {"x": {"total_tokens": 6}}}),
    "in-band total_tokens": event({"type": "response.created", "response": {"usage": {"total_tokens": 5}}})
    + event({"type": "response.output_text.delta", "delta": "a", "x": {"total_tokens": 5, "y": {}}}),
    "one of several images": event({"type": "image_generation.completed", "b64_json": "x"}),
    "an agent that is idle for now": event({"type": "agent.session.idle"}),
    "a token stream of TGI": event({"token": {"text": '"finish_reason": "x'}, "generated_text": None}),
    "a sentinel that is cut": event(choice("a", "stop")) + b"data: [DON",
    "an event after the sentinel": event(choice("a", "stop")) + event("[DONE]") + event(choice("b")),
}


@pytest.mark.parametrize("name", HALVES)
def test_half_a_stream_is_never_stored(name):
    """Only a parsed terminal event ends a stream whose transport did not end."""
    assert cut(HALVES[name], "text/event-stream") != "stored"


@pytest.mark.parametrize(
    ("body", "media"),
    [
        (
            b'{"response":"a","done":false}\n{"response":"b \\"done\\": true","done":false}\n',
            "application/x-ndjson",
        ),
        (b'{"t":"a"}\n{"t":"x","done":true}\n', "application/x-ndjson"),
        (b'{"custom_id":"a"}\n', "application/x-jsonl"),
        (b'{"event_type":"text-generation","is_finished": true}\n', "application/stream+json"),
        (json.dumps([STOPPED]).encode()[:-1], "application/json"),
        (b"half a text", "text/plain"),
        (b"ID3", "audio/mpeg"),
        (b'{"id": 1}', "application/json"),
    ],
)
def test_half_an_answer_of_another_kind_is_never_stored(body, media):
    """Lines without an end marker, an open array, text and sound cannot show that they are whole."""
    assert cut(body, media) != "stored"


@pytest.mark.parametrize("text", [b"hello ", b"amazon-bedrock-invocationMetrics"])
def test_half_of_an_agents_chunks_is_never_stored(text):
    """An agent's chunks are text, whatever words are in it."""
    body = frame("chunk", {"bytes": base64.b64encode(text).decode()})

    assert cut(body, "application/vnd.amazon.eventstream") == "cut-off"


@pytest.mark.parametrize(
    ("body", "media"),
    [
        (event(choice("a", "stop")) + event("[DONE]"), "text/event-stream"),
        (event(choice("a", "stop")) + b"data: [DONE]", "text/event-stream"),
        (
            event({"type": "response.completed", "response": {"object": "response", "status": "completed"}}),
            "text/event-stream",
        ),
        (event({"type": "speech.audio.done"}), "text/event-stream"),
        (
            b'{"model":"m","done":false}\n{"model":"m","done":true,"done_reason":"stop"}\n',
            "application/x-ndjson",
        ),
        (json.dumps([STOPPED]).encode(), "application/json"),
        (START + stop("end_turn") + frame("metadata", {}), "application/vnd.amazon.eventstream"),
        (
            chunk({"outputText": "a", "amazon-bedrock-invocationMetrics": {}}),
            "application/vnd.amazon.eventstream",
        ),
    ],
)
def test_a_stream_that_has_closed_itself_is_stored(body, media):
    """After these events nothing can follow, so a client that left then has received everything."""
    assert cut(body, media) == "stored"


CANNOT_CLOSE = {"gemini.bin", "gemini_cli.sse", "gemini_two_candidates.sse", "gemini_blocked_prompt.sse"}
CANNOT_CLOSE |= {"openai_image_generation.sse", "openai_image_edit.sse"}


def test_the_samples_that_close_themselves(samples):
    """Each sample but Gemini's event streams and images may be cut after its last byte."""
    open_ended = {
        path.name for path in _streams(samples) if cut(path.read_bytes(), _media(path.name)) != "stored"
    }

    assert open_ended == CANNOT_CLOSE

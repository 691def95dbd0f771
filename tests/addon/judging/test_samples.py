"""Every sample is whole, and nothing that is cut from it is."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from cache_store.answers import abridged
from cache_store.answers.eventstream import frames

SAMPLES = Path(__file__).parents[2] / "samples"
STREAMS = sorted(path.name for path in (SAMPLES / "streams").iterdir())
OBJECTS = sorted(path.name for path in (SAMPLES / "objects").iterdir())
MEDIA = {
    ".sse": "text/event-stream; charset=utf-8",
    ".ndjson": "application/x-ndjson",
    ".jsonl": "application/x-jsonl",
}
FAMILIES = {
    "anthropic": "anthropic",
    "anthropic_completions": "anthropic-completions",
    "azure_responses_done": "openai-responses",
    "bedrock_converse": "bedrock-converse",
    "bedrock_invoke": "bedrock-invoke",
    "cohere": "cohere",
    "cohere_v1": "cohere-v1",
    "gemini": "gemini",
    "gemini_interaction": "gemini-interaction",
    "mistral_chat": "openai-chat",
    "mistral_conversation": "mistral-conversation",
    "mistral_transcription": "mistral-transcript",
    "ollama_chat": "ollama",
    "openai_assistants": "openai-assistants",
    "openai_image": "openai-image",
    "openai_responses": "openai-responses",
    "openai_speech": "speech",
    "openai_transcript": "openai-transcript",
}
# Files of lines have no end mark: a cut between two lines reads like a shorter file. All other formats tell.
CANNOT_TELL = {"openai_batch_output.jsonl", "anthropic_batch_results.jsonl"}


def media_of(name):
    """The content-type that a sample is served with."""
    if name.startswith("bedrock"):
        return "application/vnd.amazon.eventstream"
    if name == "gemini_jsonarray.bin":
        return "application/json"
    return MEDIA.get(Path(name).suffix, "text/event-stream")


def family_of(name):
    """The grammar that a sample is written in, by the longest start of its name."""
    stem = name.rpartition(".")[0]
    starts = [start for start in FAMILIES if stem.startswith(start)]
    return FAMILIES[max(starts, key=len)] if starts else "openai-chat"


def harmless_cuts(name, body):
    """Lengths at which nothing is missing but line ends, or a sentinel after the terminal event."""
    text = body.rstrip(b"\r\n")
    if name == "azure_responses_done.sse":
        return {body.index(b"data: [DONE]"), len(body) - 2, len(body) - 1}
    if text.endswith(b"[DONE]") or name.endswith((".ndjson", ".json")):
        return set(range(len(text), len(body)))
    if name in CANNOT_TELL:
        ends = [at for at, byte in enumerate(body) if byte == ord("\n")]
        return {length for at in ends for length in (at, at + 1)} - {len(body)}
    return set()


@pytest.mark.parametrize("name", [name for name in STREAMS if not name.endswith(".jsonl")])
def test_a_whole_stream_is_whole_by_its_own_grammar(name, ask, samples):
    """Each sample is judged whole, and by the grammar of its provider, not by the transport alone."""
    judgement = ask((samples / "streams" / name).read_bytes(), media_of(name))

    assert (None, family_of(name)) == (judgement.reason, judgement.judged)


@pytest.mark.parametrize("name", STREAMS)
def test_no_proper_prefix_of_a_stream_is_whole(name, ask, samples):
    """A stream cut at any byte is not whole, unless only line ends or an unneeded sentinel are missing."""
    body = (samples / "streams" / name).read_bytes()

    whole = {at for at in range(len(body)) if ask(body[:at], media_of(name)).reason is None}

    assert harmless_cuts(name, body) == whole


@pytest.mark.parametrize("name", [name for name in STREAMS if media_of(name).startswith("text/event-stream")])
@pytest.mark.parametrize("line_end", [b"\r\n", b"\r"])
def test_line_ends_do_not_change_the_verdict(name, line_end, ask, samples):
    """With CRLF or CR line ends a stream is whole, and none of its prefixes that end between events is."""
    body = (samples / "streams" / name).read_bytes().replace(b"\r\n", b"\n").replace(b"\n", line_end)
    blank = line_end * 2
    cuts = [
        at + len(blank)
        for at in range(len(body))
        if body.startswith(blank, at) and at + len(blank) < len(body)
    ]
    harmless = {body.find(b"data: [DONE]")} if name == "azure_responses_done.sse" else set()

    assert ask(body, media_of(name)).reason is None
    assert harmless == {at for at in cuts if ask(body[:at], media_of(name)).reason is None}


@pytest.mark.parametrize("name", [name for name in STREAMS if name.startswith("bedrock")])
def test_no_frame_of_an_event_stream_may_be_missing_at_the_end(name, ask, samples):
    """An event stream cut between two frames is not whole, though every checksum is right."""
    body = (samples / "streams" / name).read_bytes()
    ends = [at for at in range(1, len(body)) if _are_frames(body[:at])]

    assert len(frames(body)) - 1 == len(ends)
    assert all(ask(body[:at], media_of(name)).reason == "no-terminal-event" for at in ends)


def _are_frames(body):
    try:
        return bool(frames(body))
    except ValueError:
        return False


@pytest.mark.parametrize("name", OBJECTS)
def test_a_whole_object_is_whole_and_no_prefix_of_it_is(name, ask, samples):
    """Each JSON answer is whole, and no prefix of it is."""
    body = (samples / "objects" / name).read_bytes()

    whole = {at for at in range(len(body)) if ask(body[:at]).reason is None}

    assert ask(body).reason is None
    assert harmless_cuts(name, body) == whole


@pytest.mark.parametrize("name", OBJECTS)
def test_an_error_in_any_object_is_seen(name, ask, samples):
    """An object with an error beside its result is not stored."""
    value = json.loads((samples / "objects" / name).read_bytes())

    assert ask(value | {"error": {"message": "overloaded"}}).reason in ("error", "failed")


@pytest.mark.parametrize(
    ("grammar", "media", "parts"),
    [
        ("transport", "text/event-stream", [b"data: a\n\n", b"data: b\n\n"]),
        ("transport", "text/plain", [b"Guten ", b"Tag"]),
        ("transport", "audio/mpeg", [b"ID3\x04", b"\xff\xfb"]),
        ("jsonl", "application/x-jsonl", [b'{"custom_id":"a"}\n', b'{"custom_id":"b"}\n']),
        (
            "gemini",
            "text/event-stream",
            [b'data: {"candidates":[{"index":0,"finishReason":"STOP"}]}\n\n'] * 2,
        ),
        ("openai-image", "text/event-stream", [b'data: {"type":"image_generation.completed"}\n\n'] * 2),
    ],
    ids=["unknown-sse", "text", "binary", "jsonl", "gemini-with-stop-on-each-chunk", "several-images"],
)
def test_the_grammars_that_cannot_know_their_end(grammar, media, parts, ask):
    """Grammars without an end marker are judged by the end of the transport alone."""
    for body in (parts[0], b"".join(parts)):
        judgement = ask(body, media)
        assert (judgement.reason, judgement.judged) == (None, grammar)


@pytest.mark.parametrize(
    "name", [name for name in STREAMS if not media_of(name).startswith("application/vnd")]
)
def test_a_stream_without_its_bulk_has_the_same_verdict(name, ask, samples, monkeypatch):
    """Reading a large stream without its long texts does not change the verdict on any prefix."""
    body = (samples / "streams" / name).read_bytes()
    cuts = [at for at, byte in enumerate(body, 1) if byte in b'\n"}'] + [len(body)]
    expected = [ask(body[:at], media_of(name)) for at in cuts]

    monkeypatch.setattr(abridged, "LARGE", 0)
    monkeypatch.setattr(abridged, "_LONG_DATA", re.compile(rb"^data:([^\n]+)", re.MULTILINE))

    assert expected == [ask(body[:at], media_of(name)) for at in cuts]


@pytest.mark.parametrize("name", OBJECTS)
def test_bulk_does_not_change_the_verdict_on_an_object(name, ask, samples, monkeypatch):
    """An object with a large image and embedding is whole, and none of its prefixes is."""
    value = json.loads((samples / "objects" / name).read_bytes())
    body = json.dumps({"image": "iVBOR" * 1000, "numbers": [0.25] * 1000} | value).encode()
    monkeypatch.setattr(abridged, "LARGE", 0)

    assert ask(json.loads((samples / "objects" / name).read_bytes())) == ask(body)
    assert all(ask(body[:at]).reason for at in range(0, 9000, 100))

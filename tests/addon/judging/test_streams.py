"""Streams of any grammar, and of none."""

from __future__ import annotations

import pytest

SSE = "text/event-stream"
CHUNK = {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}


@pytest.mark.parametrize(
    "error", [{"error": {"message": "overloaded"}}, {"type": "error"}, ("error", "{}"), ("error", "busy")]
)
def test_an_error_in_any_stream_is_seen_wherever_it_stands(error, ask, sse, samples):
    """An error event spoils every sample, after its first event or at its end."""
    bad = sse(error)
    for path in sorted((samples / "streams").glob("*.sse")):
        body = path.read_bytes().replace(b"\r\n", b"\n")
        first = body.index(b"\n\n") + 2
        assert ask(body[:first] + bad + body[first:], SSE).reason == "error-in-stream", path.name
        assert ask(body + bad, SSE).reason == "error-in-stream", path.name


def test_an_error_spoils_a_stream_that_ends_with_done(ask, sse):
    """`[DONE]` after an error does not make it a success."""
    assert ask(sse(CHUNK, {"error": {"message": "x"}}, "[DONE]"), SSE).reason == "error-in-stream"
    assert ask(sse({"error": {"message": "x"}}, "[DONE]"), SSE).reason == "error-in-stream"


def test_pings_and_comments_count_for_nothing(ask, samples):
    """Keep-alives before, inside and after a message change nothing."""
    body = (samples / "streams" / "anthropic.bin").read_bytes()
    ping = b'event: ping\ndata: {"type": "ping"}\n\n: still here\n\n'

    assert ask(ping + body.replace(b"\n\n", b"\n\n" + ping), SSE).reason is None
    assert ask(ping * 3, SSE).reason == "empty"


@pytest.mark.parametrize("body", [b"", b"\n\n", b": hello\n\n", b"event: x\n\n", b"id: 1\n\n"])
def test_a_stream_without_events_is_empty(body, ask):
    """An event stream without events is empty, whatever the method."""
    assert ask(body, SSE, "GET").reason == "empty"


def test_a_cut_inside_an_event_is_told_from_one_between_events(ask, sse):
    """A cut inside an event and a cut between events have different reasons."""
    body = sse(CHUNK)

    assert ask(body + b'data: {"cho', SSE).reason == "cut-off"
    assert ask(body, SSE).reason == "no-terminal-event"


def test_an_unknown_dialect_is_judged_by_the_transport(ask, sse):
    """A stream of an unknown dialect must end between events and contain no error."""
    known = sse(("tick", {"n": 1}), ("tock", "plain text"))

    assert (ask(known, SSE).reason, ask(known, SSE).judged) == (None, "transport")
    assert ask(known[:-1], SSE).reason == "cut-off"
    assert ask(known + sse(("job.failed", "{}")), SSE).reason == "failed"
    assert ask(known + sse(("stream-error", "{}")), SSE).reason == "error-in-stream"


def test_a_stream_that_is_not_text_is_refused(ask, sse):
    """A stream that is not UTF-8 was damaged in transit."""
    assert ask(sse(CHUNK, "[DONE]").replace(b"index", b"ind\xff"), SSE).reason == "bad-text"


def test_a_sentinel_after_another_grammars_end_is_no_part_of_it(ask, samples):
    """Gateways add `[DONE]` to every stream: it does no harm and does not replace the real end."""
    for name in (
        "anthropic.bin",
        "cohere.bin",
        "gemini.bin",
        "openai_responses.bin",
        "openai_transcript.sse",
    ):
        body = (samples / "streams" / name).read_bytes().replace(b"\r\n", b"\n")
        assert ask(body + b"data: [DONE]\n\n", SSE).reason is None
        shorter = body[: body.rstrip(b"\n").rindex(b"\n\n") + 2]
        assert ask(shorter + b"data: [DONE]\n\n", SSE).reason is not None


@pytest.mark.parametrize(
    "name",
    ["openai_chat.bin", "anthropic.bin", "openai_responses.bin", "cohere.bin", "mistral_conversation.sse"],
)
def test_a_stream_that_was_sent_twice_is_not_stored(name, ask, samples):
    """Nothing follows the end of a stream, but some gateways repeat the last event alone."""
    body = (samples / "streams" / name).read_bytes()
    last = body[body.rstrip().rfind(b"\n\n") + 2 :]

    assert ask(body, "text/event-stream").reason is None
    assert ask(body + last, "text/event-stream").reason is None
    assert ask(body + body, "text/event-stream").reason == "cut-off"

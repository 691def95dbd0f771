"""Amazon's event streams."""

from __future__ import annotations

import base64
import json
import struct
import zlib

import pytest

MEDIA = "application/vnd.amazon.eventstream"
GUARDED = {"amazon-bedrock-guardrailAction": "INTERVENED"}
METRICS = {"amazon-bedrock-invocationMetrics": {"inputTokenCount": 1}}


def frame(kind, payload, message="event"):
    """A frame with right checksums."""
    names = {":event-type" if message == "event" else ":exception-type": kind, ":message-type": message}
    headers = b"".join(
        struct.pack(">B", len(name))
        + name.encode()
        + b"\x07"
        + struct.pack(">H", len(value))
        + value.encode()
        for name, value in names.items()
    )
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    prelude = struct.pack(">II", 16 + len(headers) + len(body), len(headers))
    start = prelude + struct.pack(">I", zlib.crc32(prelude)) + headers + body
    return start + struct.pack(">I", zlib.crc32(start))


def chunk(value):
    """A `chunk` frame with a model's own JSON (or bytes) inside."""
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return frame("chunk", {"bytes": base64.b64encode(raw).decode(), "p": "ab"})


START = frame("messageStart", {"role": "assistant"})
META = frame("metadata", {"usage": {"totalTokens": 3}})


def stop(reason):
    """The frame that ends a message."""
    return frame("messageStop", {"stopReason": reason})


@pytest.mark.parametrize(
    ("frames", "reason"),
    [
        ([START, stop("end_turn"), META], None),
        ([START, stop("tool_use"), META], None),
        ([START, stop("max_tokens"), META], "incomplete"),
        ([START, stop("guardrail_intervened"), META], "incomplete"),
        ([START, stop("malformed_tool_use"), META], "failed"),
        ([START, stop(None), META], "not-finished"),
        ([START, frame("messageStop", b"oops"), META], "not-finished"),
        ([START, stop("end_turn")], "no-terminal-event"),
        ([START, META], "no-terminal-event"),
        ([stop("end_turn"), META], "cut-off"),
        ([START, META, stop("end_turn")], "no-terminal-event"),
        ([], "empty"),
    ],
)
def test_a_conversation_needs_its_stop_and_its_metadata(frames, reason, ask):
    """A conversation starts with messageStart and ends with messageStop and metadata."""
    assert reason == ask(b"".join(frames), MEDIA, store_incomplete=False).reason


@pytest.mark.parametrize("message", ["exception", "error"])
def test_an_exception_frame_spoils_the_stream(message, ask):
    """Bedrock sends exceptions inside a 200, and botocore raises them whatever came before."""
    bad = frame("throttlingException", {"message": "slow down"}, message)

    assert ask(START + bad, MEDIA).reason == "error-in-stream"
    assert ask(START + stop("end_turn") + META + bad, MEDIA).reason == "error-in-stream"


def test_a_damaged_or_unfinished_frame_is_refused(ask):
    """A flipped bit, and bytes after the last frame."""
    whole = START + stop("end_turn") + META

    assert ask(whole[:40] + bytes([whole[40] ^ 1]) + whole[41:], MEDIA).reason == "bad-frame"
    assert ask(whole + b"\0", MEDIA).reason == "bad-frame"


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ([{"outputText": "a"}, {"outputText": "", "completionReason": "FINISH", **METRICS}], None),
        ([{"outputText": "a"}, {"completionReason": "LENGTH", **METRICS}], "incomplete"),
        ([{"outputText": "a"}, {"outputText": "b"}], "no-terminal-event"),
        ([{"generation": "a"}, {"stop_reason": "stop", **METRICS}], None),
        ([{"generation": "a"}, {"error": {"message": "m"}}, METRICS], "error-in-stream"),
        ([{"generation": "a"}, b"oops", METRICS], "bad-json"),
        ([{"outputText": "a", **GUARDED}], None),
        ([{"outputText": "a", **GUARDED, "completionReason": "FAILED"}], "failed"),
        ([{"outputText": "a", "amazon-bedrock-guardrailAction": "NONE"}], "no-terminal-event"),
        ([{"type": "message_start"}, {"type": "message_stop", **METRICS}], "not-finished"),
        (
            [{"type": "message_start"}, {"type": "ping"}, {"type": "content_block_stop", **METRICS}],
            "no-terminal-event",
        ),
    ],
)
def test_an_invocation_ends_with_its_metrics(values, reason, ask):
    """Every model family ends with its metrics; Claude's chunks must also form a whole message."""
    assert reason == ask(b"".join(chunk(value) for value in values), MEDIA, store_incomplete=False).reason


@pytest.mark.parametrize(
    "frames",
    [
        [frame("chunk", {"bytes": "aGVsbG8="})],
        [frame("chunk", {"bytes": "?"})],
        [frame("trace", {}), chunk({"a": 1})],
    ],
)
def test_another_services_stream_is_judged_by_its_frames(frames, ask):
    """An agent's chunks are plain text, so only frames and exceptions can be checked."""
    judgement = ask(b"".join(frames), MEDIA)

    assert (judgement.reason, judgement.judged) == (None, "transport")

"""Cohere's chat, both versions."""

from __future__ import annotations

import json

import pytest

SSE = "text/event-stream"
REASONS = [
    ("COMPLETE", None),
    ("TOOL_CALL", None),
    ("STOP_SEQUENCE", None),
    ("MAX_TOKENS", None),
    ("ERROR", "failed"),
    ("TIMEOUT", "failed"),
    ("ERROR_TOXIC", "failed"),
    ("USER_CANCEL", "failed"),
    (None, "not-finished"),
]


@pytest.mark.parametrize(("finish", "reason"), REASONS)
def test_the_finish_reason_decides_in_every_form(finish, reason, ask, sse):
    """Version 2 events, version 1 events and lines, and the plain object give the same verdict."""
    v2 = [{"type": "message-start", "id": "c"}, {"type": "message-end", "delta": {"finish_reason": finish}}]
    v1 = [
        {"event_type": "stream-start", "is_finished": False},
        {"event_type": "stream-end", "is_finished": True, "finish_reason": finish},
    ]

    assert reason == ask(sse(*v2), SSE).reason
    assert reason == ask(sse(*v1), SSE).reason
    assert (
        reason == ask(b"\n".join(json.dumps(line).encode() for line in v1), "application/stream+json").reason
    )
    assert reason == ask({"id": "c", "finish_reason": finish, "message": {}}).reason


def test_the_last_event_is_the_messages_end(ask, sse):
    """A stream without its end event, or with an event after it, is not whole."""
    start = {"type": "message-start"}
    end = {"type": "message-end", "delta": {"finish_reason": "COMPLETE"}}

    assert ask(sse(start), SSE).reason == "no-terminal-event"
    assert ask(sse(start, end, start), SSE).reason == "no-terminal-event"
    assert ask(sse({"event_type": "stream-start"}), SSE).reason == "no-terminal-event"
    assert ask(sse(start, {"type": "message-end", "delta": None}), SSE).reason == "not-finished"

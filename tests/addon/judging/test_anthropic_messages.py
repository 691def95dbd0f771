"""Anthropic's messages."""

from __future__ import annotations

import pytest

SSE = "text/event-stream"
START = {"type": "message_start", "message": {"stop_reason": None}}
OPEN = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
DELTA = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "a"}}
CLOSE = {"type": "content_block_stop", "index": 0}
STOP = {"type": "message_stop"}


def ended(reason):
    """The message_delta that carries a stop reason."""
    return {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"output_tokens": 1}}


WHOLE = [START, OPEN, DELTA, CLOSE, ended("end_turn"), STOP]


@pytest.mark.parametrize("missing", range(len(WHOLE)))
def test_every_part_of_a_message_is_needed(missing, ask, sse):
    """Every event is required, except the delta and the opening of a content block."""
    rest = WHOLE[:missing] + WHOLE[missing + 1 :]

    assert (ask(sse(*rest), SSE).reason is None) == (missing in (1, 2))


@pytest.mark.parametrize(
    ("reason", "problem"),
    [
        ("end_turn", None),
        ("tool_use", None),
        ("stop_sequence", None),
        ("pause_turn", None),
        ("refusal", None),
        ("max_tokens", "incomplete"),
        ("model_context_window_exceeded", "incomplete"),
        (None, "not-finished"),
    ],
)
def test_stop_reasons(reason, problem, ask, sse):
    """A refusal and a pause are whole replies, limits follow STORE_INCOMPLETE, null does not end a message."""
    message = {"type": "message", "role": "assistant", "content": [], "stop_reason": reason}

    assert problem == ask(sse(*WHOLE[:4], ended(reason), STOP), SSE, store_incomplete=False).reason
    assert problem == ask(message, store_incomplete=False).reason


def test_an_overloaded_error_in_a_200_is_seen(ask, sse):
    """Anthropic ends a failing stream with `event: error`, as the status has already been sent."""
    error = ("error", {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}})

    assert ask(sse(*WHOLE[:3], error), SSE).reason == "error-in-stream"


def test_a_failed_tool_is_part_of_a_whole_message(ask, sse):
    """An error inside a content block is part of the content."""
    block = {
        "type": "web_search_tool_result",
        "content": {"type": "web_search_tool_result_error", "error_code": "x"},
    }

    assert ask(sse(START, {**OPEN, "content_block": block}, *WHOLE[2:]), SSE).reason is None


@pytest.mark.parametrize(("reason", "problem"), [("stop_sequence", None), (None, "not-finished")])
def test_old_completions_end_with_a_stop_reason(reason, problem, ask, sse):
    """Old text completions end only with a stop reason."""
    last = {"type": "completion", "completion": "", "stop_reason": reason}

    assert problem == ask(sse(("completion", last)), SSE).reason
    assert problem == ask(last).reason

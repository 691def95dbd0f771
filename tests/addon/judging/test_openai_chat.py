"""Chat completions and completions."""

from __future__ import annotations

import pytest

SSE = "text/event-stream"


def chunk(*choices, **more):
    """A chunk with choices given as (index, finish reason)."""
    made = [{"index": index, "delta": {}, "finish_reason": reason} for index, reason in choices]
    return {"object": "chat.completion.chunk", "choices": made, **more}


def test_every_choice_that_was_begun_must_end(ask, sse):
    """Each choice needs a finish reason of its own."""
    assert ask(sse(chunk((0, None), (1, None)), chunk((0, "stop")), "[DONE]"), SSE).reason == "not-finished"
    assert (
        ask(sse(chunk((0, None), (1, None)), chunk((0, "stop"), (1, "stop")), "[DONE]"), SSE).reason is None
    )


def test_a_reason_once_given_stays(ask, sse):
    """A later chunk without a finish reason, such as a usage chunk, does not cancel an earlier one."""
    assert ask(sse(chunk((0, "stop")), chunk((0, None), usage={}), "[DONE]"), SSE).reason is None


def test_done_alone_is_empty(ask, sse):
    """A sentinel without any choice before it is an empty answer."""
    assert ask(sse("[DONE]"), SSE).reason == "empty"
    assert ask(sse(chunk(), "[DONE]"), SSE).reason == "empty"


def test_nothing_comes_after_done(ask, sse):
    """A stream with chunks after its sentinel is not whole."""
    assert ask(sse(chunk((0, "stop")), "[DONE]", chunk((0, "stop"))), SSE).reason == "no-terminal-event"


def test_a_chunk_that_is_not_json_spoils_the_stream(ask, sse):
    """A stream with a data line that is not JSON is not stored."""
    assert ask(sse(chunk((0, "stop")), "{oops", "[DONE]"), SSE).reason == "bad-json"


@pytest.mark.parametrize("reason", ["error", "insufficient_system_resource"])
def test_a_failed_choice_spoils_the_stream(reason, ask, sse):
    """The finish reasons of OpenRouter and DeepSeek for an aborted generation mean failure."""
    assert ask(sse(chunk((0, reason)), "[DONE]"), SSE).reason == "failed"


def test_an_error_inside_a_choice_is_seen(ask, sse):
    """OpenRouter puts an upstream's error into a choice."""
    bad = {"choices": [{"index": 0, "error": {"code": 502}, "finish_reason": "stop"}]}

    assert ask(bad).reason == "error"
    assert ask(sse(bad, "[DONE]"), SSE).reason == "error"


def test_a_limit_is_kept_by_the_setting(ask, sse):
    """`length` in a stream follows STORE_INCOMPLETE."""
    body = sse(chunk((0, "length")), "[DONE]")

    assert ask(body, SSE).reason is None
    assert ask(body, SSE, store_incomplete=False).reason == "incomplete"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({"object": "chat.completion", "choices": []}, "empty"),
        ({"object": "chat.completion"}, "empty"),
        ({"object": "chat.completion", "choices": None}, "empty"),
        ({"choices": [{"index": 0, "message": {}, "finish_reason": None}]}, "not-finished"),
        ({"choices": [{"index": 0, "message": {}}]}, "not-finished"),
        ({"choices": [None]}, "bad-json"),
        ({"choices": [{"text": "a", "finish_reason": "stop"}]}, None),
    ],
)
def test_a_completion_object_needs_finished_choices(value, reason, ask):
    """Each choice of an answer that was not streamed must have ended."""
    assert reason == ask(value).reason

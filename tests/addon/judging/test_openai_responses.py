"""The Responses API."""

from __future__ import annotations

import pytest

SSE = "text/event-stream"


def response(status, **more):
    """A response object."""
    return {"id": "resp_1", "object": "response", "status": status, "error": None, **more}


def event(kind, status, **more):
    """An event that carries a response."""
    return (kind, {"type": kind, "response": response(status, **more)})


CREATED = event("response.created", "in_progress")


@pytest.mark.parametrize(
    ("last", "reason"),
    [
        (event("response.completed", "completed"), None),
        (event("response.done", "completed"), None),
        (event("response.incomplete", "incomplete"), None),
        (event("response.failed", "failed", error={"code": "server_error"}), "failed"),
        (event("response.failed", "failed"), "failed"),
        (event("response.cancelled", "cancelled"), "failed"),
        (event("response.queued", "queued"), "no-terminal-event"),
        (event("response.in_progress", "in_progress"), "no-terminal-event"),
        (event("response.completed", "in_progress"), "not-finished"),
        (event("response.completed", "completed", error={"code": "x"}), "failed"),
        (event("response.completed", None), "not-finished"),
        (("response.completed", {"type": "response.completed"}), "bad-json"),
        (("error", {"type": "error", "code": "server_is_overloaded", "message": "m"}), "error-in-stream"),
    ],
)
def test_the_last_event_decides_with_the_response_in_it(last, reason, ask, sse):
    """A stream is whole if its last event carries a response with a final status."""
    assert reason == ask(sse(CREATED, last), SSE).reason


def test_nothing_comes_after_the_end(ask, sse):
    """A terminal event in the middle is not the end."""
    assert ask(sse(event("response.completed", "completed"), CREATED), SSE).reason == "no-terminal-event"


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ("completed", None),
        ("incomplete", None),
        ("failed", "failed"),
        ("cancelled", "failed"),
        ("queued", "not-finished"),
        ("in_progress", "not-finished"),
        (None, "not-finished"),
    ],
)
def test_a_response_object_says_its_own_state(status, reason, ask):
    """A response that was not streamed can be failed or queued, and openai's client returns it without an error."""
    assert reason == ask(response(status)).reason


def test_incomplete_follows_the_setting(ask, sse):
    """STORE_INCOMPLETE decides about a response that ended at max_output_tokens."""
    body = sse(CREATED, event("response.incomplete", "incomplete"))

    assert ask(body, SSE, store_incomplete=False).reason == "incomplete"
    assert ask(response("incomplete"), store_incomplete=False).reason == "incomplete"


def test_an_error_beside_a_completed_status_is_a_failure(ask):
    """`error` must be null, whatever the status says."""
    assert ask(response("completed", error={"code": "server_error", "message": "m"})).reason == "failed"


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("max_output_tokens", None),
        ("content_filter", None),
        ("max_tool_calls", None),
        (None, None),
        ("server_overload", "failed"),
    ],
)
def test_only_a_limit_makes_an_incomplete_response_whole(reason, expected, ask, sse):
    """A response that is incomplete for another reason than a limit failed, streamed or not."""
    value = {"object": "response", "status": "incomplete", "incomplete_details": {"reason": reason}}
    stream = sse({"type": "response.incomplete", "response": value})

    assert ask(value).reason == expected
    assert ask(stream, "text/event-stream").reason == expected
    assert ask(value, store_incomplete=False).reason == (expected or "incomplete")

"""Responses over a WebSocket, as streams over HTTP."""

from __future__ import annotations

import json

import pytest

from addon.judging import Answer, judge
from addon.sockets import turns

CREATED = '{"type":"response.created","response":{"id":"resp_1","object":"response","status":"in_progress"}}'
DELTA = '{"type":"response.output_text.delta","delta":"Hel\u2028lo"}'
COMPLETED = json.dumps({
    "type": "response.completed",
    "response": {"id": "resp_1", "object": "response", "status": "completed", "output": [
        {"type": "message", "status": "completed", "role": "assistant", "content": [
            {"type": "output_text", "text": "Hello", "annotations": []}]}]},
})  # fmt: skip


def test_frames_are_the_events_of_a_stream() -> None:
    """There and back, and the judge takes them for a whole answer."""
    events = [CREATED, DELTA, COMPLETED]
    body = turns.stream_of(events)
    assert turns.events_in(200, turns.STREAM, body) == events
    assert turns.events_in(200, turns.STREAM, body + b"data: [DONE]\n\n") == events
    judged = judge(Answer("POST", "/v1/responses", 200, turns.STREAM, body, host="api.openai.com"))
    assert (judged.reason, judged.judged) == (None, "openai-responses")
    assert turns.response_id(events) == "resp_1"
    assert turns.response_id([DELTA, "no"]) == ""


def test_a_frame_over_several_lines_is_one_event() -> None:
    """Line ends between JSON tokens mean nothing, and none may end the event."""
    body = turns.stream_of(['{"type":\r\n\n\r"x"}'])
    assert [json.loads(event) for event in turns.events_in(200, turns.STREAM, body)] == [{"type": "x"}]


def test_a_create_asks_what_a_post_asks() -> None:
    """Without its envelope, as a stream; the answer that it goes on from belongs to the question."""
    create = {"type": "response.create", "stream_id": "a", "model": "m", "previous_response_id": "resp_1"}
    assert turns.previous_of(create) == "resp_1"
    assert turns.previous_of({"previous_response_id": None}) == ""
    assert json.loads(turns.request_body(create, None)) == {
        "model": "m", "previous_response_id": "resp_1", "stream": True}  # fmt: skip
    asked = json.loads(turns.request_body(create, ("pp2-1", "d")))
    assert asked["previous_answer"] == ["pp2-1", "d"]


@pytest.mark.parametrize(
    ("event", "last"),
    [(json.loads(COMPLETED), True), ({"type": "error"}, True), ({"type": "response.failed"}, True),
     (json.loads(CREATED), False), ({}, False), ({"type": "response.incomplete"}, True)],
)  # fmt: skip
def test_what_ends_a_response(event: dict[str, object], last: bool) -> None:
    """Its terminal event, or an error."""
    assert turns.is_last(event) is last


def test_errors_are_told_as_events() -> None:
    """A recorded error answer, a refusal and an answer of our own."""
    body = b'{"error": {"type": "t", "message": "no"}}'
    for event in (
        turns.error_event(429, body),
        *turns.events_in(429, ((b"content-type", b"application/json"),), body),
    ):
        assert json.loads(event) == {"type": "error", "status": 429, "error": {"type": "t", "message": "no"}}
    assert json.loads(turns.error_event(502, b"<html>", "why"))["error"]["message"] == "why"
    assert json.loads(turns.error_body({"error": {"code": "c"}})) == {"error": {"code": "c"}}


def test_a_lane_is_named_only_on_the_wire() -> None:
    """An entry knows no lanes."""
    there = turns.with_lane(CREATED, "a")
    assert turns.lane_of(json.loads(there)) == "a"
    assert json.loads(turns.without_lane(json.loads(there), there)) == json.loads(CREATED)
    assert turns.with_lane(CREATED, "") == CREATED
    assert turns.without_lane(json.loads(CREATED), CREATED) == CREATED
    assert turns.lane_of({"stream_id": 1}) == ""


HALF = json.loads('"\\ud83d"')
"""Half of a surrogate pair: a stream may cut an emoji in two, each half in an event of its own."""


def test_halves_of_surrogate_pairs_stay_what_they_are() -> None:
    """None of them becomes a question mark, in which requests would meet, and each frame can be sent."""
    event = json.dumps({"type": "response.output_text.delta", "delta": HALF, "stream_id": "a"})
    assert json.loads(turns.with_lane(event, "b").encode())["delta"] == HALF
    assert json.loads(turns.without_lane(json.loads(event), event).encode())["delta"] == HALF
    error = json.dumps({"error": {"message": HALF}}).encode()
    assert json.loads(turns.error_event(400, error).encode())["error"]["message"] == HALF
    assert json.loads(turns.error_body({"error": HALF}))["error"] == HALF
    (told,) = turns.events_in(400, ((b"content-type", b"application/json"),), error)
    assert json.loads(told.encode())["error"]["message"] == HALF
    assert json.loads(turns.request_body({"type": turns.CREATE, "input": HALF}, None))["input"] == HALF

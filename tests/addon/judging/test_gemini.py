"""Gemini's three ways to answer."""

from __future__ import annotations

import json

import pytest

SSE = "text/event-stream"


def candidate(reason=None, index=0):
    """One candidate of a chunk."""
    return {"content": {"parts": [{"text": "a"}]}, "index": index} | (
        {"finishReason": reason} if reason else {}
    )


def chunk(*candidates, **more):
    """One chunk."""
    return {"candidates": list(candidates), "modelVersion": "gemini-2.5-flash", **more}


FEEDBACK = {"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {}, "modelVersion": "m"}
USAGE = {"usageMetadata": {"totalTokenCount": 3}, "modelVersion": "m"}
CASES = [
    ([chunk(candidate()), chunk(candidate("STOP"))], None),
    ([chunk(candidate("STOP")), chunk(candidate("STOP"))], None),
    ([chunk(candidate("STOP")), chunk(candidate())], "not-finished"),
    ([chunk(candidate("STOP")), USAGE], None),
    ([chunk(candidate(), candidate(index=1)), chunk(candidate("STOP"))], "not-finished"),
    ([chunk(candidate("STOP"), candidate("STOP", 1))], None),
    ([chunk(candidate("MAX_TOKENS"))], None),
    ([chunk(candidate("MALFORMED_FUNCTION_CALL"))], "failed"),
    ([chunk(candidate("OTHER"))], "failed"),
    ([chunk(candidate("FINISH_REASON_UNSPECIFIED"))], "failed"),
    ([chunk(candidate(1))], None),
    ([chunk(candidate(2))], None),
    ([chunk(candidate(5))], "failed"),
    ([chunk(candidate(9))], "failed"),
    ([chunk(candidate(99))], "failed"),
    ([chunk(candidate(-1))], "failed"),
    ([FEEDBACK], None),
    ([{"promptFeedback": {}, "modelVersion": "m"}], "empty"),
    ([USAGE], "empty"),
    ([chunk()], "empty"),
    ([chunk(None)], "bad-json"),
]


@pytest.mark.parametrize(("chunks", "reason"), CASES)
@pytest.mark.parametrize("wrapped", [False, True])
def test_the_same_rule_holds_for_events_and_for_an_array(chunks, reason, wrapped, ask, sse):
    """Each candidate's last chunk must have a finish reason: in SSE, in an array, and in Gemini CLI's wrapper."""
    sent = [{"response": part} for part in chunks] if wrapped else chunks

    assert reason == ask(sse(*sent), SSE).reason
    assert reason == ask(sent).reason
    if len(sent) == 1:
        assert reason == ask(sent[0]).reason


def test_an_error_chunk_is_seen(ask, sse):
    """An error chunk spoils the answer, as an event and as an element of the array."""
    error = {"error": {"code": 503, "status": "UNAVAILABLE", "message": "overloaded"}}

    assert ask(sse(chunk(candidate()), error), SSE).reason == "error-in-stream"
    assert ask([chunk(candidate()), error]).reason == "error"


def test_an_unclosed_array_is_not_json(ask):
    """An array cut after a whole chunk lacks its closing bracket."""
    body = json.dumps([chunk(candidate("STOP"))]).encode()[:-1] + b",\r\n"

    assert ask(body).reason == "bad-json"


def test_a_chunk_that_is_not_json_spoils_the_stream(ask, sse):
    """Every event of this grammar is an object."""
    assert ask(sse("oops", chunk(candidate("STOP"))), SSE).reason == "bad-json"

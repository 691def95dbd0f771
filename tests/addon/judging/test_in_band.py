"""Errors under a status that says success."""

from __future__ import annotations

import pytest

from addon.judging.in_band import is_error, is_error_value, names_error


@pytest.mark.parametrize(
    "value",
    [
        {"error": {"message": "overloaded"}},
        {"error": "model not found"},
        {"type": "error", "error": {"type": "overloaded_error"}},
        {"object": "error", "message": "bad"},
        {"errors": [{"message": "bad"}]},
        {"code": 503, "message": "busy"},
        {"status": 429, "detail": "slow down"},
        {"success": False, "result": None},
        {"base_resp": {"status_code": 1004, "status_msg": "denied"}, "choices": None},
        [{"error": {"code": 429}}],
    ],
)
def test_errors_of_every_provider_are_seen(value):
    """Each shape that providers and gateways use for an error inside a 200 is recognised."""
    assert is_error(value)


@pytest.mark.parametrize(
    "value",
    [
        {"error": None, "id": "resp_1"},
        {"error": {}, "id": "ftjob_1"},
        {"error": {"code": None, "message": None}, "id": "ftjob_1"},
        {"errors": []},
        {"code": 200, "message": "ok"},
        {"code": 404},
        {"status": "completed", "message": "m"},
        {"success": True},
        {"base_resp": {"status_code": 0}},
        [{"error": None}, 1],
        "error",
        None,
    ],
)
def test_members_without_an_error(value):
    """A null, empty or successful member does not mean an error."""
    assert not is_error(value)


@pytest.mark.parametrize(
    "name", ["error", "Error", "conversation.response.error", "stream-error", "RUN_ERROR", "terror", 1]
)
def test_event_names_of_errors(name):
    """An event name means an error if it is that word, or ends with it after a separator."""
    assert names_error(name) == (name not in ("terror", 1))


def test_tool_errors_inside_an_answer_are_part_of_it():
    """Only the top level of an event counts: a failed web search is content of a whole message."""
    block = {"type": "web_search_tool_result_error", "error_code": "unavailable"}

    assert not is_error({"type": "content_block_start", "content_block": block})
    assert not is_error_value({})


def test_ok_false_is_an_error():
    """Some APIs say `{"ok": false}` under a 200; `true` and other values say nothing."""
    assert is_error({"ok": False})
    assert not is_error({"ok": True})
    assert not is_error({"ok": None})

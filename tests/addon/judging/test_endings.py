"""Finish reasons and job states."""

from __future__ import annotations

import pytest

from addon.judging.endings import finish_problem, state_problem


@pytest.mark.parametrize(
    "reason",
    ["stop", "end_turn", "tool_use", "tool_calls", "STOP", "COMPLETE", "refusal", "pause_turn", "eos_token"],
)
def test_a_good_end_is_whole_even_where_limits_are_not_kept(reason):
    """A natural stop, a tool call and a refusal are whole replies."""
    assert finish_problem(reason, store_incomplete=False) is None


@pytest.mark.parametrize(
    "reason",
    [
        "length",
        "max_tokens",
        "MAX_TOKENS",
        "model_length",
        "content_filter",
        "model_context_window_exceeded",
        "SAFETY",
    ],
)
def test_a_limit_is_kept_by_the_setting(reason):
    """STORE_INCOMPLETE decides about an answer that ended at a token or content limit."""
    assert finish_problem(reason, store_incomplete=True) is None
    assert finish_problem(reason, store_incomplete=False) == "incomplete"


@pytest.mark.parametrize(
    "reason",
    ["error", "ERROR_TOXIC", "TIMEOUT", "MALFORMED_FUNCTION_CALL", "OTHER", "insufficient_system_resource"],
)
def test_a_failure_is_never_kept(reason):
    """A finish reason that names a fault of the model or the server means failure."""
    assert finish_problem(reason, store_incomplete=True) == "failed"


@pytest.mark.parametrize("reason", [None, "", "null", "none", 1, True, [], {"type": "stop"}])
def test_no_reason_is_no_end(reason):
    """Null, "null" and values that are not text do not end an answer."""
    assert finish_problem(reason, store_incomplete=True) == "not-finished"


@pytest.mark.parametrize(
    "state",
    [
        "queued",
        "in_progress",
        "in-progress",
        "InProgress",
        "validating",
        "finalizing",
        "cancelling",
        "canceling",
        "processing",
        "PROCESSING",
        "JOB_STATE_RUNNING",
        "JOB_STATE_PENDING",
        "BATCH_STATE_RUNNING",
        "TUNING_JOB_STATE_WAITING_FOR_QUOTA",
        "STATE_UNSPECIFIED",
        "IN_QUEUE",
    ],
)
def test_a_pending_job_is_never_kept(state):
    """A stored pending state would be replayed to every later poll."""
    assert state_problem(state, store_incomplete=True) == "not-finished"


@pytest.mark.parametrize(
    "state", ["failed", "cancelled", "canceled", "expired", "JOB_STATE_FAILED", "Failed", "error"]
)
def test_a_failed_job_is_never_kept(state):
    """A job that ended badly is not a success."""
    assert state_problem(state, store_incomplete=True) == "failed"


@pytest.mark.parametrize(
    "state",
    [
        "completed",
        "succeeded",
        "ended",
        "processed",
        "ACTIVE",
        "JOB_STATE_SUCCEEDED",
        "requires_action",
        None,
        200,
    ],
)
def test_other_states_are_good(state):
    """A good end, an unknown word and a status that is not a word are all accepted."""
    assert state_problem(state, store_incomplete=False) is None

"""Finish reasons and job states."""

from __future__ import annotations

import importlib
import importlib.util
import re
from pathlib import Path

import botocore.session
import pytest

from addon.judging.endings import State, finish_problem, limit_problem, state_of, state_problem


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
    ("word", "meaning"),
    [
        ("queued", State.PENDING),
        ("in-progress", State.PENDING),
        ("InProgress", State.PENDING),
        ("inProgress", State.PENDING),
        ("PROCESSING", State.PENDING),
        ("notStarted", State.PENDING),
        ("NotStarted", State.PENDING),
        ("notRunning", State.PENDING),
        ("CREATED", State.PENDING),
        ("JOB_STATE_RUNNING", State.PENDING),
        ("JOB_STATE_WRITING_RESULTS", State.PENDING),
        ("BATCH_STATE_PENDING", State.PENDING),
        ("BATCH_STATUS_IN_PROGRESS", State.PENDING),
        ("TUNING_JOB_STATE_WAITING_FOR_QUOTA", State.PENDING),
        ("STATUS_FINETUNING", State.PENDING),
        ("STATE_UNSPECIFIED", State.PENDING),
        ("CANCELLATION_REQUESTED", State.PENDING),
        ("cancel_requested", State.PENDING),
        ("cancelling", State.PENDING),
        ("compressing", State.PENDING),
        ("pulling manifest", State.PENDING),
        ("validating_files", State.PENDING),
        ("RETRYING_AFTER_ERROR", State.PENDING),
        ("failed", State.FAILED),
        ("JOB_STATE_FAILED", State.FAILED),
        ("JOB_STATE_EXPIRED", State.FAILED),
        ("TimedOut", State.FAILED),
        ("user_error", State.FAILED),
        ("processing_failed", State.FAILED),
        ("PartiallyCompleted", State.FAILED),
        ("cancelled", State.CANCELLED),
        ("JOB_STATE_CANCELLED", State.CANCELLED),
        ("canceled", State.CANCELLED),
        ("Stopped", State.CANCELLED),
        ("incomplete", State.LIMIT),
        ("budget_exceeded", State.LIMIT),
        ("completed", State.DONE),
        ("JOB_STATE_SUCCEEDED", State.DONE),
        ("requires_action", State.DONE),
        ("ACTIVE", State.UNKNOWN),
        ("enforcing", State.UNKNOWN),
        ("missing", State.UNKNOWN),
        ("anything", State.UNKNOWN),
        ("", State.UNKNOWN),
        (None, State.UNKNOWN),
        (200, State.UNKNOWN),
    ],
)
def test_the_meaning_of_a_state(word, meaning):
    """Every spelling counts: camel case, snake case, upper case, with a prefix, or several words."""
    assert state_of(word) is meaning


@pytest.mark.parametrize(
    ("state", "problem"),
    [
        ("queued", "not-finished"),
        ("failed", "failed"),
        ("cancelled", "failed"),
        ("incomplete", "incomplete"),
        ("completed", None),
        ("whatever", None),
    ],
)
def test_the_state_of_a_models_answer(state, problem):
    """A model's answer must be completed; STORE_INCOMPLETE decides about a limit."""
    assert state_problem(state, store_incomplete=False) == problem
    assert state_problem("incomplete", store_incomplete=True) is None


# -- the SDKs' own words -------------------------------------------------------


def words(text):
    """The words of a text, as a set."""
    return frozenset(text.split())


# The words of the installed SDKs' types that `state_of` does not know, all of which are final or are not states of jobs.
FINAL = words(
    """
    active allowed approved archived banned blank_bearer_token blocked chatkit.thread closed connected
    continued_as_new degraded deleted denied disabled disconnected empty_credentials enabled end_time
    enforcing external_storage generated generated_confirmed handwritten inactive interrupted invalid
    mcp_server_timed_out mcp_server_unreachable missing_content no_refresh_token noop not_evaluated
    not_present oauth_near_expiry offline online open organization pass private public refused rejected
    restricted self_managed skipped start_time status_deleted status_temporarily_offline suspended
    trusted unhealthy unparsable_credentials unrestricted unset unverified uploaded valid verified
    you_need_to_reconnect
    """
)
FIELD = re.compile(
    r"^\s+\w*(?:status|state)\s*:\s*(.+?)(?=^\s+\w+\s*:|^\s*\"\"\"|^class |\Z)", re.DOTALL | re.MULTILINE
)
ALIAS = re.compile(
    r"^\w*(?:Status|State)\w*\s*(?::\s*\w+)?\s*=[^=]*?Literal\[(.*?)\]", re.DOTALL | re.MULTILINE
)
LITERAL = re.compile(r"Literal\[(.*?)\]", re.DOTALL)
ENUMS = ("JobState", "TuningJobState", "DocumentState", "FileState", "InteractionStatus")


def literals(package):
    """The words of every member and type of an installed SDK that is named for a status or state."""
    spec = importlib.util.find_spec(package)
    for file in Path(spec.submodule_search_locations[0]).rglob("*.py"):
        text = file.read_text(encoding="utf-8")
        if "Literal[" not in text:
            continue
        for literal in [
            *ALIAS.findall(text),
            *(found for field in FIELD.findall(text) for found in LITERAL.findall(field)),
        ]:
            yield from re.findall(r'"([^"]*)"', literal)


@pytest.mark.parametrize("package", ["openai", "anthropic", "mistralai", "cohere"])
def test_every_state_of_the_sdks_is_known(package):
    """A new state word of an SDK is noticed: whether a poll that gets it may be stored must be decided."""
    unknown = {
        word.lower().replace(" ", "_") for word in literals(package) if state_of(word) is State.UNKNOWN
    }

    assert len(set(literals(package))) > 10
    assert unknown <= FINAL


def test_every_state_of_google_genai_is_known():
    """The same holds for the enums of google-genai."""
    types = importlib.import_module("google.genai.types")
    states = {word.value for name in ENUMS for word in getattr(types, name)}

    assert {word for word in states if state_of(word) is State.UNKNOWN} == {"STATE_ACTIVE", "ACTIVE"}


@pytest.mark.parametrize(
    ("service", "shape"),
    [
        ("bedrock-runtime", "AsyncInvokeStatus"),
        ("bedrock", "ModelInvocationJobStatus"),
        ("bedrock", "ModelCustomizationJobStatus"),
        ("bedrock", "EvaluationJobStatus"),
    ],
)
def test_every_state_of_bedrocks_jobs_is_known(service, shape):
    """The states in botocore's models of Bedrock."""
    model = botocore.session.get_session().get_service_model(service)

    assert [word for word in model.shape_for(shape).enum if state_of(word) is State.UNKNOWN] == []


@pytest.mark.parametrize(
    ("reason", "keep", "problem"),
    [
        ("max_output_tokens", True, None),
        ("content-filter", True, None),
        ("", True, None),
        (None, False, "incomplete"),
        ("max_tool_calls", False, "incomplete"),
        ("server_overload", True, "failed"),
    ],
)
def test_a_reason_to_be_incomplete_must_be_a_limit(reason, keep, problem):
    """A known limit, a maximum of anything, or no reason; any other is a failure."""
    assert limit_problem(reason, keep) == problem

"""Judges a single JSON body: the result of a generation by its grammar, everything else by its state.

A job's state is looked for in the object itself, in its members and in the items of its lists.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from addon.judging import gemini, openai_chat, openai_responses
from addon.judging.endings import Rules, State, finish_problem, state_of
from addon.judging.in_band import is_error
from addon.judging.reasons import NotStored

__all__ = ["judge_action", "judge_value"]

# The top-level member with the finish reason, by family. If present, it must hold a reason.
_REASON_FIELDS = {
    "stop_reason": "anthropic",  # and Llama's on Bedrock
    "stopReason": "bedrock-converse",
    "finish_reason": "cohere",
    "completionReason": "json",
    "done_reason": "ollama",
}
_STATES = ("status", "state", "processing_status")
# What else jobs call their state: `validation_status`, `task_status`, `jobState` …
_STATE_NAME = re.compile(r"(?:^|_)(?:status|state)$|[a-z](?:Status|State)$")
_PERCENTAGES = ("progress", "percent", "percentComplete", "progressPercent", "progress_percent")
# google.cloud.aiplatform.v1 JobState, as Vertex sends it with `enum-encoding=int`.
_JOB_STATES = (
    "unspecified",
    "queued",
    "pending",
    "running",
    "succeeded",
    "failed",
    "cancelling",
    "cancelled",
    "paused",
    "expired",
    "updating",
    "partially_succeeded",
)
_JOB_ENDED = re.compile(r"complet|succe|fail|cancel", re.IGNORECASE)


def judge_action(value: Any) -> NotStored | None:
    """Why the answer to an action is not a success; None if it is. Pending and cancelled are regular successes."""
    if is_error(value):
        return NotStored.ERROR
    if isinstance(value, dict) and any(state_of(word) is State.FAILED for word in _states(value)):
        return NotStored.FAILED
    return None


def judge_value(value: Any, rules: Rules) -> tuple[NotStored | None, str]:
    """Why a JSON body is not whole and successful (None if it is), and the name of its family."""
    if isinstance(value, dict) and openai_responses.is_response(value):
        return _response_problem(value, rules), "openai-responses"
    if is_error(value):
        return NotStored.ERROR, "json"
    if isinstance(value, list):
        return _judge_list(value, rules)
    if not isinstance(value, dict):
        return (NotStored.EMPTY if value in (None, "") else None), "json"
    return _judge_object(value, rules) if value else (_empty_for(rules), "json")


def _judge_object(value: dict[str, Any], rules: Rules) -> tuple[NotStored | None, str]:
    if openai_chat.is_completion(value):
        return openai_chat.choices_problem([value], rules.store_incomplete), "openai-chat"
    if gemini.is_chunk(value):
        return gemini.chunks_problem([value], rules.store_incomplete), "gemini"
    for field, family in _REASON_FIELDS.items():
        if field in value and value.get("done") is not False:
            return finish_problem(value[field], rules.store_incomplete), family
    return _job_problem(value, rules) or _result_problem(value, rules), "json"


def _response_problem(value: dict[str, Any], rules: Rules) -> NotStored | None:
    if value.get("deleted") is True:
        return None
    problem = openai_responses.response_problem(value, rules.store_incomplete)
    if problem is None:
        is_open = openai_responses.has_open_item(value) and not rules.store_open_items
        return NotStored.NOT_FINISHED if is_open else None
    if is_error(value) or not isinstance(value.get("status"), str):
        return problem
    state = state_of(value["status"])
    return problem if state is State.LIMIT else rules.problem(state)


def _judge_list(value: list[Any], rules: Rules) -> tuple[NotStored | None, str]:
    if not value:
        return _empty_for(rules), "json"
    objects = [item for item in value if isinstance(item, dict)]
    if len(objects) == len(value) and any(gemini.is_chunk(item) for item in objects):
        return gemini.chunks_problem(objects, rules.store_incomplete), "gemini"
    return (_pending_problem(objects, rules) if rules.is_poll else None), "json"


def _empty_for(rules: Rules) -> NotStored | None:
    """Why `{}` or `[]` is not stored. An empty listing is a fact; a model never answers so."""
    return None if rules.is_poll else NotStored.EMPTY


def _job_problem(value: dict[str, Any], rules: Rules) -> NotStored | None:
    """Why a job, file or operation is not finished; None if it is. A stored `queued` would be polled forever."""
    if not rules.store_pending and _is_pending(value, rules):
        return NotStored.NOT_FINISHED
    words = _states(value) if rules.is_poll else _answer_states(value)
    problems = (rules.problem(state_of(word)) for word in words)
    if problem := next(filter(None, problems), None):
        return problem
    if not rules.is_poll:
        return None
    lists = (member for member in value.values() if isinstance(member, list))
    return next(filter(None, (_pending_problem(items, rules) for items in lists)), None)


def _pending_problem(items: list[Any], rules: Rules) -> NotStored | None:
    """NOT_FINISHED if an item of a listing is still pending. A failed item is a fact."""
    objects = [item for item in items if isinstance(item, dict)]
    if rules.store_pending or not objects:
        return None
    if any(item.get("object") == "fine_tuning.job.event" for item in objects):
        # The events of a job grow until one says how it ended.
        has_ended = any(_JOB_ENDED.search(str(item.get("message"))) for item in objects)
        return None if has_ended else NotStored.NOT_FINISHED
    for item in objects:
        if _is_pending(item, rules) or any(state_of(word) is State.PENDING for word in _states(item)):
            return NotStored.NOT_FINISHED
    return None


def _is_pending(value: dict[str, Any], rules: Rules) -> bool:
    """Whether an object says without a state word that it is not finished."""
    if value.get("done") is False or value.get("is_finished") is False:
        return True
    # Google's long-running operations have no `done` member until it is true.
    name = value.get("name")
    if isinstance(name, str) and "operations/" in name and value.get("done") is not True:
        return True
    # For an upload `uploaded` is the final answer; openai's `files.wait_for_processing` keeps polling on it.
    if rules.is_poll and value.get("object") == "file" and value.get("status") == "uploaded":
        return True
    # Mistral: validated, not yet started.
    if value.get("object") == "job" and value.get("status") == "VALIDATED":
        return True
    # A vector store may be `completed` and still have files to read: openai `types/vector_store.py`.
    counts = value.get("file_counts")
    return (isinstance(counts, dict) and bool(counts.get("in_progress"))) or _is_halfway(value)


def _is_halfway(value: dict[str, Any]) -> bool:
    """Whether a percentage is below 100 and no state says that the work is done."""
    percentages = [value[name] for name in _PERCENTAGES if isinstance(value.get(name), int | float)]
    if not any(0 <= percentage < 100 and percentage != 1 for percentage in percentages):
        return False
    return all(state_of(word) is not State.DONE for word in _own_states(value))


def _answer_states(value: dict[str, Any]) -> Iterator[object]:
    """The states of an object that is not polled; a file that was uploaded is a member of it.

    `created` and `accepted` are how an answer says that it is done.
    """
    uploaded = value.get("file")  # google-genai's files.upload
    for holder in (value, uploaded if isinstance(uploaded, dict) else {}):
        words = (holder.get(name) for name in _STATES)
        yield from (word for word in words if str(word).lower() not in ("created", "accepted"))


def _states(value: dict[str, Any]) -> Iterator[str]:
    """The state words of an object and of the objects in its members."""
    yield from _own_states(value)
    # `metadata` of OpenAI's and Anthropic's objects belongs to the user, Google's to the operation.
    is_users = "object" in value or "type" in value
    for name, member in value.items():
        if isinstance(member, dict) and not (name == "metadata" and is_users):
            yield from _own_states(member)


def _own_states(value: dict[str, Any]) -> Iterator[str]:
    if value.get("object") == "vector_store.file_batch" and "file_counts" in value:
        return  # openai's `file_batches.poll` waits for the counts alone
    state = value.get("state")
    if isinstance(state, int) and "Jobs/" in str(value.get("name")) and 0 <= state < len(_JOB_STATES):
        yield _JOB_STATES[state]
    is_invitation = "email" in value  # `accepted` is where an invitation ends, and where a job begins
    for name, word in value.items():
        if isinstance(word, str) and _STATE_NAME.search(name) and not (is_invitation and word == "accepted"):
            yield word


def _result_problem(value: dict[str, Any], rules: Rules) -> NotStored | None:
    """EMPTY for a model's answer without content; None otherwise.

    An empty listing (`data: []`, also of a search by POST) is a valid result. Empty embeddings or images are not;
    they are told apart by a model name, token counts or a creation time.
    """
    is_generated = not rules.is_poll and any(field in value for field in ("usage", "model", "created"))
    if is_generated and any(value.get(field) == [] for field in ("data", "results", "embeddings", "outputs")):
        return NotStored.EMPTY
    if value.get("embedding") == [] or value.get("embeddings") in ([], {}):
        return NotStored.EMPTY
    return None

"""A single JSON body: strict rules for the objects that say of themselves what they are, none for others.

Which endpoint was asked plays no part: mocks and gateways answer with whatever they like.
"""

from __future__ import annotations

from typing import Any

from addon.judging import gemini, openai_chat, openai_responses
from addon.judging.endings import finish_problem, state_problem
from addon.judging.in_band import is_error
from addon.judging.reasons import NotStored

__all__ = ["judge_value"]

# The top-level field of a whole answer, by family. Where the field is there, it must hold a reason.
_REASON_FIELDS = {
    "stop_reason": "anthropic",  # and Llama's on Bedrock
    "stopReason": "bedrock-converse",
    "finish_reason": "cohere",
    "completionReason": "json",
    "done_reason": "ollama",
}
_STATES = ("status", "state", "processing_status")
# Jobs count what is still to do: anthropic `message_batch_request_counts.py`, openai `vector_store.py`.
_COUNTS = {"request_counts": ("processing",), "file_counts": ("in_progress",)}


def judge_value(value: Any, method: str, store_incomplete: bool) -> tuple[NotStored | None, str]:
    """Why a JSON body is not whole and successful (None where it is), and the name of its family."""
    if isinstance(value, dict) and openai_responses.is_response(value):
        return openai_responses.response_problem(value, store_incomplete), "openai-responses"
    if is_error(value):
        return NotStored.ERROR, "json"
    if isinstance(value, list):
        return _judge_list(value, method, store_incomplete)
    if not isinstance(value, dict):
        return (NotStored.EMPTY if value in (None, "") else None), "json"
    if not value:
        return _empty_for(method), "json"
    if openai_chat.is_completion(value):
        return openai_chat.choices_problem([value], store_incomplete), "openai-chat"
    if gemini.is_chunk(value):
        return gemini.chunks_problem([value], store_incomplete), "gemini"
    for field, family in _REASON_FIELDS.items():
        if field in value and value.get("done") is not False:
            return finish_problem(value[field], store_incomplete), family
    return _job_problem(value, method, store_incomplete) or _result_problem(value, method), "json"


def _judge_list(value: list[Any], method: str, store_incomplete: bool) -> tuple[NotStored | None, str]:
    if not value:
        return _empty_for(method), "json"
    chunks = [item for item in value if isinstance(item, dict)]
    if len(chunks) == len(value) and any(gemini.is_chunk(chunk) for chunk in chunks):
        return gemini.chunks_problem(chunks, store_incomplete), "gemini"
    return None, "json"


def _empty_for(method: str) -> NotStored | None:
    """`{}` or `[]`: Google's answer to a DELETE and to a listing without results, but nothing that a model says."""
    return NotStored.EMPTY if method == "POST" else None


def _job_problem(value: dict[str, Any], method: str, store_incomplete: bool) -> NotStored | None:
    """Whether an object with a life of its own has come to its end: no poll may be told `queued` for ever."""
    if value.get("done") is False or value.get("is_finished") is False:
        return NotStored.NOT_FINISHED
    if _is_operation(value) and value.get("done") is not True:
        return NotStored.NOT_FINISHED
    # `uploaded` is the answer to an upload, but to openai's `files.wait_for_processing` it means: ask again.
    if method == "GET" and value.get("object") == "file" and value.get("status") == "uploaded":
        return NotStored.NOT_FINISHED
    for field, names in _COUNTS.items():
        counts = value.get(field)
        if isinstance(counts, dict) and any(counts.get(name) for name in names):
            return NotStored.NOT_FINISHED
    uploaded = value.get("file")  # google-genai's files.upload
    for thing in (value, uploaded if isinstance(uploaded, dict) else {}):
        for field in _STATES:
            if problem := state_problem(thing.get(field), store_incomplete):
                return problem
    return None


def _is_operation(value: dict[str, Any]) -> bool:
    """Google's long-running operations leave `done` out until it is true."""
    name = value.get("name")
    return isinstance(name, str) and "operations/" in name and ("metadata" in value or "done" in value)


def _result_problem(value: dict[str, Any], method: str) -> NotStored | None:
    """Whether an answer of a model holds anything.

    A listing without results (`data: []`, also of a search by POST) is a fact worth keeping; embeddings or images
    without any are not. Only the latter name a model, count tokens, or are stamped as created.
    """
    is_made = method != "GET" and any(field in value for field in ("usage", "model", "created"))
    if is_made and any(value.get(field) == [] for field in ("data", "results", "embeddings", "outputs")):
        return NotStored.EMPTY
    if value.get("embedding") == [] or value.get("embeddings") in ([], {}):
        return NotStored.EMPTY
    return None

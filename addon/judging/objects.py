"""Judges a single JSON body by its own members: strictly if it is of a known kind, not at all otherwise."""

from __future__ import annotations

from typing import Any

from addon.judging import gemini, openai_chat, openai_responses
from addon.judging.endings import finish_problem, state_problem
from addon.judging.in_band import is_error
from addon.judging.reasons import NotStored

__all__ = ["judge_value"]

# The top-level member with the finish reason, by family. If present, it must hold a reason.
_REASON_FIELDS = {
    "stop_reason": "anthropic",  # and Llama's on Bedrock
    "stopReason": "bedrock-converse",
    "finish_reason": "cohere",
    "completionReason": "json",
    "done_reason": "ollama",
}
_STATES = ("status", "state", "processing_status")
# Counts of what a job still has to do: anthropic `message_batch_request_counts.py`, openai `vector_store.py`.
_COUNTS = {"request_counts": ("processing",), "file_counts": ("in_progress",)}


def judge_value(value: Any, method: str, store_incomplete: bool) -> tuple[NotStored | None, str]:
    """Why a JSON body is not whole and successful (None if it is), and the name of its family."""
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
    """Why `{}` or `[]` is not stored. Google answers so to a DELETE and to a listing; a model never does."""
    return NotStored.EMPTY if method == "POST" else None


def _job_problem(value: dict[str, Any], method: str, store_incomplete: bool) -> NotStored | None:
    """Why a job, file or operation is not finished; None if it is. A stored `queued` would be polled forever."""
    if value.get("done") is False or value.get("is_finished") is False:
        return NotStored.NOT_FINISHED
    if _is_operation(value) and value.get("done") is not True:
        return NotStored.NOT_FINISHED
    # For an upload `uploaded` is the final answer; openai's `files.wait_for_processing` keeps polling on it.
    if method == "GET" and value.get("object") == "file" and value.get("status") == "uploaded":
        return NotStored.NOT_FINISHED
    for field, names in _COUNTS.items():
        counts = value.get(field)
        if isinstance(counts, dict) and any(counts.get(name) for name in names):
            return NotStored.NOT_FINISHED
    uploaded = value.get("file")  # google-genai's files.upload
    for holder in (value, uploaded if isinstance(uploaded, dict) else {}):
        for field in _STATES:
            if problem := state_problem(holder.get(field), store_incomplete):
                return problem
    return None


def _is_operation(value: dict[str, Any]) -> bool:
    """Whether it is a Google long-running operation, which has no `done` member until it is true."""
    name = value.get("name")
    return isinstance(name, str) and "operations/" in name and ("metadata" in value or "done" in value)


def _result_problem(value: dict[str, Any], method: str) -> NotStored | None:
    """EMPTY for a model's answer without content; None otherwise.

    An empty listing (`data: []`, also of a search by POST) is a valid result. Empty embeddings or images are not;
    they are told apart by a model name, token counts or a creation time.
    """
    is_made = method != "GET" and any(field in value for field in ("usage", "model", "created"))
    if is_made and any(value.get(field) == [] for field in ("data", "results", "embeddings", "outputs")):
        return NotStored.EMPTY
    if value.get("embedding") == [] or value.get("embeddings") in ([], {}):
        return NotStored.EMPTY
    return None

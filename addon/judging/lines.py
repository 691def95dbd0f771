"""One JSON value per line: Ollama's and Cohere's streams, and files such as a batch's results.

A file has no end mark: cut between two lines it reads like a shorter one, so there the transport's own end has to
do. An item of a batch that failed is a whole result.
"""

from __future__ import annotations

from typing import Any

from addon.judging.cohere_chat import v1_problem
from addon.judging.endings import finish_problem
from addon.judging.in_band import is_error
from addon.judging.items import parse_json
from addon.judging.openai_chat import choices_problem
from addon.judging.reasons import NotStored

__all__ = ["judge_lines"]

# A line with nothing else in it is an error of the stream, not of one of its items.
_ERROR_ONLY = frozenset(
    {"error", "errors", "type", "object", "message", "code", "status", "detail", "request_id"}
)


def judge_lines(body: bytes, store_incomplete: bool) -> tuple[NotStored | None, str]:
    """Why the lines are not whole and successful (None where they are), and the name of their grammar."""
    try:
        values = [parse_json(line) for line in body.decode("utf-8-sig").split("\n") if line.strip()]
    except ValueError:
        return NotStored.BAD_JSON, "jsonl"
    if not values:
        return NotStored.EMPTY, "jsonl"
    objects = [value for value in values if isinstance(value, dict)]
    if any(is_error(value) and value.keys() <= _ERROR_ONLY for value in objects):
        return NotStored.ERROR_IN_STREAM, "jsonl"
    # An object or a list cannot be cut without notice; a bare number can.
    if not body.endswith(b"\n") and not isinstance(values[-1], dict | list):
        return NotStored.CUT_OFF, "jsonl"
    return _dialect(objects, store_incomplete)


def _dialect(objects: list[dict[str, Any]], store_incomplete: bool) -> tuple[NotStored | None, str]:
    if not objects:
        return None, "jsonl"
    last = objects[-1]
    if isinstance(objects[0].get("done"), bool):
        return _ollama_problem(last, store_incomplete), "ollama"
    if isinstance(objects[0].get("event_type"), str):
        return v1_problem(last, store_incomplete), "cohere-v1"
    if objects[0].get("object") == "chat.completion.chunk":
        return choices_problem(objects, store_incomplete), "openai-chat"
    return None, "jsonl"


def _ollama_problem(last: dict[str, Any], store_incomplete: bool) -> NotStored | None:
    if last.get("done") is not True:
        return NotStored.NO_TERMINAL_EVENT
    # Older servers give no reason with their last line.
    reason = last.get("done_reason")
    return finish_problem(reason, store_incomplete) if reason else None

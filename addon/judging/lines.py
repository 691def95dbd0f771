"""One JSON value per line: streams of Ollama and Cohere, and files such as batch results.

Files of lines have no end marker. One cut between two lines looks like a shorter file, so only the transport can
tell. A failed item in a batch result is a regular result.
"""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Iterator
from io import BytesIO
from typing import Any

from addon.judging.cohere_chat import v1_problem
from addon.judging.endings import finish_problem
from addon.judging.in_band import is_error
from addon.judging.openai_chat import choices_problem
from addon.judging.reasons import NotStored
from addon.judging.stream_events import parse_json, parse_object
from cache_store.answers.abridged import abridged_json

__all__ = ["closes_lines", "is_cut_in_line", "judge_lines"]

# A line with only these members is an error of the whole stream, not of one item of a batch.
_ERROR_ONLY = frozenset(
    {"error", "errors", "type", "object", "message", "code", "status", "detail", "request_id"}
)


def judge_lines(body: bytes, store_incomplete: bool) -> tuple[NotStored | None, str]:
    """Why the lines are not whole and successful (None if they are), and the name of their grammar."""
    first: dict[str, Any] = {}
    last: dict[str, Any] = {}
    value: Any = None
    is_empty, has_error, has_error_line = True, False, False
    try:
        # One at a time: the parsed values take several times the memory of the lines.
        for value in _values(body):
            is_empty = False
            if isinstance(value, dict):
                first, last = first or value, value
                if is_error(value):
                    has_error = True
                    has_error_line = has_error_line or value.keys() <= _ERROR_ONLY
    except ValueError:
        return NotStored.BAD_JSON, "jsonl"
    if is_empty:
        return NotStored.EMPTY, "jsonl"
    family = _family_of(first)
    if has_error_line or (has_error and family != "jsonl"):
        return NotStored.ERROR_IN_STREAM, "jsonl"
    # A cut object or list does not parse; a cut number does.
    if not body.endswith(b"\n") and not isinstance(value, dict | list):
        return NotStored.CUT_OFF, "jsonl"
    if family == "openai-chat":
        chunks = (value for value in _values(body) if isinstance(value, dict))
        return choices_problem(chunks, store_incomplete), family
    problem = _PROBLEMS.get(family)
    return problem(last, store_incomplete) if problem else None, family


def _family_of(first: dict[str, Any]) -> str:
    if isinstance(first.get("done"), bool):
        return "ollama"
    if isinstance(first.get("event_type"), str):
        return "cohere-v1"
    return "openai-chat" if first.get("object") == "chat.completion.chunk" else "jsonl"


def is_cut_in_line(body: bytes, *, is_declared: bool) -> bool:
    """Whether the body is lines of JSON objects, but the last one starts as an object and does not end.

    `is_declared`: its media type says that it is lines; else a single line is not enough to tell.
    """
    lines, _, last = body.rstrip(b"\r\n").rpartition(b"\n")
    if not last.startswith(b"{") or not (lines or is_declared):
        return False
    try:
        parse_json(abridged_json(last).decode("utf-8-sig"))
    except ValueError:
        pass
    else:
        return False
    try:
        return all(isinstance(value, dict) for value in _values(lines))
    except ValueError:
        return False


def closes_lines(body: bytes) -> bool:
    """Whether the last line is one that nothing can follow: the end of Ollama's or Cohere's stream."""
    last = parse_object(body.rstrip().rpartition(b"\n")[2])
    return last.get("event_type") == "stream-end" or (
        last.get("done") is True and any(name in last for name in ("model", "response", "message"))
    )


def _values(body: bytes) -> Iterator[Any]:
    """The value of each line. Raises ValueError at a line that is not JSON."""
    for line in BytesIO(body.removeprefix(BOM_UTF8)):
        if not line.isspace():
            yield parse_json(abridged_json(line).decode())


def _ollama_problem(last: dict[str, Any], store_incomplete: bool) -> NotStored | None:
    if last.get("done") is not True:
        return NotStored.NO_TERMINAL_EVENT
    # Older servers send no reason.
    reason = last.get("done_reason")
    return finish_problem(reason, store_incomplete) if reason else None


_PROBLEMS = {"ollama": _ollama_problem, "cohere-v1": v1_problem}

"""OpenAI's Responses API: typed events; the last one carries the whole response with its status.

Azure and some gateways add `[DONE]`, which is ignored. A response that hit a limit ends with `response.incomplete`.
OpenRouter ends with `response.done`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from addon.judging.endings import limit_problem, state_problem
from addon.judging.in_band import is_error_value
from addon.judging.reasons import NotStored
from addon.judging.stream_events import Grammar, StreamEvent

__all__ = ["GRAMMAR", "has_open_item", "is_response", "response_problem"]

_TERMINAL = frozenset({"response.completed", "response.incomplete", "response.done"})
_FAILED = frozenset({"response.failed", "response.cancelled"})


def response_problem(response: object, store_incomplete: bool) -> NotStored | None:
    """Why a response object is not whole and successful; None if it is."""
    if not isinstance(response, dict):
        return NotStored.BAD_JSON
    if is_error_value(response.get("error")):
        return NotStored.FAILED
    if not isinstance(response.get("status"), str):
        return NotStored.NOT_FINISHED
    details = response.get("incomplete_details")
    if response["status"] == "incomplete" and isinstance(details, dict):
        return limit_problem(details.get("reason"), store_incomplete)
    return state_problem(response["status"], store_incomplete)


def has_open_item(response: dict[str, Any]) -> bool:
    """Whether a completed response has an output item that is still in progress."""
    items = response.get("output")
    return response.get("status") == "completed" and any(
        isinstance(item, dict) and item.get("status") == "in_progress"
        for item in (items if isinstance(items, list) else ())
    )


def is_response(value: dict[str, Any]) -> bool:
    """Whether a JSON object is a response."""
    return value.get("object") == "response"


def _problem(events: Sequence[StreamEvent], store_incomplete: bool) -> NotStored | None:
    last = events[-1]
    if any(event.kind in _FAILED for event in events):
        return NotStored.FAILED
    if last.kind not in _TERMINAL:
        return NotStored.NO_TERMINAL_EVENT
    return response_problem(last.value.get("response"), store_incomplete)


GRAMMAR = Grammar(
    "openai-responses",
    lambda event: event.kind.startswith("response."),
    _problem,
    is_last=lambda event: event.kind in _TERMINAL | _FAILED,
)

"""OpenAI's Responses API: typed events that end with the whole response, which carries its own status.

`[DONE]`, which Azure and some gateways add, is not part of it. A response that ended at a limit ends with
`response.incomplete`; `response.done` is what OpenRouter ends with.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from addon.judging.endings import state_problem
from addon.judging.in_band import is_error_value
from addon.judging.items import Grammar, Item
from addon.judging.reasons import NotStored

__all__ = ["GRAMMAR", "is_response", "response_problem"]

_TERMINAL = frozenset({"response.completed", "response.incomplete", "response.done"})
_FAILED = frozenset({"response.failed", "response.cancelled"})


def response_problem(response: object, store_incomplete: bool) -> NotStored | None:
    """Why a response object is not whole and successful."""
    if not isinstance(response, dict):
        return NotStored.BAD_JSON
    if is_error_value(response.get("error")):
        return NotStored.FAILED
    if not isinstance(response.get("status"), str):
        return NotStored.NOT_FINISHED
    return state_problem(response["status"], store_incomplete)


def is_response(value: dict[str, Any]) -> bool:
    """Whether a JSON object is a response."""
    return value.get("object") == "response"


def _recognises(item: Item) -> bool:
    return item.kind.startswith("response.")


def _problem(items: Sequence[Item], store_incomplete: bool) -> NotStored | None:
    last = items[-1]
    if any(item.kind in _FAILED for item in items):
        return NotStored.FAILED
    if last.kind not in _TERMINAL:
        return NotStored.NO_TERMINAL_EVENT
    return response_problem(last.value.get("response"), store_incomplete)


GRAMMAR = Grammar("openai-responses", _recognises, _problem)

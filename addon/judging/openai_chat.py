"""Chat completions and completions of OpenAI, Azure and compatible providers.

A stream ends with `data: [DONE]` (openai `_streaming.py`, mistralai `chat.py`). The sentinel alone proves nothing:
each choice must also have its finish reason. Azure's first chunk and the usage chunk have no choices.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from addon.judging.endings import finish_problem
from addon.judging.in_band import is_error_value
from addon.judging.reasons import NotStored
from addon.judging.stream_events import Grammar, StreamEvent

__all__ = ["GRAMMAR", "choices_problem", "ends_with_usage", "is_completion"]

_OBJECTS = ("chat.completion", "chat.completion.chunk", "text_completion")


def is_completion(value: dict[str, Any]) -> bool:
    """Whether a JSON object is a completion or a chunk of a completion."""
    return value.get("object") in _OBJECTS or isinstance(value.get("choices"), list)


def choices_problem(chunks: Iterable[dict[str, Any]], store_incomplete: bool) -> NotStored | None:
    """Why the choices of these chunks (one for an answer that was not streamed) are not whole; None if they are."""
    reasons: dict[int, object] = {}
    for chunk in chunks:
        choices = chunk.get("choices")
        for choice in choices if isinstance(choices, list) else ():
            if not isinstance(choice, dict):
                return NotStored.BAD_JSON
            if is_error_value(choice.get("error")):
                return NotStored.ERROR
            index = choice.get("index")
            index = index if isinstance(index, int) else 0
            reasons[index] = choice.get("finish_reason") or reasons.get(index)
    if not reasons:
        return NotStored.EMPTY
    problems = (finish_problem(reason, store_incomplete) for reason in reasons.values())
    return next(filter(None, problems), None)


def _problem(events: Sequence[StreamEvent], store_incomplete: bool) -> NotStored | None:
    if not events[-1].is_done:
        return NotStored.NO_TERMINAL_EVENT
    chunks = [event.value for event in events if not event.is_done]
    if not all(chunks):
        return NotStored.BAD_JSON
    return choices_problem(chunks, store_incomplete)


def ends_with_usage(events: Sequence[StreamEvent]) -> bool:
    """Whether a stream ends with a usage chunk and `[DONE]`, as OpenRouter's and Nebius's do without a reason."""
    if len(events) < 2 or not events[-1].is_done:
        return False
    return isinstance(events[-2].value.get("usage"), dict)


GRAMMAR = Grammar(
    "openai-chat", lambda event: is_completion(event.value), _problem, is_last=lambda event: event.is_done
)

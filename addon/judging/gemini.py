"""Gemini's generateContent: one object, an SSE stream without any sentinel, or a JSON array of the same chunks.

A candidate has ended where the last chunk that shows it has a finish reason: translators and old models put STOP
on earlier chunks too, so the first one is not the end. A blocked prompt has a block reason and no candidates.
Gemini CLI's OAuth endpoint wraps each chunk in `response`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from addon.judging.endings import finish_problem
from addon.judging.items import Grammar, Item
from addon.judging.reasons import NotStored

__all__ = ["GRAMMAR", "chunks_problem", "is_chunk"]


def is_chunk(value: dict[str, Any]) -> bool:
    """Whether a JSON object is a GenerateContentResponse, wrapped or not."""
    chunk = _unwrap(value)
    if isinstance(chunk.get("candidates"), list) or "promptFeedback" in chunk:
        return True
    # Cached contents and embeddings count tokens as well, but name no version that answered.
    return "usageMetadata" in chunk and ("modelVersion" in chunk or "responseId" in chunk)


def chunks_problem(values: Iterable[dict[str, Any]], store_incomplete: bool) -> NotStored | None:
    """Why these chunks (or the one whole object) are not a whole answer."""
    reasons: dict[int, object] = {}
    blocked = False
    for value in values:
        chunk = _unwrap(value)
        feedback = chunk.get("promptFeedback")
        blocked = blocked or (isinstance(feedback, dict) and bool(feedback.get("blockReason")))
        candidates = chunk.get("candidates")
        for candidate in candidates if isinstance(candidates, list) else ():
            if not isinstance(candidate, dict):
                return NotStored.BAD_JSON
            index = candidate.get("index")
            reasons[index if isinstance(index, int) else 0] = candidate.get("finishReason")
    if not reasons:
        return None if blocked else NotStored.EMPTY
    problems = (finish_problem(reason, store_incomplete) for reason in reasons.values())
    return next(filter(None, problems), None)


def _unwrap(value: dict[str, Any]) -> dict[str, Any]:
    inner = value.get("response")
    return inner if isinstance(inner, dict) else value


def _recognises(item: Item) -> bool:
    return is_chunk(item.value)


def _problem(items: Sequence[Item], store_incomplete: bool) -> NotStored | None:
    if not all(item.value for item in items):
        return NotStored.BAD_JSON
    return chunks_problem([item.value for item in items], store_incomplete)


GRAMMAR = Grammar("gemini", _recognises, _problem)

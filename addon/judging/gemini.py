"""Gemini generateContent: one object, an SSE stream without a sentinel, or a JSON array of chunks.

A candidate has ended if its last chunk has a finish reason. Some gateways and old models put STOP on earlier chunks
too, so the first STOP is not the end. A blocked prompt has a block reason and no candidates. The OAuth endpoint of
Gemini CLI wraps each chunk in `response`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from addon.judging.endings import finish_problem
from addon.judging.reasons import NotStored
from addon.judging.stream_events import Grammar, StreamEvent

__all__ = ["GRAMMAR", "chunks_problem", "is_chunk"]

# With `enum-encoding=int` Google sends numbers. From 9 on Vertex and Gemini differ, and any of those may be a
# failure.
_BY_NUMBER = (
    "FINISH_REASON_UNSPECIFIED",
    "STOP",
    "MAX_TOKENS",
    "SAFETY",
    "RECITATION",
    "OTHER",
    "BLOCKLIST",
    "BLOCKLIST",
    "PROHIBITED_CONTENT",
)


def is_chunk(value: dict[str, Any]) -> bool:
    """Whether a JSON object is a GenerateContentResponse, with or without Gemini CLI's wrapper."""
    chunk = _unwrap(value)
    if isinstance(chunk.get("candidates"), list) or "promptFeedback" in chunk:
        return True
    # Cached contents and embeddings have `usageMetadata` too, but neither of these.
    return "usageMetadata" in chunk and ("modelVersion" in chunk or "responseId" in chunk)


def chunks_problem(values: Iterable[dict[str, Any]], store_incomplete: bool) -> NotStored | None:
    """Why these chunks (one for an answer that was not streamed) are not a whole answer; None if they are."""
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
            reason = candidate.get("finishReason")
            if isinstance(reason, int):
                reason = _BY_NUMBER[reason] if 0 <= reason < len(_BY_NUMBER) else "OTHER"
            reasons[index if isinstance(index, int) else 0] = reason
    if not reasons:
        return None if blocked else NotStored.EMPTY
    problems = (finish_problem(reason, store_incomplete) for reason in reasons.values())
    return next(filter(None, problems), None)


def _unwrap(value: dict[str, Any]) -> dict[str, Any]:
    inner = value.get("response")
    return inner if isinstance(inner, dict) else value


def _problem(events: Sequence[StreamEvent], store_incomplete: bool) -> NotStored | None:
    if not all(event.value for event in events):
        return NotStored.BAD_JSON
    return chunks_problem([event.value for event in events], store_incomplete)


GRAMMAR = Grammar("gemini", lambda event: is_chunk(event.value), _problem)

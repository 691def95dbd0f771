"""Whether an answer holds as many results as its request asked for: `n` choices, an embedding for each input.

Sources: openai `types/chat/completion_create_params.py` (`n`: "how many chat completion choices to generate"),
`types/completion_create_params.py` and `types/embedding_create_params.py`; cohere `v2/client.py` (`texts`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from addon.judging.stream_events import parse_json, stream_events
from cache_store.answers import sse
from cache_store.answers.abridged import abridged_events, abridged_json
from cache_store.answers.media import Kind

__all__ = ["has_all"]

# Members of a request without which nothing is counted: most requests need not be parsed.
_COUNTED = (b'"n"', b'"input"', b'"texts"')


def has_all(request: bytes, body: bytes, kind: Kind) -> bool:
    """Whether no result is missing; True if the request (decoded) does not tell how many there must be."""
    if kind not in (Kind.JSON, Kind.EVENTS) or not any(name in request for name in _COUNTED):
        return True
    asked = _object(request)
    choices = asked["n"] if isinstance(asked.get("n"), int) else 0
    vectors = max(_inputs(asked.get("input")), _inputs(asked.get("texts")))
    if max(choices, vectors) < 2:
        return True
    if kind is Kind.EVENTS:
        events = stream_events(sse.parse(abridged_events(body)).events)
        return _has_choices(choices, [event.value for event in events])
    answer = _object(body)
    return _has_choices(choices, [answer]) and _has_embeddings(vectors, answer)


def _has_choices(wanted: int, chunks: Iterable[dict[str, Any]]) -> bool:
    lists = [chunk["choices"] for chunk in chunks if isinstance(chunk.get("choices"), list)]
    if not lists:
        return True
    indices = {
        choice.get("index", place)
        for choices in lists
        for place, choice in enumerate(choices)
        if isinstance(choice, dict) and isinstance(choice.get("index", place), int)
    }
    return len(indices) >= wanted


def _has_embeddings(wanted: int, answer: dict[str, Any]) -> bool:
    vectors = answer.get("embeddings")
    lists = [answer.get("data"), *(vectors.values() if isinstance(vectors, dict) else [vectors])]
    return all(len(found) >= wanted for found in lists if isinstance(found, list))


def _inputs(value: object) -> int:
    """How many embeddings an input makes: a list of numbers is one text as tokens."""
    if not isinstance(value, list):
        return 0
    is_many = all(isinstance(item, str) for item in value) or all(isinstance(item, list) for item in value)
    return len(value) if is_many else 0


def _object(text: bytes) -> dict[str, Any]:
    try:
        value = parse_json(abridged_json(text).decode("utf-8-sig"))
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}

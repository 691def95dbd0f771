"""Chooses which recorded requests are asked: as many different routes and models as the sample has room for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from addon.drift.question import Question
from cache_store.entry import Entry

__all__ = ["form_of", "route_of", "sample"]

type Route = tuple[str, ...]


def route_of(entry: Entry) -> Route:
    """Host, path and model of a request."""
    return tuple(entry.label.get(name, "") for name in ("host", "path", "model"))


def form_of(entry: Entry, question: Question) -> Route:
    """What requests whose answers have the same fields share: the route, and which members their bodies have."""
    body: Any = question.body
    return (*route_of(entry), *(sorted(body) if isinstance(body, dict) else ()))


def sample(
    by_route: Mapping[Route, Sequence[str]], most: int, shuffle: Callable[[list[str]], None]
) -> list[str]:
    """At most `most` keys: one of each route in turn, by chance within a route. `shuffle` shuffles in place."""
    waiting = []
    for keys in by_route.values():
        shuffled = list(keys)
        shuffle(shuffled)
        waiting.append(shuffled)
    chosen: list[str] = []
    while waiting and len(chosen) < most:
        chosen += [keys.pop() for keys in waiting[: most - len(chosen)]]
        waiting = [keys for keys in waiting if keys]
    return chosen

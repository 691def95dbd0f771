"""Finds headers that a client seems to make anew for every request: no two requests of an endpoint share one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

__all__ = ["per_request_headers"]

_FEWEST = 3  # requests, the new one among them: two that differ say little
_LONGEST = 200  # characters of a value; a longer one is rather content


def per_request_headers(new: dict[str, Any], recorded: Sequence[dict[str, Any]]) -> frozenset[str]:
    """The names of headers that `new` and all `recorded` requests of its endpoint have, each with another value.

    All are parsed saved requests.
    """
    requests = [
        new,
        *(old for old in recorded if all(old.get(part) == new.get(part) for part in ("host", "path"))),
    ]
    if len(requests) < _FEWEST:
        return frozenset()
    values = [_single_values(request.get("headers")) for request in requests]
    shared = set(values[0]).intersection(*values[1:])
    return frozenset(name for name in shared if len({of[name] for of in values}) == len(requests))


def _single_values(pairs: Any) -> dict[str, str]:
    """Headers that could hold an id: one value each, a single word."""
    found: dict[str, list[Any]] = {}
    for pair in pairs if isinstance(pairs, list) else ():
        if isinstance(pair, list) and len(pair) == 2:
            found.setdefault(str(pair[0]), []).append(pair[1])
    return {name: values[0] for name, values in found.items() if len(values) == 1 and _is_word(values[0])}


def _is_word(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _LONGEST and " " not in value

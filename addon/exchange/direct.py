"""Requests to the proxy's own address: the base-URL door, and the status pages.

The door's path names the provider, as in `/https/api.openai.com/v1/models`. It is for clients that ignore proxy
variables, such as Node 20's fetch and aiohttp's default session.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, NamedTuple

__all__ = ["STATS", "Page", "Target", "page_for", "parse_door"]

STATS = "/-/stats"

_DOOR = re.compile(r"/(https?)/(\[[0-9A-Fa-f:.]+\]|[^/\s:@?#\[\]]+)(?::(\d{1,5}))?((?:[/?].*)?)", re.DOTALL)


class Target(NamedTuple):
    """Where a base-URL request goes; `path` includes the query."""

    scheme: str
    host: str
    port: int
    path: str


class Page(NamedTuple):
    """A page's content and its headers."""

    body: bytes
    headers: dict[str, str]


def parse_door(path: str) -> Target | None:
    """The target that the path of a direct request names, or None."""
    match = _DOOR.fullmatch(path)
    if not match:
        return None
    scheme, host, port, rest = match.groups()
    number = int(port) if port else (443 if scheme == "https" else 80)
    if not 0 < number < 65536:
        return None
    return Target(scheme, host.strip("[]").lower(), number, rest if rest.startswith("/") else f"/{rest}")


def page_for(target: str, stats: Callable[[], dict[str, Any]]) -> Page | None:
    """The page at `target`, with or without a query, or None. `stats` gives the run's figures."""
    path = target.partition("?")[0]
    if path == "/-/healthz":
        return Page(b"ok\n", {"content-type": "text/plain"})
    if path == STATS:
        return Page(json.dumps(stats(), indent=1).encode(), {"content-type": "application/json"})
    return None

"""The base-URL door: `/https/api.openai.com/v1/models` names the provider in the path.

Clients that ignore proxy variables (Node 20's fetch, aiohttp's default session) take this one.
"""

from __future__ import annotations

import re
from typing import NamedTuple

__all__ = ["Target", "parse_door"]

_DOOR = re.compile(r"/(https?)/(\[[0-9A-Fa-f:.]+\]|[^/\s:@?#\[\]]+)(?::(\d{1,5}))?((?:[/?].*)?)", re.DOTALL)


class Target(NamedTuple):
    """Where a base-URL request is meant to go; `path` has its query."""

    scheme: str
    host: str
    port: int
    path: str


def parse_door(path: str) -> Target | None:
    """The target that the path of a direct request names, or None where it names none."""
    match = _DOOR.fullmatch(path)
    if not match:
        return None
    scheme, host, port, rest = match.groups()
    number = int(port) if port else (443 if scheme == "https" else 80)
    if not 0 < number < 65536:
        return None
    return Target(scheme, host.strip("[]").lower(), number, rest if rest.startswith("/") else f"/{rest}")

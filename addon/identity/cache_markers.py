"""Anthropic's `cache_control` markers: where a prompt's prefix is cached says nothing about its answer.

SDKs and agents move their breakpoints from call to call, so the markers are taken from their places and only
which ones there are stays in the identity: having none, or another TTL, makes another request. Markers are taken
only from the places that the API has for them (Messages: `CacheControlEphemeral` on the request, on system,
content and tool blocks; the same below a batch's params). Anywhere else, as in a schema or in a tool's input,
a member of that name is data.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

__all__ = ["merged_markers", "take_markers"]

_NAME = "cache_control"
_MAX_CONTENT_DEPTH = 4


def take_markers(body: Any) -> list[dict[str, str]]:
    """Removes the markers from `body` (a parsed JSON value) and returns the distinct ones, sorted."""
    found = [holder.pop(_NAME) for holder in _holders(body) if _is_marker(holder.get(_NAME))]
    return merged_markers(found, [])


def merged_markers(some: list[dict[str, str]], more: list[dict[str, str]]) -> list[dict[str, str]]:
    """The distinct markers of both, sorted."""
    distinct = {tuple(sorted(marker.items())): marker for marker in (*some, *more)}
    return [dict(items) for items in sorted(distinct)]


def _is_marker(value: Any) -> bool:
    return isinstance(value, dict) and "type" in value and all(type(part) is str for part in value.values())


def _holders(body: Any) -> Iterator[dict[str, Any]]:
    if not isinstance(body, dict):
        return
    yield from _of_message_request(body)
    for item in _objects(body.get("requests")):
        if isinstance(params := item.get("params"), dict):
            yield from _of_message_request(params)


def _of_message_request(request: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield request
    yield from _blocks(request.get("system"), _MAX_CONTENT_DEPTH)
    yield from _objects(request.get("tools"))
    for message in _objects(request.get("messages")):
        yield message
        yield from _blocks(message.get("content"), _MAX_CONTENT_DEPTH)


def _blocks(content: Any, depth: int) -> Iterator[dict[str, Any]]:
    """Content blocks, and those inside of tool results and documents."""
    for block in _objects(content):
        yield block
        if depth:
            yield from _blocks(block.get("content"), depth - 1)
            if isinstance(source := block.get("source"), dict):
                yield from _blocks(source.get("content"), depth - 1)


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, list):
        yield from (item for item in value if isinstance(item, dict))

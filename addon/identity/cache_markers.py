"""Takes Anthropic's `cache_control` markers out of their places: the position of a cached prefix does not affect
the answer.

SDKs and agents move their breakpoints from call to call, so the identity keeps only the set of distinct markers.
A request without markers, or with another TTL, stays a different request. Markers are taken only from the places
that the API defines (Messages: `CacheControlEphemeral` on the request, and on system, content and tool blocks; also
in the params of a batch). Anywhere else, such as in a schema or a tool's input, a member of that name is data.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

__all__ = ["merged_markers", "take_markers"]

_NAME = "cache_control"
_MAX_CONTENT_DEPTH = 4


def take_markers(body: Any) -> list[dict[str, str]]:
    """Remove the markers from `body` (a parsed JSON value); return the distinct ones, sorted."""
    taken: list[dict[str, str]] = []
    if isinstance(body, dict):
        _take_from_request(body, taken)
        for item in _list(body.get("requests")):
            if isinstance(item, dict) and isinstance(params := item.get("params"), dict):
                _take_from_request(params, taken)
    return merged_markers(taken, [])


def merged_markers(some: list[dict[str, str]], more: list[dict[str, str]]) -> list[dict[str, str]]:
    """The distinct markers of both lists, sorted."""
    markers = [*some, *more]
    if not markers or markers.count(markers[0]) == len(markers):  # the usual case
        return markers[:1]
    return [dict(items) for items in sorted({tuple(sorted(marker.items())) for marker in markers})]


def _take_from_request(request: dict[str, Any], taken: list[dict[str, str]]) -> None:
    _take(request, taken)
    for tool in _list(request.get("tools")):
        if isinstance(tool, dict):
            _take(tool, taken)
    _take_from_blocks(_list(request.get("system")), taken, _MAX_CONTENT_DEPTH)
    for message in _list(request.get("messages")):
        if isinstance(message, dict):
            _take(message, taken)
            if content := _list(message.get("content")):
                _take_from_blocks(content, taken, _MAX_CONTENT_DEPTH)


def _take_from_blocks(content: list[Any], taken: list[dict[str, str]], depth: int) -> None:
    """Take markers from content blocks and from the blocks inside tool results and documents."""
    for block in content:
        if not isinstance(block, dict):
            continue
        _take(block, taken)
        if depth:
            if inner := _list(block.get("content")):
                _take_from_blocks(inner, taken, depth - 1)
            if isinstance(source := block.get("source"), dict):
                _take_from_blocks(_list(source.get("content")), taken, depth - 1)


def _take(holder: dict[str, Any], taken: list[dict[str, str]]) -> None:
    marker = holder.get(_NAME)
    if isinstance(marker, dict) and "type" in marker and _are_texts(marker.values()):
        taken.append(holder.pop(_NAME))


def _are_texts(values: Iterable[Any]) -> bool:
    return all(type(value) is str for value in values)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []

"""Anthropic's `cache_control` markers: where a prompt's prefix is cached says nothing about its answer.

SDKs and agents move their breakpoints from call to call, so the markers are taken from their places and only
which ones there are stays in the identity: having none, or another TTL, makes another request. Markers are taken
only from the places that the API has for them (Messages: `CacheControlEphemeral` on the request, on system,
content and tool blocks; the same below a batch's params). Anywhere else, as in a schema or in a tool's input,
a member of that name is data.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

__all__ = ["merged_markers", "take_markers"]

_NAME = "cache_control"
_MAX_CONTENT_DEPTH = 4


def take_markers(body: Any) -> list[dict[str, str]]:
    """Removes the markers from `body` (a parsed JSON value) and returns the distinct ones, sorted."""
    taken: list[dict[str, str]] = []
    if isinstance(body, dict):
        _take_from_request(body, taken)
        for item in _list(body.get("requests")):
            if isinstance(item, dict) and isinstance(params := item.get("params"), dict):
                _take_from_request(params, taken)
    return merged_markers(taken, [])


def merged_markers(some: list[dict[str, str]], more: list[dict[str, str]]) -> list[dict[str, str]]:
    """The distinct markers of both, sorted."""
    found = [*some, *more]
    if not found or found.count(found[0]) == len(found):  # as mostly
        return found[:1]
    return [dict(items) for items in sorted({tuple(sorted(marker.items())) for marker in found})]


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
    """From content blocks, and those inside of tool results and documents."""
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

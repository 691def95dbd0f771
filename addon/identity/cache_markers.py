"""Anthropic's `cache_control` markers: where a prompt's prefix is cached says nothing about its answer.

SDKs and agents move their breakpoints from call to call, so the markers are taken from their places and only
which ones there are stays in the identity: having none, or another TTL, makes another request. Markers are taken
only from the places that the API has for them (Messages: `CacheControlEphemeral` on the request, on system,
content and tool blocks; the same below a batch's params). Anywhere else, as in a schema or in a tool's input,
a member of that name is data.
"""

from __future__ import annotations

from typing import Any

__all__ = ["merged_markers", "take_markers"]

_NAME = "cache_control"
_MAX_CONTENT_DEPTH = 4


def take_markers(body: Any) -> list[dict[str, str]]:
    """Removes the markers from `body` (a parsed JSON value) and returns the distinct ones, sorted."""
    found = [holder.pop(_NAME) for holder in _holders(body) if _NAME in holder and _is_marker(holder[_NAME])]
    return merged_markers(found, [])


def merged_markers(some: list[dict[str, str]], more: list[dict[str, str]]) -> list[dict[str, str]]:
    """The distinct markers of both, sorted."""
    distinct = {tuple(sorted(marker.items())): marker for marker in (*some, *more)}
    return [dict(items) for items in sorted(distinct)]


def _is_marker(value: Any) -> bool:
    return isinstance(value, dict) and "type" in value and all(type(part) is str for part in value.values())


def _holders(body: Any) -> list[dict[str, Any]]:
    if not isinstance(body, dict):
        return []
    holders = _of_message_request(body)
    for item in _objects(body.get("requests")):
        if isinstance(params := item.get("params"), dict):
            holders += _of_message_request(params)
    return holders


def _of_message_request(request: dict[str, Any]) -> list[dict[str, Any]]:
    messages = _objects(request.get("messages"))
    holders = [request, *_objects(request.get("tools")), *messages]
    _add_blocks(holders, request.get("system"), _MAX_CONTENT_DEPTH)
    for message in messages:
        _add_blocks(holders, message.get("content"), _MAX_CONTENT_DEPTH)
    return holders


def _add_blocks(holders: list[dict[str, Any]], content: Any, depth: int) -> None:
    """Content blocks, and those inside of tool results and documents."""
    for block in _objects(content):
        holders.append(block)
        if depth:
            if "content" in block:
                _add_blocks(holders, block["content"], depth - 1)
            if isinstance(source := block.get("source"), dict):
                _add_blocks(holders, source.get("content"), depth - 1)


def _objects(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []

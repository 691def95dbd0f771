"""A request and a live answer, free of mitmproxy's types."""

from __future__ import annotations

from dataclasses import dataclass

from cache_store.entry import Headers

__all__ = ["LiveAnswer", "WireRequest"]


@dataclass(frozen=True, slots=True)
class WireRequest:
    """A whole request.

    `host` and `port` come from the URL or `:authority`, never from the Host header. `target` is the path with
    its query, exactly as sent. `headers` keep order, case and repeats. `body` is as sent (maybe compressed).
    """

    method: str
    scheme: str
    host: str
    port: int
    target: str
    headers: Headers
    body: bytes


@dataclass(frozen=True, slots=True)
class LiveAnswer:
    """An answer whose transport ended well; `body` is as on the wire, maybe compressed."""

    status: int
    reason: str
    headers: Headers
    body: bytes

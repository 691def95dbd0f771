"""A request and a live answer, without mitmproxy's types."""

from __future__ import annotations

from dataclasses import dataclass

from cache_store.entry import Headers

__all__ = ["LiveAnswer", "WireRequest"]


@dataclass(frozen=True, slots=True, weakref_slot=True)
class WireRequest:
    """A complete request.

    `host` and `port` come from the URL or `:authority`, never from the Host header. `target` is path and query
    exactly as sent. `headers` keep order, case and repeats. `body` is as sent, possibly compressed.
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
    """An answer; `body` is as received, possibly compressed.

    `ended`: the transport ended normally. Otherwise `body` is what had come when the client left or the run ended.
    """

    status: int
    reason: str
    headers: Headers
    body: bytes
    ended: bool = True

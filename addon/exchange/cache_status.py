"""The headers that say what the cache did: `x-provider-proxy-cache` and `cache-status` (RFC 9211)."""

from __future__ import annotations

__all__ = ["CACHE_HEADER", "STATUS_HEADER", "bypass_status", "hit_status", "miss_status"]

CACHE_HEADER = "x-provider-proxy-cache"
STATUS_HEADER = "cache-status"

_NAME = "provider-proxy"


def hit_status(key: str) -> str:
    """For an answer from an entry."""
    return f'{_NAME}; hit; key="{key}"'


def miss_status(key: str, *, stored: bool = False, detail: str = "") -> str:
    """For a live answer: stored, or with `detail` saying why not.

    A streamed answer's headers leave before its end is known: its detail is `recording`.
    """
    status = f"{_NAME}; fwd=miss; "
    if stored:
        status += "stored; "
    status += f'key="{key}"'
    return status + (f"; detail={detail}" if detail else "")


def bypass_status(detail: str) -> str:
    """For a request that the cache was not asked about."""
    return f"{_NAME}; fwd=bypass; detail={detail}"

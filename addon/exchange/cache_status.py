"""The headers that say what the cache did: `x-provider-proxy-cache`, and `cache-status` (RFC 9211)."""

from __future__ import annotations

__all__ = [
    "CACHE_HEADER",
    "HEADER_UNKNOWN",
    "LEARN",
    "PROBE",
    "REBIND_REFUSED",
    "STATUS_HEADER",
    "bypass_status",
    "fault_status",
    "hit_status",
    "miss_status",
]

CACHE_HEADER = "x-provider-proxy-cache"
STATUS_HEADER = "cache-status"

REBIND_REFUSED = "rebind-refused"
"""The detail of a miss whose recorded answer repeats a volatile value that cannot be replaced."""

HEADER_UNKNOWN = "header-unknown"
"""The detail of a hit on a recording that lacks some of the request's headers."""

LEARN = "learn"
"""The detail of a hit on an answer of another take, by its place in its test."""
PROBE = "probe"
"""The detail of a hit whose answer was altered, and of a 429 in the place of one."""

_NAME = "provider-proxy"


def hit_status(key: str, rebound: int = 0, detail: str = "") -> str:
    """The `cache-status` of an answer from an entry in which `rebound` volatile values were replaced.

    `detail` says what else is special about the hit.
    """
    said = (f"; rebound={rebound}" if rebound else "") + (f"; detail={detail}" if detail else "")
    return f'{_NAME}; hit; key="{key}"{said}'


def miss_status(key: str, *, stored: bool = False, detail: str = "") -> str:
    """The `cache-status` of a live answer: stored, or with `detail` saying why not.

    The headers of a streamed answer are sent before its end is known, so its detail is `recording`.
    """
    became = "stored; " if stored else ""
    return f'{_NAME}; fwd=miss; {became}key="{key}"' + (f"; detail={detail}" if detail else "")


def fault_status() -> str:
    """The `cache-status` of an answer that a fault rule made or broke."""
    return f"{_NAME}; detail=fault"


def bypass_status(detail: str) -> str:
    """The `cache-status` of a request that the cache was not asked about; `detail` says why."""
    return f"{_NAME}; fwd=bypass; detail={detail}"

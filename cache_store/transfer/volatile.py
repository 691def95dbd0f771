"""Sets apart what every recording of the same answer has anew, so that a diff of two exports is about content."""

from __future__ import annotations

import re
from typing import Any

from cache_store.entry import Headers

__all__ = ["join_headers", "split_headers"]

# Times, ids, load figures and rate limits of one exchange, as providers and their networks name them.
_VOLATILE = re.compile(
    r"date|age|expires|last-modified|via|etag|server-timing|cf-ray|cf-cache-status|x-cache|x-served-by|x-timer"
    r"|(?:x-)?(?:[a-z]+-)*request-?id|x-amz-cf-(?:id|pop)|x-amz-id-2|[a-z-]*trace[a-z-]*"
    r"|[a-z-]*ratelimit[a-z-]*|retry-after|[a-z-]*(?:processing|latency|duration|service-time)[a-z-]*",
    re.IGNORECASE,
)


def split_headers(headers: Headers) -> tuple[list[list[str | None]], list[list[str]]]:
    """The headers as pairs of text, with None in the place of each volatile value; and those with their values."""
    pairs = [[name.decode("latin-1"), value.decode("latin-1")] for name, value in headers]
    kept = [[name, None if _VOLATILE.fullmatch(name) else value] for name, value in pairs]
    return kept, [pair for pair in pairs if _VOLATILE.fullmatch(pair[0])]


def join_headers(kept: Any, volatile: Any) -> Headers:
    """The headers that `split_headers` split. One whose value is gone is left out.

    Raises ValueError, LookupError, TypeError or AttributeError if these are no such lists.
    """
    values: dict[str, list[str]] = {}
    for name, value in volatile:
        values.setdefault(name, []).append(value)
    joined = []
    for name, value in kept:
        if value is None and not values.get(name):
            continue
        text = values[name].pop(0) if value is None else value
        joined.append((name.encode("latin-1"), text.encode("latin-1")))
    return tuple(joined)

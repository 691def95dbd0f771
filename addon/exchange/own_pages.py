"""What the proxy's own address answers: whether it is ready, and what it has done so far."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

from addon.exchange.own_answers import error_body

__all__ = ["NO_SUCH_PAGE", "STATS", "Page", "page_for"]

STATS = "/-/stats"

NO_SUCH_PAGE = error_body(
    "provider_proxy_no_such_page",
    "provider-proxy: this is a proxy; use it as HTTPS_PROXY, or as a base URL such as "
    "/https/api.openai.com/v1 for an intercepted host (PROVIDER_PROXY_HOSTS)",
)


class Page(NamedTuple):
    """A page's content and its headers."""

    body: bytes
    headers: dict[str, str]


def page_for(target: str, stats: Callable[[], dict[str, Any]]) -> Page | None:
    """The page at `target`, with or without a query; None where there is none."""
    path = target.partition("?")[0]
    if path == "/-/healthz":
        return Page(b"ok\n", {"content-type": "text/plain"})
    if path == STATS:
        return Page(json.dumps(stats(), indent=1).encode(), {"content-type": "application/json"})
    return None

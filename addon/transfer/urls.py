"""A recorded URL, taken apart as it stands."""

from __future__ import annotations

from urllib.parse import urlsplit

from addon.messages import WireRequest
from cache_store.entry import Headers

__all__ = ["request_of"]

_PORTS = {"http": 80, "https": 443}


def request_of(method: str, url: str, headers: Headers, body: bytes) -> WireRequest:
    """The request of a recorded absolute URL. Raises ValueError for what is none."""
    parts = urlsplit(url)
    scheme = parts.scheme.lower()
    if scheme not in _PORTS or not parts.hostname:
        raise ValueError("it has no absolute http URL")
    # Everything after the authority, exactly as sent; user information is a credential and comes along.
    rest = url.split("://", 1)[1]
    at = min((i for i in (rest.find(c) for c in "/?#") if i >= 0), default=len(rest))
    target = rest[at:].partition("#")[0]
    userinfo, found, _ = parts.netloc.rpartition("@")
    return WireRequest(
        method=method.upper(),
        scheme=scheme,
        host=f"{userinfo}@{parts.hostname}" if found else parts.hostname,
        port=parts.port or _PORTS[scheme],
        target=target if target.startswith("/") else f"/{target}",
        headers=tuple((n, v) for n, v in headers if not n.startswith(b":")),
        body=body,
    )

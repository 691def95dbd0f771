"""Requests as other tools recorded them: a URL taken apart, and a credential that was stripped put back."""

from __future__ import annotations

import json
from dataclasses import replace
from urllib.parse import urlsplit

from addon.identity import Identity
from addon.messages import WireRequest
from addon.settings.hosts import parse_hosts
from cache_store.entry import Headers

__all__ = ["request_of", "with_credential"]

_PORTS = {"http": 80, "https": 443}
_PROVIDERS = parse_hosts("")
_STAND_IN = (b"authorization", b"Bearer left-out")


def request_of(method: str, url: str, headers: Headers, body: bytes) -> WireRequest:
    """The request to a recorded absolute URL. Path and query stay exactly as recorded.

    Raises ValueError for anything but an absolute http or https URL.
    """
    parts = urlsplit(url)
    scheme = parts.scheme.lower()
    if scheme not in _PORTS or not parts.hostname:
        raise ValueError("the URL is not an absolute http URL")
    rest = url.split("://", 1)[1]
    at = min((i for i in (rest.find(c) for c in "/?#") if i >= 0), default=len(rest))
    target = rest[at:].partition("#")[0]
    # User information is a credential: it stays, so that it is redacted as one.
    userinfo, separator, _ = parts.netloc.rpartition("@")
    return WireRequest(
        method=method.upper(),
        scheme=scheme,
        host=f"{userinfo}@{parts.hostname}" if separator else parts.hostname,
        port=parts.port or _PORTS[scheme],
        target=target if target.startswith("/") else f"/{target}",
        headers=tuple((n, v) for n, v in headers if not n.startswith(b":")),
        body=body,
    )


def with_credential(request: WireRequest, identity: Identity, status: int) -> WireRequest | None:
    """The request with a placeholder credential; None if it must stay as it is.

    vcrpy's `filter_headers` and browsers remove credentials from recordings. Such a request has the key of one
    that was sent without a credential, and no real client would ever hit it. The placeholder's value is in no key
    and no entry. It is added only where a credential was certainly sent: a built-in provider answered with success.
    A local server may not ask for one.
    """
    if not 200 <= status < 300 or not _PROVIDERS.match(request.host):
        return None
    if json.loads(identity.request_json)["credential"]:
        return None
    return replace(request, headers=(*request.headers, _STAND_IN))

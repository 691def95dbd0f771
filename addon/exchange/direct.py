"""Requests to the proxy's own address: the base-URL door, and the status pages.

The door's path names the provider, as in `/https/api.openai.com/v1/models`. It is for clients that ignore proxy
variables, such as Node 20's fetch and aiohttp's default session. `/@gw0/https/…` names the client, too.

A web page in the developer's browser can reach this address, too. `admits` keeps other sites out: by Host if a
foreign name was made to resolve to this machine (DNS rebinding), by Origin and Sec-Fetch-Site if a page sends
requests across sites. https://fetch.spec.whatwg.org/#origin-header, https://www.w3.org/TR/fetch-metadata/
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Callable, Collection
from typing import Any, NamedTuple

__all__ = ["PAGE_HEADERS", "STATS", "Page", "Target", "admits", "page_for", "parse_door"]

STATS = "/-/stats"

PAGE_HEADERS = {"cross-origin-resource-policy": "same-origin"}
"""Headers of every answer to a direct request: no page of another site may embed or read it."""

_DOOR = re.compile(
    r"(?:/@([A-Za-z0-9._-]{1,64}))?"
    r"/(https?)/(\[[0-9A-Fa-f:.]+\]|[^/\s:@?#\[\]]+)(?::(\d{1,5}))?((?:[/?].*)?)",
    re.DOTALL,
)
# SDKs that read the same variable expect another path in it: host, what they then ask for, and what is meant.
_PATHS = {
    "api.anthropic.com": (re.compile(r"/(?=messages(?:[/?]|$))"), "/v1/"),  # @ai-sdk/anthropic
    "api.together.ai": (re.compile(r"/v1/v1/"), "/v1/"),  # together for Python
}
_HOST = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([^/\s:@?#\[\],]+))(?::\d{1,5})?")


class Target(NamedTuple):
    """Where a base-URL request goes; `path` includes the query. `client` is '' where it names none."""

    scheme: str
    host: str
    port: int
    path: str
    client: str = ""


class Page(NamedTuple):
    """A page's content, its headers and its status."""

    body: bytes
    headers: dict[str, str]
    status: int = 200


def parse_door(path: str) -> Target | None:
    """The target that the path of a direct request names, or None."""
    match = _DOOR.fullmatch(path)
    if not match:
        return None
    client, scheme, host, port, rest = match.groups()
    if (meant := _PATHS.get(host.lower())) and (found := meant[0].match(rest)):
        rest = meant[1] + rest[found.end() :]
    number = int(port) if port else (443 if scheme == "https" else 80)
    if not 0 < number < 65536:
        return None
    path = rest if rest.startswith("/") else f"/{rest}"
    return Target(scheme, host.strip("[]").lower(), number, path, client or "")


def admits(
    host: str,
    origin: str | None,
    sec_fetch_site: str | None,
    names: Collection[str],
    origins: Collection[str] = (),
    referer: str | None = None,
) -> bool:
    """Whether a direct request may be answered.

    `host` is the Host header or `:authority`, with or without a port; `origin`, `sec_fetch_site` and `referer` are
    the headers' values, None if absent. (Old browsers send nothing but a `referer` with a page's GET.) `names` are
    the listen address and further names of this proxy, `origins` the web origins that may use it, all in lower
    case. Loopback names and addresses are always its own. If it listens on every address, then any address is its
    own, because DNS rebinding needs a name.
    """
    name = _host_name(host)
    if name is None or not _is_own(name, names):
        return False
    if origin is not None:
        origin = origin.lower()
        # Another port of the same host is another origin, and maybe another user's.
        return origin in origins or origin.partition("://")[2] == host.lower()
    if sec_fetch_site is None and referer:
        scheme, _, rest = referer.lower().partition("://")
        authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
        return authority == host.lower() or f"{scheme}://{authority}" in origins
    return sec_fetch_site in (None, "same-origin", "none")


def _is_own(name: str, names: Collection[str]) -> bool:
    if name == "localhost" or name in names:
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    listens_everywhere = "0.0.0.0" in names or "::" in names  # noqa: S104 -- compared, not listened on
    mapped = getattr(address, "ipv4_mapped", None)
    return listens_everywhere or (mapped or address).is_loopback


def _host_name(host: str) -> str | None:
    """The name in a Host header, in lower case and without a final dot; None if the header is malformed."""
    match = _HOST.fullmatch(host)
    return (match[1] or match[2]).lower().removesuffix(".") if match else None


def page_for(target: str, stats: Callable[[], dict[str, Any]]) -> Page | None:
    """The page at `target`, with or without a query, or None. `stats` gives the run's figures."""
    path = target.partition("?")[0]
    if path == "/-/healthz":
        return Page(b"ok\n", {"content-type": "text/plain", **PAGE_HEADERS})
    if path == STATS:
        return Page(
            json.dumps(stats(), indent=1).encode(), {"content-type": "application/json", **PAGE_HEADERS}
        )
    return None

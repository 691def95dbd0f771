"""A company's proxy that the environment names already: requests to providers go through it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from urllib.parse import SplitResult, unquote, urlsplit

from addon.environment.client_env import OUTER_PROXY
from addon.environment.no_proxy import NoProxyEntry, no_proxy_entries
from cache_store.errors import UsageError

__all__ = ["UpstreamProxy", "upstream_proxy"]

# curl's order: lower case wins, and the variable for the scheme beats the one for all schemes.
_VARIABLES = ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")
_PORTS = {"http": 80, "https": 443}
_HOST = re.compile(r"[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?\.?|[0-9a-f:.]+")


@dataclass(frozen=True)
class UpstreamProxy:
    """A proxy between us and the providers.

    `auth` (`user:password`) is for mitmproxy's `upstream_auth` and is left out of `repr`. `no_proxy` holds the
    exceptions that the environment names. `is_outer`: it is a provider-proxy that runs the process which starts us.
    """

    scheme: str
    host: str
    port: int
    auth: str | None = field(default=None, repr=False)
    no_proxy: tuple[NoProxyEntry, ...] = ()
    is_outer: bool = False

    @property
    def mode(self) -> str:
        """mitmproxy's mode spec, without credentials: `upstream:http://proxy.corp:3128`."""
        return f"upstream:{self.scheme}://{self.address}"

    @property
    def address(self) -> str:
        """Its host and port, as in a URL."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def is_local(self) -> bool:
        """Whether it runs on this machine."""
        return self.is_outer or _is_loopback(self.host)

    def bypasses(self, host: str, port: int) -> bool:
        """Whether `host` is reached directly: NO_PROXY covers it, or it is this machine.

        The proxy of an outer run decides about this machine too, since it may forbid to send anything.
        """
        is_here = _is_loopback(host) and not self.is_outer
        return is_here or any(entry.covers(host, port) for entry in self.no_proxy)


def upstream_proxy(environ: Mapping[str, str], own_url: str) -> UpstreamProxy | None:
    """The proxy that HTTPS_PROXY (or ALL_PROXY) names; None if there is none, or it is ours at `own_url`.

    Raises UsageError for SOCKS and for a malformed address, without the value: it may contain a password.
    """
    name = next((name for name in _VARIABLES if environ.get(name, "").strip()), None)
    if name is None:
        return None
    proxy = _parse(name, environ[name].strip(), no_proxy_entries(environ))
    own = _parse("own_url", own_url, ())
    same_host = proxy.host == own.host or (proxy.is_local and own.is_local)
    if same_host and proxy.port == own.port:
        return None
    return replace(proxy, is_outer=environ.get(OUTER_PROXY) == proxy.address)


def _parse(name: str, value: str, no_proxy: tuple[NoProxyEntry, ...]) -> UpstreamProxy:
    scheme, separator, _ = value.partition("://")
    try:
        url = urlsplit(value if separator else f"http://{value}")
        scheme, host, port = url.scheme, url.hostname or "", url.port
    except ValueError:  # urlsplit's own message quotes the value
        raise _unusable(name) from None
    if scheme.startswith("socks"):
        raise UsageError(
            f"{name} names a SOCKS proxy, which is not supported; name an http:// proxy or unset it"
        )
    if scheme not in _PORTS or not _HOST.fullmatch(host) or url.path not in ("", "/") or port == 0:
        raise _unusable(name)
    return UpstreamProxy(scheme, host, port or _PORTS[scheme], _auth(name, url), no_proxy)


def _auth(name: str, url: SplitResult) -> str | None:
    if url.username is None:
        return None
    user = unquote(url.username)
    if not user or ":" in user:  # a colon would end the user name early (RFC 7617, section 2)
        raise UsageError(
            f"{name} has a password but no usable user name; write http://user:password@host:port"
        )
    return f"{user}:{unquote(url.password or '')}"


def _unusable(name: str) -> UsageError:
    return UsageError(f"{name} is not a proxy's address; write http://host:port, or unset it")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower().rstrip(".") == "localhost"

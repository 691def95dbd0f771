"""Notes in a flow's metadata, from our HTTP layer to our hooks; which protocol a client speaks, and over what."""

from __future__ import annotations

from typing import Any

from mitmproxy import connection, ctx, http

__all__ = ["client_left", "is_direct", "note_client_left", "note_direct", "speaks_http1", "transport_of"]

_DIRECT = "provider_proxy_direct"
_CLIENT_LEFT = "provider_proxy_client_left"
_HTTP1_ALPN = (None, b"", b"http/1.1", b"http/1.0")  # None before TLS, empty where the client names none


def note_direct(flow: http.HTTPFlow) -> None:
    """Note that the request is addressed to the proxy itself: origin form, outside any CONNECT."""
    flow.metadata[_DIRECT] = True


def is_direct(flow: http.HTTPFlow) -> bool:
    """Whether the request is addressed to the proxy itself."""
    return bool(flow.metadata.get(_DIRECT))


def note_client_left(flow: http.HTTPFlow) -> None:
    """Note that the client ended the exchange, not the provider."""
    flow.metadata[_CLIENT_LEFT] = True


def client_left(flow: http.HTTPFlow) -> bool:
    """Whether the client ended the exchange."""
    return bool(flow.metadata.get(_CLIENT_LEFT))


def speaks_http1(client: connection.Client) -> bool:
    """Whether the client speaks HTTP/1: without ALPN, or as agreed by it."""
    return client.alpn in _HTTP1_ALPN


def transport_of(conn: connection.Connection, client: connection.Client) -> Any:
    """mitmproxy's reader and writer of `conn`, which `client` uses or is; None where there are none."""
    addons: Any = ctx.master.addons
    handlers: Any = getattr(addons.get("proxyserver"), "connections", {})
    return getattr(handlers.get(client.id), "transports", {}).get(conn)

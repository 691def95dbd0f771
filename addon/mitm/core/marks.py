"""Notes in a flow's metadata, from our HTTP layer to our hooks; which protocol a client speaks, and over what."""

from __future__ import annotations

from typing import Any

from mitmproxy import connection, ctx, http
from mitmproxy.proxy import layer
from mitmproxy.proxy.layers.http import HttpLayer

__all__ = [
    "PAUSE",
    "client_left",
    "is_direct",
    "note_cleartext_http2",
    "note_client_left",
    "note_direct",
    "speaks_cleartext_http2",
    "speaks_http1",
    "transport_of",
]

PAUSE = "provider_proxy_pause"
"""The name of the hook in which our HTTP layer waits within an answer."""

_PREFACE = b"PRI * HTTP/2.0\r\n"
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


def note_cleartext_http2(next_layer: layer.NextLayer) -> None:
    """Note a client that begins with the preface of HTTP/2 (RFC 9113, 3.3), outside TLS and any tunnel.

    mitmproxy reads from the ALPN which protocol a client speaks, and there is none without TLS.
    """
    client = next_layer.context.client
    above = [one for one in next_layer.context.layers if one is not next_layer.layer]
    is_first = not any(isinstance(one, HttpLayer) for one in above)
    if is_first and client.alpn is None and next_layer.data_client().startswith(_PREFACE):
        client.alpn = b"h2"


def speaks_cleartext_http2(client: connection.Client) -> bool:
    """Whether the client speaks HTTP/2 without TLS. It then asks the proxy itself: nobody speaks it to a proxy."""
    return client.alpn == b"h2" and not client.tls


def transport_of(conn: connection.Connection, client: connection.Client) -> Any:
    """mitmproxy's reader and writer of `conn`, which `client` uses or is; None where there are none."""
    addons: Any = ctx.master.addons
    handlers: Any = getattr(addons.get("proxyserver"), "connections", {})
    return getattr(handlers.get(client.id), "transports", {}).get(conn)

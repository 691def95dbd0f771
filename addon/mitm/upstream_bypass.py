"""Reaching some hosts directly although mitmproxy runs in upstream mode, which knows no NO_PROXY.

Relies on `connection_strategy=lazy`: nothing is open yet when these hooks choose the way. Tried on mitmproxy
12.2.3 with CONNECT (intercepted and tunnelled, HTTP/1.1 and HTTP/2) and with plain http.
"""

from __future__ import annotations

from collections.abc import Callable

from mitmproxy import connection, http
from mitmproxy.proxy import layer

__all__ = ["UpstreamBypass"]


class UpstreamBypass:
    """The addon. It stands before mitmproxy's NextLayer, which decides on what this one leaves.

    `bypasses(host, port)` says which hosts are reached directly.
    """

    def __init__(self, bypasses: Callable[[str, int], bool]) -> None:
        self._bypasses = bypasses

    def next_layer(self, data: layer.NextLayer) -> None:
        """After a CONNECT: another server connection, which the tunnel to the upstream proxy leaves alone."""
        server = data.context.server
        if server.via and server.address and not server.connected and self._bypasses(*server.address):
            data.context.server = connection.Server(address=server.address)

    def request(self, flow: http.HTTPFlow) -> None:
        """A request without CONNECT (plain http, base URL): a connection without the upstream proxy."""
        server, request = flow.server_conn, flow.request
        if server.via and self._bypasses(request.host, request.port):
            flow.server_conn = connection.Server(address=(request.host, request.port))
            if request.scheme == "http":
                # UpstreamAuth has put it in already, and it is none of the server's business.
                request.headers.pop("Proxy-Authorization", None)
                request.authority = ""  # origin form, as to any server

"""Reaches some hosts directly although mitmproxy runs in upstream mode, which does not support NO_PROXY.

It needs `connection_strategy=lazy`, with which no connection is open yet when these hooks choose the way.
"""

from __future__ import annotations

from collections.abc import Callable

from mitmproxy import connection, http
from mitmproxy.proxy import layer

__all__ = ["UpstreamBypass"]


class UpstreamBypass:
    """The addon. It comes before mitmproxy's NextLayer addon, which uses the server connection that this one sets.

    `bypasses(host, port)` says which hosts are reached directly.
    """

    def __init__(self, bypasses: Callable[[str, int], bool]) -> None:
        self._bypasses = bypasses

    def next_layer(self, data: layer.NextLayer) -> None:
        """After a CONNECT, set a server connection that does not go through the upstream proxy."""
        server = data.context.server
        if server.via and server.address and not server.connected and self._bypasses(*server.address):
            data.context.server = connection.Server(address=server.address)

    def request(self, flow: http.HTTPFlow) -> None:
        """For a request without CONNECT (plain http, base URL), set such a connection too."""
        server, request = flow.server_conn, flow.request
        if server.via and self._bypasses(request.host, request.port):
            flow.server_conn = connection.Server(address=(request.host, request.port))
            if request.scheme == "http":
                # UpstreamAuth has added it already; the server must not see it.
                request.headers.pop("Proxy-Authorization", None)
                request.authority = ""  # origin form, as to any server

"""Frames the request of an HTTP/2 or HTTP/3 client for a provider that speaks HTTP/1.1.

HTTP/2 needs no `content-length` (RFC 9113, 8.1.1). HTTP/1.1 does: without it or chunks a request has no body
(RFC 9112, 6.3), so the provider would take the body's bytes for its next request.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from mitmproxy import http
from mitmproxy.proxy import commands
from mitmproxy.proxy.layers.http import HttpStream

__all__ = ["Framing", "frame"]

_WITH_BODY = ("POST", "PUT", "PATCH")  # servers expect a length for these, even 0 (RFC 9110, 8.6)


class Framing(HttpStream):
    """Sets the headers that say where the body ends, once it is known which protocol the provider speaks."""

    def make_server_connection(self) -> Generator[commands.Command, Any, bool]:
        """Open or reuse a connection to the provider; True if there is one."""
        is_open = yield from super().make_server_connection()
        multiplexed = self.flow.request.is_http2 or self.flow.request.is_http3
        if is_open and multiplexed and self.context.server.alpn not in (b"h2", b"h3"):
            frame(self.flow.request)
        return is_open


def frame(request: http.Request) -> None:
    """Set `content-length` for a body that is here whole, and chunks for one that is streamed without a length."""
    request.headers.pop("transfer-encoding", None)
    if request.stream:
        if "content-length" not in request.headers:
            request.headers["transfer-encoding"] = "chunked"
        return
    body = request.raw_content or b""
    if body or "content-length" in request.headers or request.method in _WITH_BODY:
        request.headers["content-length"] = str(len(body))
    request.trailers = None  # a proxy may discard them (RFC 9110, 6.5.1), and only chunks can carry them

"""Tells a direct request (origin form, outside any CONNECT) from a proxied one.

mitmproxy fills in a request's host and port from its Host header before any hook sees it, and a Host header must
never decide where a request goes.
"""

from __future__ import annotations

from mitmproxy.proxy import commands
from mitmproxy.proxy.layers.http import HTTPMode, HttpStream
from mitmproxy.proxy.layers.http._events import RequestHeaders
from mitmproxy.proxy.layers.http._hooks import HttpRequestHeadersHook

from addon.mitm.core.marks import note_direct, speaks_cleartext_http2
from addon.mitm.core.replacing import Commands, replaced

__all__ = ["DirectRequests"]


class DirectRequests(HttpStream):
    """Notes in the flow of a direct request that it is one, before its first hook."""

    def state_wait_for_request_headers(self, event: RequestHeaders) -> Commands:
        """Read the request's head."""
        stock = super().state_wait_for_request_headers(event)
        proxied = self.mode is HTTPMode.transparent or event.request.data.host or event.request.data.authority
        if proxied and not speaks_cleartext_http2(self.context.client):
            yield from stock
        else:
            yield from replaced(stock, _noted)


def _noted(command: commands.Command) -> None:
    if isinstance(command, HttpRequestHeadersHook):
        note_direct(command.flow)

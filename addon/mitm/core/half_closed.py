"""Answers a client that has closed its sending side (`shutdown(SHUT_WR)`, as `nc -N` does) and waits.

mitmproxy takes the end of a client's data for its departure and cancels the request. A client that has left looks
the same, until something is sent to it: its system then answers with a reset. So one interim answer is sent, which
every HTTP/1.1 client must ignore (RFC 9110, 15.2). A client that ends its TLS session (close_notify) counts as
gone: many wait for the same from us, and read nothing before.
"""

from __future__ import annotations

import socket
from typing import Any

from mitmproxy.connection import ConnectionState
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.layers.http._http1 import Http1Server

from addon.mitm.core.marks import transport_of
from addon.mitm.core.replacing import Commands

__all__ = ["HalfClosed"]

_PROBE = b"HTTP/1.1 100 Continue\r\n\r\n"
_WAITS = (0.01, 0.05, 0.2, 0.5, 1.0)  # seconds between looks for a reset


class HalfClosed(Http1Server):
    """The client's side of an HTTP/1.1 connection."""

    _end: events.ConnectionClosed | None = None
    _looks = 0

    def wait(self, event: events.Event) -> Commands:
        """Take what comes from the client between its request and the answer."""
        if isinstance(event, events.ConnectionClosed) and self._may_wait():
            self._end = event
            yield commands.SendData(self.conn, _PROBE)
            yield commands.RequestWakeup(_WAITS[0])
        else:
            yield from super().wait(event)

    def _handle_event(self, event: events.Event) -> Commands:
        if isinstance(event, events.Wakeup):
            return self._look()
        stock: Commands = super()._handle_event(event)
        return stock

    def mark_done(self, *, request: bool = False, response: bool = False) -> Commands:
        """End the exchange, and with it a connection on which no further request can come."""
        stock = super().mark_done(request=request, response=response)
        return stock if self._end is None else self._and_close(stock)

    def _and_close(self, stock: Commands) -> Commands:
        yield from stock
        if self.state == self.read_headers:
            yield commands.CloseConnection(self.conn)

    def _may_wait(self) -> bool:
        transport = _transport(self.conn)
        return (
            self.response is None
            and self.request is not None
            and self.request.http_version == "HTTP/1.1"
            and self.conn.state is ConnectionState.CAN_WRITE
            and transport is not None
            and transport.reader.at_eof()  # not so where TLS alone has ended
        )

    def _look(self) -> Commands:
        if self._end is None or self.response is not None:
            return
        self._looks += 1
        if _is_gone(self.conn):
            yield from super().wait(self._end)
        elif self._looks < len(_WAITS):
            yield commands.RequestWakeup(_WAITS[self._looks])


def _is_gone(client: Any) -> bool:
    transport = _transport(client)
    sock = transport.writer.get_extra_info("socket") if transport is not None else None
    # asyncio does not read any more, so it does not notice a reset.
    return sock is None or sock.fileno() < 0 or bool(sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))


def _transport(client: Any) -> Any:
    transport = transport_of(client, client)
    return transport if transport is not None and transport.writer is not None else None

"""mitmproxy's HTTP/1 towards the client, with fewer writes and without a wait in the middle of a request.

mitmproxy sends the head of an answer and a body that is already there each by itself: two TLS records, two writes
and, through a tunnel, two ways through every layer.

Behind a proxy urllib3 leaves Nagle's algorithm on (its ProxyManager says so on purpose): `requests`, boto3 and the
like send a request's head, and its body only when the head is acknowledged, which Linux delays by 40 ms (tcp(7)).
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from itertools import chain

from mitmproxy import connection
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.layers.http._events import HttpEvent, ResponseHeaders
from mitmproxy.proxy.layers.http._http1 import Http1Server

from addon.mitm.core.marks import transport_of
from addon.mitm.core.replacing import Commands

__all__ = ["HeadWithBody", "acknowledge"]

_LONG = 65_536  # bytes; to join more costs more than a write does
_QUICK_ACK = getattr(socket, "TCP_QUICKACK", None)  # Linux alone has the option, and others wait less


class HeadWithBody(Http1Server):
    """Holds the head of an answer that is not streamed until its first body bytes, which follow at once."""

    _head: ResponseHeaders | None = None

    def send(self, event: HttpEvent) -> Commands:
        """Send a part of an answer."""
        held, self._head = self._head, None
        stock = super().send(event)
        if held is not None:
            return _joined(chain(super().send(held), stock))
        if isinstance(event, ResponseHeaders) and _has_body(event):
            self._head = event
            return _joined(())
        return stock

    def read_body(self, event: events.Event) -> Commands:
        """Read a part of a request's body, and acknowledge it where there is more to come."""
        yield from super().read_body(event)
        if self.state == self.read_body:
            acknowledge(self.context.client)


def acknowledge(client: connection.Client) -> None:
    """Send the TCP acknowledgement that is due to `client`; does nothing where its socket is not at hand."""
    if _QUICK_ACK is None:
        return
    transport = transport_of(client, client)
    sock = transport.writer.get_extra_info("socket") if transport and transport.writer else None
    if sock is not None:
        try:
            sock.setsockopt(socket.IPPROTO_TCP, _QUICK_ACK, 1)
        except OSError:
            pass  # the client has just left


def _has_body(head: ResponseHeaders) -> bool:
    return not (head.end_stream or head.response.stream or head.response.status_code < 200)


def _joined(stock: Iterable[commands.Command]) -> Commands:
    """The commands, with bytes that follow one another joined; the last are given out when all are known."""
    last: commands.SendData | None = None
    for command in stock:
        if not isinstance(command, commands.SendData) or len(command.data) > _LONG:
            if last is not None:
                yield last
                last = None
            yield command
        else:
            if last is not None:
                command.data = last.data + command.data
            last = command
    if last is not None:
        yield last

"""mitmproxy's HTTP/1 towards the client, which sends the head of an answer together with a body that is there.

mitmproxy sends each by itself: two TLS records, two writes and, through a tunnel, two ways through every layer.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from itertools import chain
from typing import Any

from mitmproxy.proxy import commands, events
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.http._events import HttpEvent, ResponseHeaders
from mitmproxy.proxy.layers.http._http1 import Http1Server

from addon.mitm.core.quick_ack import acknowledge

__all__ = ["HeadWithBody", "speaks_http1"]

type Commands = Generator[commands.Command, Any]

_ALPN = (None, b"", b"http/1.1", b"http/1.0")  # None before TLS, empty where the client names none
_LONG = 65_536  # bytes; to join more costs more than a write does


def speaks_http1(context: Context) -> bool:
    """Whether the client speaks HTTP/1: without ALPN, or as agreed by it."""
    return context.client.alpn in _ALPN


class HeadWithBody(Http1Server):
    """Holds the head of an answer that is not streamed until its first body bytes, which follow at once.

    `tunnel` is the stream of a CONNECT that was granted: from then on there is nothing but its bytes.
    """

    tunnel: int | None = None
    _head: ResponseHeaders | None = None

    def send(self, event: HttpEvent) -> Commands:
        """As stock, in one piece."""
        held, self._head = self._head, None
        stock = super().send(event)
        if held is not None:
            return _joined(chain(super().send(held), stock))
        if isinstance(event, ResponseHeaders) and _has_body(event):
            self._head = event
            return _joined(())
        return stock

    def read_body(self, event: events.Event) -> Commands:
        """As stock; the client hears at once that what came has come, where there is more to come."""
        yield from super().read_body(event)
        if self.state == self.read_body:
            acknowledge(self.context.client)

    def make_pipe(self) -> Commands:
        """As stock; takes note of a tunnel."""
        if self.request is not None and self.request.method == "CONNECT":
            self.tunnel = self.stream_id
        return super().make_pipe()


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

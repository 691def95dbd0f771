"""Reads and writes the trailers of HTTP/1.1 messages (RFC 9112, 7.1.2), on which mitmproxy's own classes crash."""

from __future__ import annotations

from typing import Any

import h11
from h11._readers import ChunkedReader
from mitmproxy import http
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.layers.http._base import ReceiveHttp
from mitmproxy.proxy.layers.http._events import (
    HttpEvent,
    RequestEndOfMessage,
    RequestTrailers,
    ResponseEndOfMessage,
    ResponseTrailers,
)
from mitmproxy.proxy.layers.http._http1 import Http1Connection

from addon.mitm.core.replacing import Commands, replaced

__all__ = ["Trailers"]

_LAST_CHUNK = b"0\r\n\r\n"


class Trailers(Http1Connection):
    """A side of an HTTP/1.1 connection. It relays trailers where chunks carry them, and discards them elsewhere."""

    _to_send: http.Headers | None = None

    def read_body(self, event: events.Event) -> Commands:
        """Read a part of a message's body."""
        stock = super().read_body(event)
        reader: Any = self.body_reader
        if isinstance(reader, ChunkedReader):
            self.body_reader = reader = _Reader(reader)  # type: ignore[assignment]  # a duck type of h11's
        return replaced(stock, self._with_received) if isinstance(reader, _Reader) else stock

    def send(self, event: HttpEvent) -> Commands:
        """Send a part of a message."""
        if isinstance(event, RequestTrailers | ResponseTrailers):
            self._to_send = event.trailers
            return _nothing()
        stock = super().send(event)
        if self._to_send and isinstance(event, RequestEndOfMessage | ResponseEndOfMessage):
            return replaced(stock, self._with_sent)
        return stock

    def _with_received(self, command: commands.Command) -> list[commands.Command] | None:
        reader: Any = self.body_reader
        if not (
            isinstance(command, ReceiveHttp)
            and isinstance(command.event, RequestEndOfMessage | ResponseEndOfMessage)
            and reader.trailers
        ):
            return None
        kind = RequestTrailers if isinstance(command.event, RequestEndOfMessage) else ResponseTrailers
        return [ReceiveHttp(kind(command.event.stream_id, http.Headers(reader.trailers))), command]

    def _with_sent(self, command: commands.Command) -> list[commands.Command] | None:
        if not (isinstance(command, commands.SendData) and command.data == _LAST_CHUNK):
            return None
        assert self._to_send is not None
        fields = b"".join(b"%s: %s\r\n" % field for field in self._to_send.fields)
        self._to_send = None
        return [commands.SendData(command.connection, b"0\r\n" + fields + b"\r\n")]


def _nothing() -> Commands:
    yield from ()


class _Reader:
    """A body reader of h11 that keeps the trailers for itself."""

    def __init__(self, reader: Any) -> None:
        self._reader = reader
        self.trailers: list[tuple[bytes, bytes]] = []

    def __call__(self, buffer: Any) -> Any:
        event = self._reader(buffer)
        if isinstance(event, h11.EndOfMessage):
            self.trailers = list(event.headers)  # in lower case, as HTTP/2 needs them
            return h11.EndOfMessage()
        return event

    def read_eof(self) -> Any:
        return self._reader.read_eof()

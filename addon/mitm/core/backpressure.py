"""Stops reading from a provider while an HTTP/2 client does not read what has come.

mitmproxy waits for a client's socket, but HTTP/2 has a window for each stream too: what a client's window does not
admit piles up in memory, as long as the provider sends.
"""

from __future__ import annotations

import asyncio
from typing import Any
from weakref import WeakKeyDictionary

from mitmproxy import connection
from mitmproxy.proxy import events
from mitmproxy.proxy.layers.http import GetHttpConnection, HttpLayer
from mitmproxy.proxy.layers.http._http2 import Http2Server

from addon.mitm.core.marks import transport_of
from addon.mitm.core.replacing import Commands

__all__ = ["Backpressure", "guard"]

_MOST = 1024 * 1024  # bytes of one answer that wait for the client

_readers: WeakKeyDictionary[connection.Connection, _Reader] = WeakKeyDictionary()


def guard(client: connection.Client, server: connection.Server) -> None:
    """Let the reader of a new connection to a provider be stopped, where the client speaks HTTP/2."""
    transport = transport_of(server, client) if client.alpn == b"h2" else None
    if transport is not None:
        transport.reader = _readers[server] = _Reader(transport.reader)


class Backpressure(HttpLayer):
    """An HTTP layer that stops and starts the readers of its connections to providers."""

    def _handle_event(self, event: events.Event) -> Commands:
        stock: Commands = super()._handle_event(event)
        is_due = isinstance(event, events.DataReceived) and self.context.client.alpn == b"h2"
        return self._and_adjust(stock) if is_due else stock

    def _and_adjust(self, stock: Commands) -> Commands:
        yield from stock
        self._stop_and_start()

    def get_connection(self, event: GetHttpConnection, *, reuse: bool = True) -> Commands:
        """Give a stream a connection: a new one where those that are open may be stopped."""
        stopped = any(conn in _readers and _readers[conn].stopped for conn in self.connections)
        yield from super().get_connection(event, reuse=reuse and not stopped)

    def _stop_and_start(self) -> None:
        server = self.connections.get(self.context.client)
        if not isinstance(server, Http2Server):
            return
        waiting = {
            self.streams[stream].context.server
            for stream, parts in server.h2_conn.stream_buffers.items()
            if stream in self.streams and sum(len(part.data) for part in parts) > _MOST
        }
        for conn in self.connections:
            if conn in _readers:
                _readers[conn].stop(conn in waiting)


class _Reader:
    """A stream reader that can be stopped."""

    def __init__(self, reader: Any) -> None:
        self._reader = reader
        self._goes = asyncio.Event()
        self._goes.set()

    @property
    def stopped(self) -> bool:
        return not self._goes.is_set()

    def stop(self, stopped: bool) -> None:
        if stopped:
            self._goes.clear()
        else:
            self._goes.set()

    async def read(self, size: int) -> Any:
        await self._goes.wait()
        return await self._reader.read(size)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reader, name)

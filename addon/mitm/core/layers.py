"""mitmproxy's HTTP layer with what its hooks cannot do, by subclassing, and with shorter ways for a hit.

1. Tell a *direct* request (origin form, outside any CONNECT) from a proxied one: mitmproxy fills in host and
   port from the Host header before any hook, and a Host header must never decide where a request goes.
2. Answer with a page of ours when the provider cannot be reached: mitmproxy sends its own after the `error`
   hook and ignores `flow.response`.
3. Send the last bytes of a streamed answer after the `response` hook: where the length is declared, they are its
   end, and the entry must be on disk before a client sees that.

4. Call hooks that need not wait in place: mitmproxy makes a task of each, and climbs every layer twice for it.

All that this relies on is listed in `addon.mitm.core.internals`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

from mitmproxy import ctx
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.http import HttpLayer, HTTPMode, HttpStream, SendHttp
from mitmproxy.proxy.layers.http._events import (
    RequestHeaders,
    RequestProtocolError,
    ResponseData,
    ResponseEndOfMessage,
    ResponseHeaders,
    ResponseProtocolError,
)
from mitmproxy.proxy.layers.http._hooks import HttpRequestHeadersHook, HttpResponseHook

from addon.exchange.recording import Recording
from addon.mitm.core.dispatch import LeanAddonManager
from addon.mitm.core.http1_server import HeadWithBody, speaks_http1
from addon.mitm.core.open_tunnel import is_open, through
from addon.mitm.core.swap import CLIENT_LEFT, DIRECT, ErrorPage

__all__ = ["swap_http_layer"]

type Commands = Generator[commands.Command, Any]


class _Stream(HttpStream):
    error_page: ErrorPage

    def _handle_event(self, event: events.Event) -> Commands:
        addons = ctx.master.addons
        stock: Commands = super()._handle_event(event)
        if isinstance(addons, LeanAddonManager) and speaks_http1(self.context):
            return self._hooks_called(stock, addons)
        return stock

    def _hooks_called(self, stock: Commands, addons: LeanAddonManager) -> Commands:
        """`stock`, whose hooks are called here and now where they need not wait."""
        sent: Any = None
        while True:
            try:
                command = stock.send(sent)
            except StopIteration:
                return
            # A layer that starts inside, a WebSocket's, waits for its own hook: it has set `blocking` to itself.
            if (
                isinstance(command, commands.StartHook)
                and command.blocking is True
                and addons.begin(command, self.flow)
            ):
                sent = None
            else:
                sent = yield command

    def state_wait_for_request_headers(self, event: RequestHeaders) -> Commands:
        stock = super().state_wait_for_request_headers(event)
        if self.mode is HTTPMode.transparent or event.request.data.host or event.request.data.authority:
            yield from stock
        else:
            yield from _replaced(stock, self._mark_direct)

    def handle_protocol_error(self, event: RequestProtocolError | ResponseProtocolError) -> Commands:
        if isinstance(event, RequestProtocolError) and hasattr(self, "flow"):
            self.flow.metadata[CLIENT_LEFT] = True
        # Only before anything was sent to the client, which is waiting for an answer to a whole request.
        waiting = (
            isinstance(event, ResponseProtocolError)
            and self.client_state == self.state_done
            and self.server_state in (self.state_uninitialized, self.state_wait_for_response_headers,
                                      self.state_consume_response_body)
        )  # fmt: skip
        stock = super().handle_protocol_error(event)
        if waiting:
            yield from _replaced(stock, self._own_page)
        else:
            yield from stock

    def send_response(self, already_streamed: bool = False) -> Commands:
        stock = super().send_response(already_streamed)
        if already_streamed and self._held():
            yield from _replaced(stock, self._with_held)
        else:
            yield from stock

    def _held(self) -> bytes:
        stream = self.flow.response.stream if self.flow.response else None
        return stream.held if isinstance(stream, Recording) else b""

    def _with_held(self, command: commands.Command) -> list[commands.Command] | None:
        if not isinstance(command, HttpResponseHook):
            return None
        return [command, SendHttp(ResponseData(self.stream_id, self._held()), self.context.client)]

    def _mark_direct(self, command: commands.Command) -> list[commands.Command] | None:
        if isinstance(command, HttpRequestHeadersHook):
            command.flow.metadata[DIRECT] = True
        return None

    def _own_page(self, command: commands.Command) -> list[commands.Command] | None:
        if not (isinstance(command, SendHttp) and isinstance(command.event, ResponseProtocolError)):
            return None
        page = type(self).error_page(self.flow, command.event.message)
        if page is None or command.connection is not self.context.client:
            return None
        return [
            SendHttp(ResponseHeaders(self.stream_id, page), self.context.client),
            SendHttp(ResponseData(self.stream_id, page.raw_content or b""), self.context.client),
            SendHttp(ResponseEndOfMessage(self.stream_id), self.context.client),
        ]


def _replaced(
    stock: Commands, replace: Callable[[commands.Command], list[commands.Command] | None]
) -> Commands:
    """`stock`, with each command for which `replace` gives others replaced by those."""
    sent: Any = None
    while True:
        try:
            command = stock.send(sent)
        except StopIteration:
            return
        others = replace(command)
        if others is None:
            sent = yield command
        else:
            sent = None
            yield from others


def swap_http_layer(next_layer: layer.NextLayer, error_page: ErrorPage) -> bool:
    """Put our HTTP layer in the place of mitmproxy's in what `next_layer` chose; False if there is none."""
    parent: layer.Layer | None = None
    found = next_layer.layer
    while found is not None and not isinstance(found, HttpLayer):
        # reverse and TLS-to-proxy modes choose a whole stack of layers
        parent, found = found, getattr(found, "child_layer", None)
    if type(found) is not HttpLayer:
        return False
    position = found.context.layers.index(found)
    ours = _layer_class(error_page)(found.context, found.mode)  # __init__ appends itself to context.layers
    ours.context.layers.remove(ours)
    ours.context.layers[position] = ours
    if parent is None:
        next_layer.layer = ours
    else:
        parent.child_layer = ours  # type: ignore[attr-defined]  # found by getattr above
    return True


class _Layer(HttpLayer):
    stream_class: type[_Stream]
    server: HeadWithBody | None = None

    def _handle_event(self, event: events.Event) -> Commands:
        if self.server is not None:
            if isinstance(event, events.DataReceived) and self.server.tunnel is not None:
                stream = self.streams.get(self.server.tunnel)
                if event.connection is self.context.client and is_open(stream):
                    return through(self, stream, event)
        elif isinstance(event, events.Start) and speaks_http1(self.context):
            self.server = HeadWithBody(self.context.fork())
            self.connections.setdefault(self.context.client, self.server)
        stock: Commands = super()._handle_event(event)
        return stock

    def make_stream(self, stream_id: int) -> Commands:
        self.streams[stream_id] = self.stream_class(_fork(self.context), stream_id)
        yield from self.event_to_child(self.streams[stream_id], events.Start())


def _fork(context: Context) -> Context:
    """As `context.fork()`, which makes a connection of its own first, with an id, and throws it away."""
    forked = Context.__new__(Context)
    forked.__dict__ |= context.__dict__ | {"layers": context.layers.copy()}
    return forked


_classes: dict[ErrorPage, type[_Layer]] = {}


def _layer_class(error_page: ErrorPage) -> type[_Layer]:
    if error_page not in _classes:
        stream_class = type("ProviderProxyStream", (_Stream,), {"error_page": staticmethod(error_page)})
        _classes[error_page] = type("ProviderProxyHttpLayer", (_Layer,), {"stream_class": stream_class})
    return _classes[error_page]

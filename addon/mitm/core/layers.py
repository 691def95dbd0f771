"""Our HTTP layer: mitmproxy's, with a class mixed in for each feature that this mitmproxy allows.

A feature's module is imported only where the feature is usable: it names what another mitmproxy may lack.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

from mitmproxy import http
from mitmproxy.proxy import events, layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.http import HttpLayer, HttpStream, RegisterHttpConnection
from mitmproxy.proxy.layers.http._http1 import Http1Client, Http1Server

from addon.mitm.core import internals
from addon.mitm.core.internals import Feature
from addon.mitm.core.marks import speaks_http1
from addon.mitm.core.replacing import Commands

if TYPE_CHECKING:
    from addon.sockets.conversation import Conversation

__all__ = ["ErrorPage", "swap_http_layer"]

type ErrorPage = Callable[[http.HTTPFlow, str], http.Response | None]


def swap_http_layer(
    next_layer: layer.NextLayer,
    features: frozenset[Feature],
    error_page: ErrorPage,
    conversations: dict[str, Conversation],
) -> bool:
    """Replace the HTTP layer that `next_layer` chose by ours; False if it chose none of mitmproxy's."""
    parent: layer.Layer | None = None
    stock = next_layer.layer
    while stock is not None and not isinstance(stock, HttpLayer):
        # reverse and TLS-to-proxy modes choose a whole stack of layers
        parent, stock = stock, getattr(stock, "child_layer", None)
    if type(stock) is not HttpLayer:
        return False
    position = stock.context.layers.index(stock)
    ours = _layer_class(features)(stock.context, stock.mode)  # __init__ appends itself to context.layers
    ours.error_page = error_page
    ours.conversations = conversations
    ours.context.layers.remove(ours)
    ours.context.layers[position] = ours
    if parent is None:
        next_layer.layer = ours
    else:
        parent.child_layer = ours  # type: ignore[attr-defined]  # getattr above has read it
    return True


class _OurLayer(HttpLayer):
    stream_class: type[HttpStream]
    server_class: type[Http1Server]
    client_class: type[Http1Client]
    fork: Callable[[Context], Context]
    error_page: ErrorPage
    conversations: dict[str, Conversation]

    def _handle_event(self, event: events.Event) -> Commands:
        if isinstance(event, events.Start) and speaks_http1(self.context.client):
            self.connections.setdefault(self.context.client, self.server_class(self.context.fork()))
        stock: Commands = super()._handle_event(event)
        return stock

    def make_stream(self, stream_id: int) -> Commands:
        stream = self.streams[stream_id] = self.stream_class(type(self).fork(self.context), stream_id)
        stream.error_page = self.error_page  # type: ignore[attr-defined]  # of `ExchangeErrors`
        stream.conversations = self.conversations  # type: ignore[attr-defined]  # of `HoldsSockets`
        yield from self.event_to_child(stream, events.Start())

    def register_connection(self, command: RegisterHttpConnection) -> Commands:
        # mitmproxy has just made the layer for a new connection to a provider, below those of TLS and proxies.
        made: layer.Layer | None = self.connections.get(command.connection)
        while made is not None and type(made) is not Http1Client:
            made = getattr(made, "child_layer", None)
        if made is not None:
            made.__class__ = self.client_class
            made.state = made.read_headers  # the method of the new class
        yield from super().register_connection(command)


# Feature, the class that is extended, and module and name of the mixin. Earlier rows come first in the MRO.
_MIXINS = (
    (internals.TUNNEL_BYTES, HttpLayer, "open_tunnel", "TunnelBytes"),
    (internals.BACKPRESSURE, HttpLayer, "backpressure", "Backpressure"),
    (internals.HOOKS_IN_PLACE, HttpStream, "hooks_in_place", "HooksInPlace"),
    (internals.DIRECT_REQUESTS, HttpStream, "direct_requests", "DirectRequests"),
    (internals.FINISHING, HttpStream, "finishing", "FinishesReading"),
    (internals.EXCHANGE_ERRORS, HttpStream, "exchange_errors", "ExchangeErrors"),
    (internals.FRAMING, HttpStream, "framing", "Framing"),
    (internals.HELD_END, HttpStream, "held_end", "HeldEnd"),
    (internals.PACED_ANSWERS, HttpStream, "paced_answers", "PacedAnswers"),
    (internals.SOCKETS, HttpStream, "sockets", "HoldsSockets"),
    (internals.HALF_CLOSED, Http1Server, "half_closed", "HalfClosed"),
    (internals.ONE_WRITE, Http1Server, "http1_server", "HeadWithBody"),
    (internals.TRAILERS, Http1Server, "trailers", "Trailers"),
    (internals.INTERIM, Http1Client, "interim", "SkipsInterim"),
    (internals.TRAILERS, Http1Client, "trailers", "Trailers"),
)


@cache
def _layer_class(features: frozenset[Feature]) -> type[_OurLayer]:
    def mixed(base: type[Any], last: type[Any]) -> type[Any]:
        mixins = [
            getattr(importlib.import_module(f"addon.mitm.core.{module}"), name)
            for feature, into, module, name in _MIXINS
            if into is base and feature in features
        ]
        return type(f"Our{base.__name__}", (*mixins, last), {})

    made: type[_OurLayer] = mixed(HttpLayer, _OurLayer)
    made.stream_class = mixed(HttpStream, HttpStream)
    made.server_class = mixed(Http1Server, Http1Server)
    made.client_class = mixed(Http1Client, Http1Client)
    made.fork = staticmethod(_light_fork if internals.LIGHT_FORK in features else Context.fork)
    return made


def _light_fork(context: Context) -> Context:
    """A fork of `context`, without the connection that `Context.fork` makes first and throws away."""
    forked = Context.__new__(Context)
    forked.__dict__ |= context.__dict__ | {"layers": context.layers.copy()}
    return forked

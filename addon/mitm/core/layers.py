"""Our HTTP layer: mitmproxy's, with a class mixed in for each feature that this mitmproxy allows.

A feature's module is imported only where the feature is usable: it names what another mitmproxy may lack.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from mitmproxy import http
from mitmproxy.proxy import events, layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.http import HttpLayer, HttpStream

from addon.mitm.core import internals
from addon.mitm.core.internals import Feature
from addon.mitm.core.replacing import Commands

__all__ = ["ErrorPage", "swap_http_layer"]

type ErrorPage = Callable[[http.HTTPFlow, str], http.Response | None]


def swap_http_layer(next_layer: layer.NextLayer, features: frozenset[Feature], error_page: ErrorPage) -> bool:
    """Put our HTTP layer in the place of mitmproxy's in what `next_layer` chose; False if there is none."""
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
    ours.context.layers.remove(ours)
    ours.context.layers[position] = ours
    if parent is None:
        next_layer.layer = ours
    else:
        parent.child_layer = ours  # type: ignore[attr-defined]  # getattr above has read it
    return True


class _OurLayer(HttpLayer):
    stream_class: type[HttpStream]
    fork: Callable[[Context], Context]
    error_page: ErrorPage

    def make_stream(self, stream_id: int) -> Commands:
        stream = self.streams[stream_id] = self.stream_class(type(self).fork(self.context), stream_id)
        stream.error_page = self.error_page  # type: ignore[attr-defined]  # of `ExchangeErrors`
        yield from self.event_to_child(stream, events.Start())


@cache
def _layer_class(features: frozenset[Feature]) -> type[_OurLayer]:
    layers: list[type[HttpLayer]] = []
    streams: list[type[HttpStream]] = []
    if internals.TUNNEL_BYTES in features:
        from addon.mitm.core.open_tunnel import TunnelBytes

        layers.append(TunnelBytes)
    if internals.ONE_WRITE in features:
        from addon.mitm.core.http1_server import OneWrite

        layers.append(OneWrite)
    if internals.HOOKS_IN_PLACE in features:
        from addon.mitm.core.hooks_in_place import HooksInPlace

        streams.append(HooksInPlace)
    if internals.DIRECT_REQUESTS in features:
        from addon.mitm.core.direct_requests import DirectRequests

        streams.append(DirectRequests)
    if internals.EXCHANGE_ERRORS in features:
        from addon.mitm.core.exchange_errors import ExchangeErrors

        streams.append(ExchangeErrors)
    if internals.FRAMING in features:
        from addon.mitm.core.framing import Framing

        streams.append(Framing)
    if internals.HELD_END in features:
        from addon.mitm.core.held_end import HeldEnd

        streams.append(HeldEnd)
    parts = {
        "stream_class": type("OurStream", (*streams, HttpStream), {}),
        "fork": staticmethod(_light_fork if internals.LIGHT_FORK in features else Context.fork),
    }
    return type("OurLayer", (*layers, _OurLayer), parts)


def _light_fork(context: Context) -> Context:
    """A fork of `context`, without the connection that `Context.fork` makes first and throws away."""
    forked = Context.__new__(Context)
    forked.__dict__ |= context.__dict__ | {"layers": context.layers.copy()}
    return forked

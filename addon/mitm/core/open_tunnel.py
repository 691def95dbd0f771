"""A short way for the bytes of a tunnel. mitmproxy makes HTTP messages of them and bytes again, both ways."""

from __future__ import annotations

from typing import Any

from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.layers.http import HttpLayer, HttpStream
from mitmproxy.proxy.layers.http._http1 import Http1Server
from mitmproxy.proxy.layers.tls import ServerTLSLayer
from mitmproxy.proxy.tunnel import TunnelState

from addon.mitm.core.replacing import Commands

__all__ = ["TunnelBytes", "through"]


class TunnelBytes(HttpLayer):
    """An HTTP layer that hands a tunnel's bytes straight to the layers inside the tunnel."""

    def _handle_event(self, event: events.Event) -> Commands:
        if isinstance(event, events.DataReceived) and event.connection is self.context.client:
            server = self.connections.get(self.context.client)
            if (
                isinstance(server, Http1Server)
                and server.state == server.passthrough
                and server.request is not None
                and server.request.method == "CONNECT"
            ):
                stream = self.streams.get(server.stream_id)
                if stream is not None and stream.child_layer is not None and stream._paused is None:
                    return through(self, stream, event)
        stock: Commands = super()._handle_event(event)
        return stock


def through(http: HttpLayer, stream: HttpStream, event: events.DataReceived) -> Commands:
    """The commands of the layers inside the tunnel for bytes from the client; bytes to it go out as they are."""
    holder = _innermost(stream)
    inner = holder.child_layer
    client = http.context.client
    for command in inner.handle_event(event):
        if isinstance(command, commands.SendData) and command.connection is client:
            yield command
        else:
            holder.child_layer = _Gives(command)
            try:
                others = list(http.event_to_child(stream, event))
            finally:
                holder.child_layer = inner
            yield from others


def _innermost(stream: HttpStream) -> Any:
    """The layer whose `child_layer` is the first that does something with bytes from the client.

    mitmproxy puts a layer for TLS towards the server around that of the client's; it only hands them on.
    """
    inner: Any = stream.child_layer
    while isinstance(inner, layer.NextLayer) and inner.layer is not None:
        inner = inner.layer
    if type(inner) is ServerTLSLayer and inner.tunnel_state is TunnelState.INACTIVE and inner._paused is None:
        return inner
    return stream


class _Gives(layer.Layer):
    """Stands in the place of the inner layer and gives a command that the inner layer has given already."""

    def __init__(self, command: commands.Command) -> None:
        self._command = command

    def _handle_event(self, event: events.Event) -> Commands:
        raise NotImplementedError(event)

    def handle_event(self, _: events.Event) -> Commands:
        yield self._command

"""A short way for the bytes of a tunnel: mitmproxy makes HTTP messages of them and bytes again, both ways."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, TypeGuard

from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.layers.http import HttpLayer, HttpStream
from mitmproxy.proxy.layers.tls import ServerTLSLayer
from mitmproxy.proxy.tunnel import TunnelState

__all__ = ["is_open", "through"]

type Commands = Generator[commands.Command, Any]


def is_open(stream: HttpStream | None) -> TypeGuard[HttpStream]:
    """Whether bytes can go straight to what is inside the tunnel of `stream`, a CONNECT that was granted."""
    return stream is not None and stream.child_layer is not None and stream._paused is None


def through(http: HttpLayer, stream: HttpStream, event: events.DataReceived) -> Commands:
    """What the layers inside the tunnel do with bytes from the client; bytes to it go out as they are."""
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
    """Whose `child_layer` is the first that does something with bytes from the client.

    mitmproxy puts a layer for TLS towards the server around that of the client's; it only hands them on.
    """
    inner: Any = stream.child_layer
    while isinstance(inner, layer.NextLayer) and inner.layer is not None:
        inner = inner.layer
    if type(inner) is ServerTLSLayer and inner.tunnel_state is TunnelState.INACTIVE and inner._paused is None:
        return inner
    return stream


class _Gives(layer.Layer):
    """Stands where the inner layer stands, and gives a command that it gave already."""

    def __init__(self, command: commands.Command) -> None:
        self._command = command

    def _handle_event(self, event: events.Event) -> Commands:
        raise NotImplementedError(event)

    def handle_event(self, _: events.Event) -> Commands:
        yield self._command

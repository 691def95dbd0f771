"""A short way for the bytes of a tunnel: mitmproxy makes HTTP messages of them and bytes again, both ways."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, TypeGuard

from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.layers.http import HttpLayer, HttpStream

__all__ = ["is_open", "through"]

type Commands = Generator[commands.Command, Any]


def is_open(stream: HttpStream | None) -> TypeGuard[HttpStream]:
    """Whether bytes can go straight to what is inside the tunnel of `stream`, a CONNECT that was granted."""
    return stream is not None and stream.child_layer is not None and stream._paused is None


def through(http: HttpLayer, stream: HttpStream, event: events.DataReceived) -> Commands:
    """What the layers inside the tunnel do with bytes from the client; bytes to it go out as they are."""
    assert stream.child_layer is not None
    client = http.context.client
    for command in stream.child_layer.handle_event(event):
        if isinstance(command, commands.SendData) and command.connection is client:
            yield command
        else:
            yield from _as_stock(http, stream, event, command)


def _as_stock(
    http: HttpLayer, stream: HttpStream, event: events.DataReceived, command: commands.Command
) -> list[commands.Command]:
    """What mitmproxy makes of any other command: it notes who waits for its end, or rewords it."""
    inner, stream.child_layer = stream.child_layer, _Gives(command)
    try:
        return list(http.event_to_child(stream, event))
    finally:
        stream.child_layer = inner


class _Gives(layer.Layer):
    """Stands where the inner layer stands, and gives a command that it gave already."""

    def __init__(self, command: commands.Command) -> None:
        self._command = command

    def _handle_event(self, event: events.Event) -> Commands:
        raise NotImplementedError(event)

    def handle_event(self, _: events.Event) -> Commands:
        yield self._command

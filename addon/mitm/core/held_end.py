"""Sends the last bytes of a streamed answer after the `response` hook.

Where the length is declared, these bytes are the end of the answer, and its entry must be on disk before a client
sees that.
"""

from __future__ import annotations

from mitmproxy.proxy import commands
from mitmproxy.proxy.layers.http import HttpStream, SendHttp
from mitmproxy.proxy.layers.http._events import ResponseData
from mitmproxy.proxy.layers.http._hooks import HttpResponseHook

from addon.exchange.recording import Recording
from addon.mitm.core.replacing import Commands, replaced

__all__ = ["HeldEnd"]


class HeldEnd(HttpStream):
    """Sends what a `Recording` holds back."""

    def send_response(self, already_streamed: bool = False) -> Commands:
        """Call the `response` hook and send what has not been sent."""
        stock = super().send_response(already_streamed)
        if already_streamed and self._held():
            yield from replaced(stock, self._with_held)
        else:
            yield from stock

    def _held(self) -> bytes:
        stream = self.flow.response.stream if self.flow.response else None
        return stream.held if isinstance(stream, Recording) else b""

    def _with_held(self, command: commands.Command) -> list[commands.Command] | None:
        if not isinstance(command, HttpResponseHook):
            return None
        return [command, SendHttp(ResponseData(self.stream_id, self._held()), self.context.client)]

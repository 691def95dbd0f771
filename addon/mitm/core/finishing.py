"""Reads an answer to its end after its client has left, so that its entry is whole.

mitmproxy cancels the request at the provider when a client goes. A test that stops reading a stream could then
never be replayed.
"""

from __future__ import annotations

from mitmproxy.proxy import commands, events
from mitmproxy.proxy.layers.http import HttpStream
from mitmproxy.proxy.layers.http._events import RequestProtocolError, ResponseProtocolError

from addon.exchange.recording import Recording
from addon.mitm.core.marks import note_client_left
from addon.mitm.core.replacing import Commands

__all__ = ["FinishesReading"]


class FinishesReading(HttpStream):
    """Goes on reading for as long as the `Recording` of the answer says."""

    _departure: RequestProtocolError | None = None

    def handle_protocol_error(self, event: RequestProtocolError | ResponseProtocolError) -> Commands:
        """End the exchange, unless it is the client that left and the rest of the answer is wanted."""
        if isinstance(event, RequestProtocolError) and self._departure is None and self._wants_the_rest():
            self._departure = event
            note_client_left(self.flow)
            assert self._recording is not None
            self._recording.read_on()
            # This ends an HTTP/2 stream whose client stays connected. Otherwise `client_disconnected` waits.
            yield commands.RequestWakeup(self._recording.finish_seconds)
        else:
            yield from super().handle_protocol_error(event)

    def _handle_event(self, event: events.Event) -> Commands:
        if not isinstance(event, events.Wakeup):
            yield from super()._handle_event(event)
        if self._departure is None or self.server_state != self.state_stream_response_body:
            return
        if isinstance(event, events.Wakeup) or not self._may_read_on():
            yield from super().handle_protocol_error(self._departure)

    def _wants_the_rest(self) -> bool:
        recording = self._recording
        return (
            recording is not None
            and self.server_state == self.state_stream_response_body
            and recording.finish_seconds > 0
            and not recording.finished  # the client has left because it has everything
            and self._may_read_on()
        )

    def _may_read_on(self) -> bool:
        recording = self._recording
        return recording is not None and not recording.too_large and recording.may_read_on()

    @property
    def _recording(self) -> Recording | None:
        response = self.flow.response if hasattr(self, "flow") else None
        stream = response.stream if response is not None else None
        return stream if isinstance(stream, Recording) else None

"""Our answer where a provider cannot be reached, and a note where it was the client that left.

mitmproxy sends a page of its own after the `error` hook, whatever `flow.response` is.
"""

from __future__ import annotations

from collections.abc import Callable

from mitmproxy import http
from mitmproxy.proxy import commands
from mitmproxy.proxy.layers.http import DropStream, HttpStream, SendHttp
from mitmproxy.proxy.layers.http._events import (
    ErrorCode,
    RequestProtocolError,
    ResponseData,
    ResponseEndOfMessage,
    ResponseHeaders,
    ResponseProtocolError,
)

from addon.mitm.core.marks import note_client_left
from addon.mitm.core.replacing import Commands, replaced

__all__ = ["ExchangeErrors"]


class ExchangeErrors(HttpStream):
    """`error_page(flow, reason)` makes the answer; None leaves mitmproxy's page."""

    error_page: Callable[[http.HTTPFlow, str], http.Response | None]

    def state_wait_for_response_headers(self, event: ResponseHeaders) -> Commands:
        """Read the head of an answer, which mitmproxy may refuse."""
        yield from replaced(super().state_wait_for_response_headers(event), self._page_for_refused)

    def handle_protocol_error(self, event: RequestProtocolError | ResponseProtocolError) -> Commands:
        """End the exchange after an error on either side."""
        if isinstance(event, RequestProtocolError) and hasattr(self, "flow"):
            note_client_left(self.flow)
        # Only before anything was sent to the client, which is waiting for an answer to a whole request.
        waits = self.client_state == self.state_done and self.server_state in (
            self.state_uninitialized,
            self.state_wait_for_response_headers,
            self.state_consume_response_body,
        )
        stock = super().handle_protocol_error(event)
        if waits and isinstance(event, ResponseProtocolError):
            yield from replaced(stock, self._our_page)
        else:
            yield from stock

    def _page_for_refused(self, command: commands.Command) -> list[commands.Command] | None:
        if not (isinstance(command, SendHttp) and isinstance(command.event, ResponseProtocolError)):
            return None
        is_refused = command.event.code is ErrorCode.RESPONSE_VALIDATION_FAILED
        page = self._our_page(command) if is_refused else None
        return [*page, DropStream(self.stream_id)] if page else None

    def _our_page(self, command: commands.Command) -> list[commands.Command] | None:
        if not (isinstance(command, SendHttp) and isinstance(command.event, ResponseProtocolError)):
            return None
        page = self.error_page(self.flow, command.event.message)
        if page is None or command.connection is not self.context.client:
            return None
        return [
            SendHttp(ResponseHeaders(self.stream_id, page), self.context.client),
            SendHttp(ResponseData(self.stream_id, page.raw_content or b""), self.context.client),
            SendHttp(ResponseEndOfMessage(self.stream_id), self.context.client),
        ]

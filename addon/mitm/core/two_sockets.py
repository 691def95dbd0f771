"""The two sockets of a WebSocket session, as events and actions of a `Conversation`.

Messages are taken apart and put together again on both sides, so either side may be missing: the provider's socket
is opened when the conversation asks for it. Pings are answered here.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from mitmproxy import http
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.layers.http import GetHttpConnection, HttpStream, SendHttp
from mitmproxy.proxy.layers.http._events import (
    ErrorCode,
    RequestData,
    RequestEndOfMessage,
    RequestHeaders,
    RequestProtocolError,
    ResponseData,
    ResponseEndOfMessage,
    ResponseHeaders,
    ResponseProtocolError,
)
from mitmproxy.proxy.layers.websocket import WebsocketEndHook
from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Message, Ping, TextMessage

from addon.mitm.core.replacing import Commands
from addon.sockets.conversation import (
    INTERNAL_ERROR,
    NO_CLOSE,
    Action,
    Close,
    Closed,
    Connect,
    Conversation,
    Event,
    Opened,
    Refused,
    Said,
    Started,
    TooLong,
)

__all__ = ["hold", "think"]

_CLOSING_SECONDS = 5.0  # how long a client has to answer a close
_MOST_REFUSAL = 65_536  # bytes of a provider's refusal that are kept
_NORMAL, _MOST_CODE = 1000, 4999  # RFC 6455, 7.4.2
_FAULT: list[Action] = [Close(True, INTERNAL_ERROR, "provider-proxy failed on this session; see its log")]

logger = logging.getLogger(__name__)

_thinking: dict[str, _TwoSockets] = {}  # by the id of the flow


@dataclass
class ProviderProxySocketHook(commands.StartHook):
    """Lets `think` wait for what a conversation decides. mitmproxy's hooks have one argument."""

    flow: http.HTTPFlow


async def think(flow: http.HTTPFlow) -> None:
    """Wait for the decision that the conversation of `flow` has begun. Never raises."""
    sockets = _thinking.pop(flow.id, None)
    if sockets is not None:
        await sockets.think()


def hold(stream: HttpStream, conversation: Conversation) -> Commands:
    """Hold the sockets of `stream`, whose upgrade has just been answered."""
    sockets = _TwoSockets(stream, conversation)
    stream._handle_event = sockets.handle  # as mitmproxy does it for its own layers
    yield from sockets.start()


class _Piece(NamedTuple):
    """A part of a message that is too long to be reported, and whether it is the last one."""

    data: str | bytes
    is_last: bool


class _Pong(NamedTuple):
    """The answer to a ping."""

    data: bytes


class _Side:
    """One socket."""

    def __init__(self, kind: ConnectionType, *, by_client: bool) -> None:
        self.socket = Connection(kind)
        self._by_client = by_client
        self._parts: list[Any] = []  # all text, or all bytes
        self._size = 0
        self.in_pieces = False
        self.has_ended = False

    @property
    def may_send(self) -> bool:
        return (
            self.socket.state in (ConnectionState.OPEN, ConnectionState.REMOTE_CLOSING) and not self.has_ended
        )

    def received(self, data: bytes | None, most: int) -> Iterator[Said | TooLong | Closed | _Piece | _Pong]:
        """What comes in with these bytes; None is the end of the connection."""
        if self.has_ended or self.socket.state is ConnectionState.CLOSED:
            return
        self.socket.receive_data(data)
        for event in self.socket.events():
            if isinstance(event, Message):
                yield from self._message(event, most)
            elif isinstance(event, Ping):
                yield _Pong(bytes(event.payload))
            elif isinstance(event, CloseConnection):
                self.has_ended = True
                yield Closed(self._by_client, int(event.code or NO_CLOSE), event.reason or "")
                return

    def _message(self, event: Message[Any], most: int) -> Iterator[Said | TooLong | _Piece]:
        if event.data or not self._parts:  # a million empty frames must not fill the list
            self._parts.append(event.data if isinstance(event.data, str) else bytes(event.data))
            self._size += len(event.data)
        if self._size > most and not self.in_pieces:
            yield TooLong(self._by_client)
            if not self.in_pieces:
                self._parts = []
        is_last = event.message_finished
        if self.in_pieces:
            yield _Piece(self._taken(), is_last)
        elif is_last and self._size <= most:
            yield Said(self._by_client, self._taken())
        if is_last:
            self._parts, self._size, self.in_pieces = [], 0, False

    def _taken(self) -> str | bytes:
        parts = self._parts
        taken: str | bytes = parts[0] if len(parts) == 1 else type(parts[0])().join(parts)
        self._parts = [type(taken)()]
        return taken


class _TwoSockets:
    """The session of one stream."""

    def __init__(self, stream: HttpStream, conversation: Conversation) -> None:
        self._stream = stream
        self._conversation = conversation
        self._client = _Side(ConnectionType.SERVER, by_client=True)
        self._provider: _Side | None = None
        self._answer: http.Response | None = None  # of the provider to a late upgrade
        self._refusal = b""
        self._is_asked = False
        self._is_over = False
        self._deciding: Awaitable[list[Action]] | None = None
        self._actions: list[Action] = []

    def start(self) -> Commands:
        """Begin after the answer to the upgrade."""
        by_provider = self._conversation.forwards_upgrade
        if by_provider:
            self._provider = _Side(ConnectionType.CLIENT, by_client=False)
        response = self._stream.flow.response
        protocol = response.headers.get("sec-websocket-protocol", "") if response is not None else ""
        yield from self._report(Started(by_provider, protocol))
        # Bytes that have come already follow this one.
        yield SendHttp(ResponseEndOfMessage(self._stream.stream_id), self._stream.context.client)

    async def think(self) -> None:
        """Wait for the decision. Never raises."""
        try:
            self._actions = await self._deciding if self._deciding is not None else []
        except Exception as error:  # noqa: BLE001 -- logged by _failed
            self._actions = self._failed(error)

    def _failed(self, error: Exception) -> list[Action]:
        logger.error(
            "provider-proxy failed on a WebSocket session with %s",
            self._stream.flow.request.host,
            exc_info=error,
        )
        self._conversation.gone()
        return _FAULT

    def handle(self, event: events.Event) -> Commands:
        """Handle an event of the stream."""
        if self._is_over:
            return
        if isinstance(event, RequestData):
            yield from self._received(self._client, event.data)
        elif isinstance(event, RequestEndOfMessage | RequestProtocolError):
            yield from self._received(self._client, None)
            yield from self._end()
        elif isinstance(event, events.Wakeup):
            yield from self._end()
        elif self._is_asked:
            yield from self._answered(event)
        elif self._provider is not None and isinstance(event, ResponseData):
            yield from self._received(self._provider, event.data)
        elif self._provider is not None and isinstance(event, ResponseEndOfMessage | ResponseProtocolError):
            yield from self._received(self._provider, None)

    # -- what comes in ----------------------------------------------------------

    def _received(self, side: _Side, data: bytes | None) -> Commands:
        other = self._provider if side is self._client else self._client
        for what in side.received(data, self._conversation.most):
            if isinstance(what, _Pong):
                if side.may_send:
                    yield self._bytes_to(side, side.socket.send(_pong(what.data)))
            elif isinstance(what, _Piece):
                if other is not None and other.may_send:
                    yield self._bytes_to(other, other.socket.send(_message(what.data, is_last=what.is_last)))
            elif isinstance(what, TooLong):
                yield from self._report(what)
                side.in_pieces = self._conversation.passes
            else:
                yield from self._report(what)
            if self._is_over:
                return
            if isinstance(what, Closed):
                yield from self._close(side, what.code, what.reason)

    def _report(self, event: Event) -> Commands:
        try:
            answer = self._conversation.on(event)
        except Exception as error:  # noqa: BLE001 -- logged by _failed
            answer = self._failed(error)
        if not isinstance(answer, list):
            flow = self._stream.flow
            self._deciding = answer
            _thinking[flow.id] = self
            yield ProviderProxySocketHook(flow)
            _thinking.pop(flow.id, None)
            answer, self._actions = self._actions, []
        for action in answer:
            yield from self._do(action)

    # -- what goes out ----------------------------------------------------------

    def _do(self, action: Action) -> Commands:
        if isinstance(action, Connect):
            yield from self._connect()
            return
        side = self._client if action.to_client else self._provider
        if side is None:
            return
        if isinstance(action, Close):
            yield from self._close(side, action.code, action.reason)
        elif side.may_send:
            yield self._bytes_to(side, side.socket.send(_message(action.data)))

    def _close(self, side: _Side, code: int, reason: str) -> Commands:
        """Send a close frame, or the answer to one; the client gets time to answer ours."""
        is_answer = side.socket.state is ConnectionState.REMOTE_CLOSING
        if code != NO_CLOSE and side.socket.state in (ConnectionState.OPEN, ConnectionState.REMOTE_CLOSING):
            # A recording may name any number.
            valid = code if 1000 <= code <= _MOST_CODE else _NORMAL
            yield self._bytes_to(side, side.socket.send(CloseConnection(valid, reason or None)))
        if side is self._client:
            if is_answer or code == NO_CLOSE or side.has_ended:
                yield from self._end()
            else:
                yield commands.RequestWakeup(_CLOSING_SECONDS)
        elif self._provider is not None:
            self._provider = None
            yield self._end_of_provider()

    def _end(self) -> Commands:
        """Close both connections."""
        if self._is_over:
            return
        self._is_over = True
        self._conversation.gone()
        if self._provider is not None or self._is_asked:
            self._provider, self._is_asked = None, False
            yield self._end_of_provider()
        stream = self._stream
        yield SendHttp(
            ResponseProtocolError(stream.stream_id, "EOF", ErrorCode.PASSTHROUGH_CLOSE), stream.context.client
        )
        yield WebsocketEndHook(stream.flow)
        stream.flow.live = False

    def _end_of_provider(self) -> commands.Command:
        stream = self._stream
        return SendHttp(
            RequestProtocolError(stream.stream_id, "EOF", ErrorCode.PASSTHROUGH_CLOSE), stream.context.server
        )

    def _bytes_to(self, side: _Side, data: bytes) -> commands.Command:
        stream = self._stream
        if side is self._client:
            return SendHttp(ResponseData(stream.stream_id, data), stream.context.client)
        return SendHttp(RequestData(stream.stream_id, data), stream.context.server)

    # -- a late connection to the provider ----------------------------------------

    def _connect(self) -> Commands:
        stream, flow = self._stream, self._stream.flow
        request = flow.request
        connection, error = yield GetHttpConnection(
            (request.host, request.port),
            request.scheme == "https",
            flow.server_conn.via,
            flow.server_conn.transport_protocol,
        )
        if error:
            yield from self._report(Refused(0, b""))
            return
        stream.context.server = flow.server_conn = connection
        self._is_asked = True
        yield SendHttp(RequestHeaders(stream.stream_id, request, True), connection)
        yield SendHttp(RequestEndOfMessage(stream.stream_id), connection)

    def _answered(self, event: events.Event) -> Commands:
        """The provider's answer to the late upgrade."""
        if isinstance(event, ResponseHeaders):
            self._answer = event.response
        elif isinstance(event, ResponseData):
            if len(self._refusal) < _MOST_REFUSAL:
                self._refusal += event.data
        elif isinstance(event, ResponseEndOfMessage | ResponseProtocolError):
            self._is_asked = False
            answer = self._answer if isinstance(event, ResponseEndOfMessage) else None
            if answer is not None and answer.status_code == 101:
                self._provider = _Side(ConnectionType.CLIENT, by_client=False)
                yield from self._report(Opened())
            else:
                yield from self._report(Refused(answer.status_code if answer else 0, self._refusal))


def _message(data: str | bytes, *, is_last: bool = True) -> Message[Any]:
    kind = TextMessage if isinstance(data, str) else BytesMessage
    return kind(data, message_finished=is_last)  # type: ignore[arg-type]  # the kind is the data's


def _pong(data: bytes) -> Any:
    return Ping(payload=data).response()

"""The head of an answer goes out together with its body, driven without sockets."""

# mypy: disallow-untyped-calls=False

from __future__ import annotations

import pytest
from mitmproxy import connection, http, options
from mitmproxy.proxy import commands, context, events
from mitmproxy.proxy.layers.http._base import ReceiveHttp
from mitmproxy.proxy.layers.http._events import (
    ErrorCode,
    HttpEvent,
    ResponseData,
    ResponseEndOfMessage,
    ResponseHeaders,
    ResponseProtocolError,
)

from addon.mitm.core.http1_server import HeadWithBody, speaks_http1

HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n"


def _context(alpn: bytes | None = None) -> context.Context:
    client = connection.Client(peername=("127.0.0.1", 1), sockname=("127.0.0.1", 2))
    client.state, client.alpn = connection.ConnectionState.OPEN, alpn
    return context.Context(client, options.Options())


def _asked(line: bytes = b"GET / HTTP/1.1") -> HeadWithBody:
    server = HeadWithBody(_context())
    list(server.handle_event(events.Start()))
    request = line + b"\r\nhost: a\r\n\r\n"
    got = list(server.handle_event(events.DataReceived(server.conn, request)))
    assert all(isinstance(command, ReceiveHttp) for command in got)
    return server


def _response(status: int = 200, body: bytes = b"body", **headers: str) -> http.Response:
    return http.Response.make(status, body, {name.replace("_", "-"): text for name, text in headers.items()})


def _sent(server: HeadWithBody, *told: HttpEvent) -> list[list[bytes]]:
    """What each event sends."""
    return [
        [c.data for c in server.handle_event(event) if isinstance(c, commands.SendData)] for event in told
    ]


def test_head_and_body_are_one_piece() -> None:
    """Nothing goes out at the head, all of it at the body, nothing at the end."""
    sent = _sent(_asked(), ResponseHeaders(1, _response()), ResponseData(1, b"body"), ResponseEndOfMessage(1))
    assert sent == [[], [HEAD + b"body"], []]


def test_a_head_without_a_body_goes_out_at_once() -> None:
    """The answer to HEAD, a 204, an empty body."""
    assert _sent(_asked(), ResponseHeaders(1, _response(), end_stream=True)) == [[HEAD]]


def test_a_streamed_answers_head_goes_out_at_once() -> None:
    """Its client must not wait for the first event."""
    streamed = _response()
    streamed.stream = True
    assert _sent(_asked(), ResponseHeaders(1, streamed), ResponseData(1, b"body")) == [[HEAD], [b"body"]]


def test_an_interim_answer_goes_out_at_once() -> None:
    """A client that waits for 100 sends nothing before it has it."""
    interim = http.Response.make(100)
    interim.headers.clear()
    assert _sent(_asked(), ResponseHeaders(1, interim)) == [[b"HTTP/1.1 100 Continue\r\n\r\n"]]


def test_a_long_body_is_not_copied() -> None:
    """It goes out by itself, after the head."""
    body = b"x" * 100_000
    sent = _sent(_asked(), ResponseHeaders(1, _response(body=body)), ResponseData(1, body))
    assert sent == [[], [b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n", body]]
    assert sent[1][1] is body


def test_a_chunked_body_is_framed() -> None:
    """Where the headers say so, each piece has its length."""
    response = _response(transfer_encoding="chunked")
    response.headers.pop("content-length", None)
    sent = _sent(_asked(), ResponseHeaders(1, response), ResponseData(1, b"body"), ResponseEndOfMessage(1))
    assert sent == [
        [],
        [b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nbody\r\n"],
        [b"0\r\n\r\n"],
    ]


def test_a_held_head_is_sent_before_an_end_without_a_body() -> None:
    """What was said is sent, whatever follows: nothing is lost."""
    assert _sent(_asked(), ResponseHeaders(1, _response()), ResponseEndOfMessage(1)) == [[], [HEAD]]


def test_an_error_after_a_held_head_closes_the_connection() -> None:
    """The client has the head and then the end, as without us."""
    server = _asked()
    list(server.handle_event(ResponseHeaders(1, _response())))
    error = ResponseProtocolError(1, "broken", ErrorCode.GENERIC_SERVER_ERROR)
    got = list(server.handle_event(error))
    assert isinstance(got[0], commands.SendData)
    assert got[0].data == HEAD
    assert isinstance(got[-1], commands.CloseConnection)


def test_the_next_request_finds_nothing_left() -> None:
    """Two answers on one connection do not run into one another."""
    server = _asked()
    for stream in (1, 3):
        sent = _sent(
            server,
            ResponseHeaders(stream, _response()),
            ResponseData(stream, b"body"),
            ResponseEndOfMessage(stream),
        )
        assert sent == [[], [HEAD + b"body"], []]
        list(server.handle_event(events.DataReceived(server.conn, b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")))


@pytest.mark.parametrize(("line", "tunnel"), [(b"CONNECT a:443 HTTP/1.1", 1), (b"GET / HTTP/1.1", None)])
def test_a_granted_connect_is_a_tunnel(line: bytes, tunnel: int | None) -> None:
    """Its stream is noted; that of any other request is not."""
    server = _asked(line)
    granted = http.Response.make(200)
    _sent(server, ResponseHeaders(1, granted, end_stream=True), ResponseEndOfMessage(1))
    assert server.tunnel == tunnel


@pytest.mark.parametrize(
    ("alpn", "speaks"), [(None, True), (b"", True), (b"http/1.1", True), (b"h2", False), (b"h3", False)]
)
def test_who_speaks_http1(alpn: bytes | None, speaks: bool) -> None:
    """Whoever did not agree on another protocol."""
    assert speaks_http1(_context(alpn)) is speaks

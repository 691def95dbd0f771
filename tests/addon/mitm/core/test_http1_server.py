"""The head of an answer goes out together with its body, driven without sockets."""

# mypy: disallow-untyped-calls=False

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from mitmproxy import connection, ctx, http, options
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

from addon.mitm.core import http1_server
from addon.mitm.core.http1_server import HeadWithBody, acknowledge

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
    """The bytes that each event sends."""
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
    """The held head is sent, whatever follows it."""
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


# -- acknowledging ---------------------------------------------------------------

LINUX = pytest.mark.skipif(not hasattr(socket, "TCP_QUICKACK"), reason="Linux alone has the option")


@pytest.mark.parametrize("tunnelled", [False, True])
async def test_only_a_request_with_more_to_come(
    proxied: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, *, tunnelled: bool
) -> None:
    """Head and body apart: one acknowledgement between them. Head and body together: none."""
    told: list[connection.Client] = []

    def note(client: connection.Client) -> None:
        told.append(client)
        acknowledge(client)

    monkeypatch.setattr(http1_server, "acknowledge", note)

    async with proxied(cache_mode="read-write") as p:
        client = await (p.tunnel() if tunnelled else p.client())
        whole = p.raw("POST /v1/x", b"{}") if tunnelled else p.request()
        for _ in range(2):
            await client.ask(whole)
        assert told == []
        head, _, body = whole.partition(b"\r\n\r\n")
        await client.send(head + b"\r\n\r\n")
        for _ in range(200):
            if told:
                break
            await asyncio.sleep(0.01)
        assert len(told) == 1
        assert (await client.ask(body)).from_cache == "true"
        assert len(told) == 1


class _Socket:
    """Notes what it is told."""

    def __init__(self, error: OSError | None = None) -> None:
        self.told: list[tuple[int, int, int]] = []
        self.error = error

    def setsockopt(self, *option: int) -> None:
        if self.error is not None:
            raise self.error
        self.told.append(option)  # type: ignore[arg-type]


def _connected(monkeypatch: pytest.MonkeyPatch, found: _Socket | None) -> connection.Client:
    client = connection.Client(peername=("127.0.0.1", 1), sockname=("127.0.0.1", 2))
    writer = SimpleNamespace(get_extra_info={"socket": found}.get)
    handler = SimpleNamespace(transports={client: SimpleNamespace(writer=writer)})
    server = SimpleNamespace(connections={client.id: handler})
    master = SimpleNamespace(addons={"proxyserver": server})
    monkeypatch.setattr(ctx, "master", master, raising=False)
    return client


@LINUX
def test_the_option_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each time anew, for the system forgets it."""
    found = _Socket()
    client = _connected(monkeypatch, found)
    acknowledge(client)
    acknowledge(client)
    assert found.told == [(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)] * 2


def test_where_it_cannot_be_set_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    """No such option, a client that has left, one that is not known, no socket at all."""
    acknowledge(_connected(monkeypatch, _Socket(OSError("gone"))))
    acknowledge(_connected(monkeypatch, None))
    _connected(monkeypatch, _Socket())
    acknowledge(connection.Client(peername=("127.0.0.1", 1), sockname=("127.0.0.1", 2)))
    monkeypatch.setattr(http1_server, "_QUICK_ACK", None)
    found = _Socket()
    acknowledge(_connected(monkeypatch, found))
    assert found.told == []

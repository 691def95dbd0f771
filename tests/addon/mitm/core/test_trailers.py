"""Trailers of HTTP/1.1 messages are relayed, or discarded where nothing can carry them."""

# mypy: disallow-untyped-calls=False

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from mitmproxy import http, options
from mitmproxy.proxy import commands, context, events
from mitmproxy.proxy.layers.http._events import (
    ResponseData,
    ResponseEndOfMessage,
    ResponseHeaders,
    ResponseTrailers,
)
from mitmproxy.proxy.layers.http._http1 import Http1Server
from mitmproxy.test import tflow

from addon.mitm.core.trailers import Trailers

CHAT = json.dumps(
    {"id": "c", "object": "chat.completion", "model": "m",
     "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}]}
).encode()  # fmt: skip
EVENT = b'data: {"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
TRAILERS = b"x-usage: 5\r\nx-checksum: abc\r\n"


def _with_trailers(body: bytes, media_type: bytes = b"application/json", trailers: bytes = TRAILERS) -> Any:
    async def script(_head: bytes, writer: asyncio.StreamWriter) -> None:
        head = b"HTTP/1.1 200 OK\r\ncontent-type: %s\r\ntransfer-encoding: chunked\r\n\r\n" % media_type
        chunk = b"%x\r\n%s\r\n" % (len(body), body) if body else b""
        writer.write(head + chunk + b"0\r\n" + trailers + b"\r\n")

    return script


@pytest.mark.parametrize(
    ("body", "media_type"), [(CHAT, b"application/json"), (EVENT, b"text/event-stream"), (b"", b"text/plain")]
)
@pytest.mark.parametrize("mode", ["off", "read-only", "read-write"])
@pytest.mark.parametrize("tunnelled", [False, True])
async def test_an_http1_client_gets_the_answer_and_its_trailers(
    proxied: Callable[..., Any], body: bytes, media_type: bytes, mode: str, *, tunnelled: bool
) -> None:
    """Behind the last chunk, as the provider sent them; the connection is good for the next request."""
    async with proxied(cache_mode=mode) as p:
        p.provider.script = _with_trailers(body, media_type)
        client = await (p.tunnel() if tunnelled else p.client())
        request = p.raw("POST /v1/chat/completions", b"{}") if tunnelled else p.request()
        await client.send(request)
        status, headers = await client.head()
        assert (status, headers["transfer-encoding"]) == (200, "chunked")
        rest = await client.reader.readuntil(b"x-checksum: abc\r\n\r\n")
        assert body in rest
        assert rest.endswith(b"\r\n0\r\n" + TRAILERS + b"\r\n" if body else b"0\r\n" + TRAILERS + b"\r\n")
        p.provider.script = None
        assert (
            await client.ask(p.raw("GET /v1/models") if tunnelled else p.request(path="/v1/y"))
        ).status == 200


async def test_an_answer_with_trailers_is_replayed_without_them(proxied: Callable[..., Any]) -> None:
    """Its body is whole, and trailers are never stored."""
    async with proxied(cache_mode="read-write") as p:
        p.provider.script = _with_trailers(CHAT)
        client = await p.client()
        await client.send(p.request())
        await client.reader.readuntil(TRAILERS + b"\r\n")
        hit = await client.ask(p.request())
        assert (hit.from_cache, hit.body) == ("true", CHAT)


async def test_a_trailer_that_says_failed_keeps_the_answer_from_being_stored(
    proxied: Callable[..., Any],
) -> None:
    """gRPC has its status there."""
    async with proxied(cache_mode="read-write") as p:
        p.provider.script = _with_trailers(CHAT, trailers=b"grpc-status: 13\r\n")
        client = await p.client()
        await client.send(p.request())
        await client.reader.readuntil(b"grpc-status: 13\r\n\r\n")
        assert p.stored() == 0
        assert p.host.cache.counts.host("127.0.0.1").not_stored == {"status": 1}


async def test_an_http2_client_gets_them_too(proxied: Callable[..., Any]) -> None:
    """HTTP/2 has trailers of its own."""
    async with proxied(cache_mode="read-write") as p:
        p.provider.script = _with_trailers(CHAT)
        client = await p.h2()
        answer = await client.answer(client.send("POST", "/v1/x", b"{}"))
        assert (answer.body, answer.trailers) == (CHAT, {"x-usage": "5", "x-checksum": "abc"})


async def test_a_request_with_trailers_reaches_the_provider(proxied: Callable[..., Any]) -> None:
    """It is not looked up, since trailers are not part of the identity, and its trailers go along."""
    chunked = (
        b"POST http://127.0.0.1:%d/v1/x HTTP/1.1\r\nhost: 127.0.0.1\r\ntransfer-encoding: chunked\r\n\r\n"
    )
    async with proxied(cache_mode="read-write") as p:
        client = await p.client()
        for _ in range(2):
            request = chunked % p.provider.port + b"2\r\n{}\r\n0\r\nx-checksum: 5\r\n\r\n"
            answer = await client.ask(request)
            assert answer.headers["cache-status"] == "provider-proxy; fwd=bypass; detail=not-whole"
        assert p.provider.bodies == [b"{}", b"{}"]
        assert p.provider.trailers == [b"x-checksum: 5\r\n"] * 2


async def test_a_request_with_trailers_is_refused_where_nothing_is_sent(proxied: Callable[..., Any]) -> None:
    """In require-hit it gets an answer as well."""
    chunked = (
        b"POST http://127.0.0.1:%d/v1/x HTTP/1.1\r\nhost: 127.0.0.1\r\ntransfer-encoding: chunked\r\n\r\n"
    )
    async with proxied(cache_mode="read-only-require-hit") as p:
        client = await p.client()
        answer = await client.ask(chunked % p.provider.port + b"2\r\n{}\r\n0\r\nx-checksum: 5\r\n\r\n")
        assert answer.status == 502
        assert p.provider.seen == []


async def test_bad_trailers_end_the_exchange(proxied: Callable[..., Any]) -> None:
    """The client's connection is closed without the end of the message, and nothing is stored."""
    async with proxied(cache_mode="read-write") as p:
        p.provider.script = _with_trailers(EVENT, b"text/event-stream", b"no colon here\r\n")
        client = await p.client()
        await client.send(p.request())
        assert not (await client.reader.read()).endswith(b"0\r\n\r\n")
        assert p.stored() == 0


def test_trailers_are_discarded_where_nothing_can_carry_them() -> None:
    """An answer without chunks, as an HTTP/2 provider's is for an HTTP/1.1 client, ends as it would without them."""

    class Server(Trailers, Http1Server):
        pass

    client = tflow.tclient_conn()
    server = Server(context.Context(client, options.Options()))
    list(server.handle_event(events.Start()))
    list(server.handle_event(events.DataReceived(client, b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")))
    response = http.Response.make(200, b"body", {"content-type": "text/plain"})
    parts = (
        ResponseHeaders(1, response),
        ResponseData(1, b"body"),
        ResponseTrailers(1, http.Headers(a="b")),
        ResponseEndOfMessage(1),
    )
    sent = [c.data for part in parts for c in server.handle_event(part) if isinstance(c, commands.SendData)]
    assert b"".join(sent).endswith(b"content-length: 4\r\n\r\nbody")

"""The answer where a provider cannot be reached, driven through real sockets."""

# mypy: disallow-untyped-calls=False

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable
from typing import Any

import pytest
from mitmproxy import ctx, http

from addon.mitm.core.marks import client_left


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize("method", ["POST", "HEAD"])
async def test_our_page_when_connecting_fails_keeps_the_connection_usable(
    proxied: Callable[..., Any], method: str
) -> None:
    """502 with marks and a JSON error, no entry, and the next request on the same connection is answered."""
    unused = _free_port()
    async with proxied(hosts=f"http://127.0.0.1:{unused}") as p:
        client = await p.client()
        refused = p.raw(f"{method} http://127.0.0.1:{unused}/v1/x", b"{}")
        for _ in range(2):
            answer = await client.ask(refused)
            assert answer.status == 502
            assert answer.from_cache == "false"
            assert answer.headers["cache-status"] == "provider-proxy; fwd=bypass; detail=unreachable"
            assert "x-should-retry" not in answer.headers  # the next try may reach it
            if method != "HEAD":
                error = json.loads(answer.body)["error"]
                assert error["code"] == "provider_proxy_unreachable"
                assert "127.0.0.1" in error["message"]
        assert (await client.ask(p.raw("GET /-/healthz"))).body == b"ok\n"
        assert p.host.cache.counts.host("127.0.0.1").as_dict()["not_stored"] == {"unreachable": 2}


async def test_mitmproxys_page_for_a_host_that_is_not_intercepted(proxied: Callable[..., Any]) -> None:
    """mitmproxy's own page is sent, without marks."""
    async with proxied() as p:
        client = await p.client()
        await client.send(p.raw(f"GET http://127.0.0.1:{_free_port()}/x"))
        status, headers = await client.head()
        assert status == 502
        assert "cache-status" not in headers


async def test_a_provider_that_closes_without_an_answer(proxied: Callable[..., Any]) -> None:
    """A connection that ends before, or inside, a short answer is our page too: the client has seen nothing yet."""
    async with proxied() as p:
        for part in (
            b"",
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\nhalf",
        ):

            async def cut(_head: bytes, writer: asyncio.StreamWriter, part: bytes = part) -> None:
                writer.write(part)
                await writer.drain()
                writer.close()

            p.provider.script = cut
            client = await p.client()
            answer = await client.ask(p.request())
            assert answer.status == 502
            assert json.loads(answer.body)["error"]["code"] == "provider_proxy_unreachable"
            p.provider.script = None
            assert (await client.ask(p.raw("GET /-/healthz"))).status == 200
        assert p.stored() == 0


async def test_a_stream_that_breaks_is_broken_for_the_client(proxied: Callable[..., Any]) -> None:
    """Once a part was sent no page can follow: the client's connection ends without the end of the message."""
    async with proxied() as p:

        async def cut(_head: bytes, writer: asyncio.StreamWriter) -> None:
            writer.write(
                b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
            )
            writer.write(b'f\r\ndata: {"x":1}\n\n\r\n')
            await writer.drain()
            await asyncio.sleep(0.05)
            writer.close()

        p.provider.script = cut
        client = await p.client()
        await client.send(p.request())
        assert (await client.head())[0] == 200
        rest = await client.reader.read()
        assert b"provider_proxy" not in rest
        assert not rest.endswith(b"0\r\n\r\n")
        assert p.stored() == 0
        assert p.host.cache.counts.host("127.0.0.1").as_dict()["not_stored"] == {"cut-off": 1}


async def test_who_ended_an_exchange_is_noted(proxied: Callable[..., Any]) -> None:
    """Where the client left, its flow says so."""
    left: list[bool] = []

    class Watch:
        name = "watch"

        def error(self, flow: http.HTTPFlow) -> None:
            left.append(client_left(flow))

    async with proxied() as p:
        ctx.master.addons.add(Watch())
        reached = asyncio.Event()

        async def wait(_head: bytes, _writer: asyncio.StreamWriter) -> None:
            reached.set()
            await asyncio.sleep(10)

        p.provider.script = wait
        client = await p.client()
        await client.send(p.request())
        await reached.wait()
        await client.close()
        for _ in range(100):
            if left:
                break
            await asyncio.sleep(0.01)
    assert left == [True]


@pytest.mark.parametrize(
    "header",
    [
        b"x y: 1",
        b"x\x0b: 1",
        b"x\xff: 1",
        b"content-length : 2",
        b"transfer-encoding: chunked\r\ncontent-length: 2",
    ],
)
@pytest.mark.parametrize("mode", ["off", "read-write"])
async def test_an_answer_with_invalid_headers_is_our_page(
    proxied: Callable[..., Any], header: bytes, mode: str
) -> None:
    """The client gets a marked 502 that repeats nothing of them, nothing is stored, and its connection stays good."""

    async def invalid(_head: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n" + header + b"\r\n\r\n{}")

    async with proxied(cache_mode=mode) as p:
        client = await p.client()
        p.provider.script = invalid
        answer = await client.ask(p.request())
        assert (answer.status, answer.from_cache) == (502, "false")
        assert answer.headers["cache-status"] == "provider-proxy; fwd=bypass; detail=unreachable"
        assert "x-should-retry" not in answer.headers
        assert json.loads(answer.body)["error"]["code"] == "provider_proxy_unreachable"
        assert p.stored() == 0
        p.provider.script = None
        assert (await client.ask(p.request())).status == 200

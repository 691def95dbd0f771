"""A client that has closed its sending side gets its answer; one that has left is noticed."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import pytest

INTERIM = b"HTTP/1.1 100 Continue\r\n\r\n"


@pytest.mark.parametrize("mode", ["off", "read-write", "read-only-require-hit"])
@pytest.mark.parametrize("direct", [False, True])
async def test_a_half_closed_client_is_answered(
    proxied: Callable[..., Any], mode: str, *, direct: bool
) -> None:
    """Live, refused or from the cache, in every door; then the connection is closed."""

    async def slow(head: bytes, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.3)
        await p.provider.chat(head, writer)

    async with proxied(cache_mode=mode) as p:
        p.provider.script = slow
        for expected in ("false", "true" if mode == "read-write" else "false"):
            client = await p.client()
            path = f"/http/127.0.0.1:{p.provider.port}/v1/chat/completions"
            await client.send(p.raw(f"POST {path}", b"{}") if direct else p.request())
            client.writer.write_eof()
            answer = (await client.reader.read()).removeprefix(INTERIM)
            assert answer.startswith(b"HTTP/1.1 502" if mode == "read-only-require-hit" else b"HTTP/1.1 200")
            assert f"x-provider-proxy-cache: {expected}".encode() in answer
            assert answer.endswith(b"}")


async def test_a_half_closed_client_gets_a_whole_stream(proxied: Callable[..., Any]) -> None:
    """Chunk by chunk to the end, and it is stored."""
    event = b'data: {"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":"stop"}]}\n\n'

    async def stream(_head: bytes, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.2)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n")
        for piece in (event, event, b"data: [DONE]\n\n"):
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.05)
        writer.close()

    async with proxied(cache_mode="read-write") as p:
        p.provider.script = stream
        client = await p.client()
        await client.send(p.request())
        client.writer.write_eof()
        answer = await client.reader.read()
        assert answer.endswith(event + event + b"data: [DONE]\n\n")
        assert p.stored() == 1


@pytest.mark.parametrize("tunnelled", [False, True])
async def test_a_client_that_has_left_is_noticed(proxied: Callable[..., Any], *, tunnelled: bool) -> None:
    """Its request is given up at once, while the provider is still thinking."""
    reached, stop = asyncio.Event(), asyncio.Event()

    async def wait(_head: bytes, _writer: asyncio.StreamWriter) -> None:
        reached.set()
        await stop.wait()

    async with proxied(cache_mode="read-write") as p:
        p.provider.script = wait
        client = await (p.tunnel() if tunnelled else p.client())
        await client.send(p.raw("POST /v1/x", b"{}") if tunnelled else p.request())
        await reached.wait()
        await client.close()
        counts = p.host.cache.counts.host("localhost" if tunnelled else "127.0.0.1")
        while not counts.not_stored:
            await asyncio.sleep(0.01)
        assert counts.not_stored == {"client-left": 1}
        stop.set()


async def test_a_half_closed_client_is_answered_inside_a_tunnel(proxied: Callable[..., Any]) -> None:
    """Its TCP connection is half closed, its TLS session goes on."""

    async def slow(head: bytes, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.3)
        await p.provider.chat(head, writer)

    async with proxied(cache_mode="read-write") as p:
        p.provider.script = slow
        client = await p.tunnel()
        await client.send(p.raw("POST /v1/x", b"{}"))
        client.writer.get_extra_info("socket").shutdown(socket.SHUT_WR)
        assert await client.reader.readexactly(len(INTERIM)) == INTERIM
        assert (await client.answer()).status == 200
        assert p.stored() == 1

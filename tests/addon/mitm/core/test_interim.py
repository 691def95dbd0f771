"""A provider's informational answers are skipped."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from addon.mitm.core import internals
from addon.mitm.core.internals import Feature


@pytest.mark.parametrize(
    "interim",
    [
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 102 Processing\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\nlink: </a>; rel=preload\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n",
        b"HTTP/1.1 199\r\n\r\n",
    ],
)
@pytest.mark.parametrize("pieces", [1, 7, 1000])
@pytest.mark.parametrize("mode", ["off", "read-write"])
async def test_the_real_answer_comes_through(
    proxied: Callable[..., Any], interim: bytes, pieces: int, mode: str
) -> None:
    """In one packet with the real answer, in pieces and byte by byte, in any mode; it is stored as the answer."""

    async def script(head: bytes, writer: asyncio.StreamWriter) -> None:
        size = max(1, len(interim) // pieces)
        for start in range(0, len(interim), size):
            writer.write(interim[start : start + size])
            if pieces > 1:
                await writer.drain()
                await asyncio.sleep(0.001)
        await p.provider.chat(head, writer)

    async with proxied(cache_mode=mode) as p:
        p.provider.script = script
        client = await p.client()
        live = await client.ask(p.request())
        assert (live.status, b"answer 1" in live.body) == (200, True)
        again = await client.ask(p.request())
        assert again.from_cache == ("true" if mode == "read-write" else "false")


async def test_where_mitmproxy_has_changed_the_exchange_ends(
    proxied: Callable[..., Any], lose: Callable[[Feature], None]
) -> None:
    """The client's connection is closed at once, and nothing is stored."""

    async def script(head: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 103 Early Hints\r\n\r\n")
        await p.provider.chat(head, writer)

    lose(internals.INTERIM)
    async with proxied(cache_mode="read-write") as p:
        p.provider.script = script
        client = await p.client()
        await client.send(p.request())
        assert b"200" not in await client.reader.read()
        assert p.stored() == 0


async def test_a_switch_of_protocols_is_final(proxied: Callable[..., Any]) -> None:
    """101 is a final answer: the bytes after it belong to the WebSocket."""

    async def switch(_head: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n")

    async with proxied(cache_mode="off") as p:
        p.provider.script = switch
        client = await p.client()
        await client.send(
            p.request(method="GET", body=b"", headers="upgrade: websocket\r\nconnection: upgrade\r\n")
        )
        assert (await client.head())[0] == 101


async def test_an_interim_answer_alone_is_no_answer(proxied: Callable[..., Any]) -> None:
    """A provider that closes behind it has not answered: 502."""

    async def script(_head: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 103 Early Hints\r\n\r\n")
        await writer.drain()
        writer.close()

    async with proxied(cache_mode="read-write") as p:
        p.provider.script = script
        assert (await (await p.client()).ask(p.request())).status == 502
        assert p.stored() == 0

"""An HTTP/2 client that does not read stops its provider instead of filling the proxy's memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

CHUNK = b"x" * 65_536
CHUNKS = 1024  # 64 MiB in all
MOST = 32 * 1024 * 1024  # what sockets and the proxy hold together is less


class _Endless:
    """A provider that notes how much of a long answer it could send."""

    def __init__(self) -> None:
        self.sent = 0

    async def __call__(self, _head: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ntransfer-encoding: chunked\r\n\r\n")
        for _ in range(CHUNKS):
            writer.write(b"%x\r\n%s\r\n" % (len(CHUNK), CHUNK))
            await writer.drain()
            self.sent += len(CHUNK)
        writer.write(b"0\r\n\r\n")

    async def stalled(self) -> None:
        """Once nothing more is sent for a while."""
        before, same = -1, 0
        while same < 30:
            await asyncio.sleep(0.02)
            before, same = self.sent, same + 1 if self.sent == before and before else 0


@pytest.mark.parametrize("mode", ["off", "read-write"])
async def test_a_client_that_never_opens_its_window(proxied: Callable[..., Any], mode: str) -> None:
    """The provider is stopped; as soon as the client reads it gets everything."""
    async with proxied(cache_mode=mode, max_body="1MiB") as p:
        p.provider.script = endless = _Endless()
        client = await p.h2(window=False)
        stream = client.send("GET", "/v1/x")
        while not client.answers[stream].body:
            await client.read()
        await endless.stalled()
        assert endless.sent < MOST
        client.open_window(stream, CHUNKS * len(CHUNK))
        answer = await client.answer(stream)
        assert (answer.ended, answer.body == CHUNK * CHUNKS) == (True, True)


async def test_other_requests_of_the_same_client_go_on(proxied: Callable[..., Any]) -> None:
    """A stopped answer holds up no other, live or from the cache."""
    async with proxied(cache_mode="read-write") as p:
        p.provider.script = endless = _Endless()
        client = await p.h2(window=False)
        client.send("GET", "/v1/endless")
        client.open_window(1, 1)
        await endless.stalled()
        p.provider.script = None
        for expected in ("false", "true"):
            client.open_connection(100_000)
            answer = await client.answer(client.send("POST", "/v1/x", b"{}"))
            assert (answer.headers[":status"], answer.headers["x-provider-proxy-cache"]) == ("200", expected)


async def test_a_stream_that_is_reset_frees_what_waited(proxied: Callable[..., Any]) -> None:
    """The provider's connection is closed, and the client's next request is answered."""
    async with proxied(cache_mode="read-write") as p:
        p.provider.script = endless = _Endless()
        client = await p.h2(window=False)
        stream = client.send("GET", "/v1/endless")
        await endless.stalled()
        client.reset(stream)
        client.open_connection(100_000)
        p.provider.script = None
        answer = await client.answer(client.send("POST", "/v1/x", b"{}"))
        assert answer.headers[":status"] == "200"
        assert endless.sent < MOST

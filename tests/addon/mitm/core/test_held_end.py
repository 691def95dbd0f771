"""The end of a streamed answer is sent after its entry is on disk."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from mitmproxy import ctx, http

EVENT = b'data: {"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":"stop"}]}\n\n'
END = b"data: [DONE]\n\n"


async def test_the_last_bytes_wait_for_the_response_hook(proxied: Callable[..., Any]) -> None:
    """Where the length is declared, the client gets the last bytes once every `response` hook is through."""
    reached, go_on = asyncio.Event(), asyncio.Event()

    class Waits:
        name = "waits"

        async def response(self, _: http.HTTPFlow) -> None:
            reached.set()
            await go_on.wait()

    async def stream(_head: bytes, writer: asyncio.StreamWriter) -> None:
        head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: {}\r\n\r\n"
        writer.write(head.format(len(EVENT + END)).encode() + EVENT)
        await writer.drain()
        await client.reader.readuntil(b"\r\n\r\n")
        writer.write(END)

    async with proxied(cache_mode="read-write") as p:
        ctx.master.addons.add(Waits())
        p.provider.script = stream
        client = await p.client()
        await client.send(p.request())
        await reached.wait()
        assert await client.reader.readexactly(len(EVENT)) == EVENT
        reading = asyncio.create_task(client.reader.readexactly(len(END)))
        await asyncio.sleep(0.05)
        assert not reading.done()
        assert p.stored() == 1
        go_on.set()
        assert await reading == END

"""Many clients at once, two processes on one cache: no wrong answer, no error, no growing memory."""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar, Self

import pytest
import trustme

from tests.e2e.conftest import Proxy
from tests.e2e.crew import workers
from tests.e2e.test_faults import memory
from tests.e2e.upstream import Upstream, chat_answer, chat_events

pytestmark = [pytest.mark.slow, pytest.mark.timeout(480)]

needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="processes share a port on Linux only")

CLIENTS = 64
REQUESTS = 20_000
QUESTIONS = REQUESTS // 2


async def provider(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A provider's connection: every answer carries the marker of its request, and is counted."""
    Count.open.append(writer)
    try:
        while head := await reader.readuntil(b"\r\n\r\n"):
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            body = json.loads(await reader.readexactly(length))
            Count.live += 1
            marker = body["messages"][0]["content"]
            if body.get("stream"):
                writer.write(
                    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
                )
                for event in [*chat_events([marker]), b""]:
                    writer.write(b"%x\r\n%s\r\n" % (len(event), event))
            else:
                answer = json.dumps(chat_answer(marker)).encode()
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s"
                             % (len(answer), answer))  # fmt: skip
    except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
        writer.close()


class Count:
    """How many requests went live, and over which connections."""

    live = 0
    open: ClassVar[list[asyncio.StreamWriter]] = []


class Client:
    """One keep-alive connection through a CONNECT, spoken by hand: the load must not be the client's."""

    def __init__(self, proxy: Proxy) -> None:
        self.port = int(proxy.url.rpartition(":")[2])
        self.context = ssl.create_default_context(cafile=proxy.bundle)

    async def __aenter__(self) -> Self:
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        self.writer.write(b"CONNECT api.openai.com:443 HTTP/1.1\r\nhost: api.openai.com:443\r\n\r\n")
        await self.reader.readuntil(b"\r\n\r\n")
        await self.writer.start_tls(self.context, server_hostname="api.openai.com")
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.transport.abort()

    async def ask(self, number: int) -> tuple[int, bytes]:
        """The status and body of question `number`; every tenth is streamed."""
        request = {"model": "m", "messages": [{"role": "user", "content": f"marker-{number:06d}"}]}
        body = json.dumps(request | {"stream": True} if number % 10 == 0 else request).encode()
        head = (
            "POST /v1/chat/completions HTTP/1.1\r\nhost: api.openai.com\r\ncontent-type: application/json\r\n"
        )
        self.writer.write(head.encode() + b"content-length: %d\r\n\r\n" % len(body) + body)
        answer = (await self.reader.readuntil(b"\r\n\r\n")).lower()
        status = int(answer.split(b" ", 2)[1])
        if b"transfer-encoding: chunked" in answer:
            return status, await self._chunked()
        length = int(answer.partition(b"content-length: ")[2].partition(b"\r\n")[0])
        return status, await self.reader.readexactly(length)

    async def _chunked(self) -> bytes:
        body = b""
        while size := int(await self.reader.readuntil(b"\r\n"), 16):
            body += (await self.reader.readexactly(size + 2))[:-2]
        await self.reader.readexactly(2)
        return body


async def load(proxies: list[Proxy], wrong: list[str], progress: Callable[[int], None]) -> None:
    """All requests, by 64 clients over the proxies; each question is asked twice in all."""
    numbers = iter([n % QUESTIONS for n in range(REQUESTS)])
    done = 0

    async def work(proxy: Proxy) -> None:
        nonlocal done
        async with Client(proxy) as client:
            for number in numbers:
                status, body = await client.ask(number)
                if (
                    status != 200
                    or f"marker-{number:06d}".encode() not in body
                    or body.count(b"marker-") != 1
                ):
                    wrong.append(f"{number}: {status} {body[:100]!r}")
                done += 1
                progress(done)

    await asyncio.gather(*(work(proxies[n % len(proxies)]) for n in range(CLIENTS)))


@pytest.mark.parametrize("processes", ["two proxies", pytest.param("two workers", marks=needs_linux)])
def test_no_wrong_answer_under_load(
    processes: str, start_proxy: Callable[..., Proxy], certificates: tuple[trustme.LeafCert, Path]
) -> None:
    """20,000 requests by 64 clients through two processes on one cache: each answer is its request's, half are hits,
    and memory does not grow between request 5,000 and the end by more than 50 MB."""
    wrong: list[str] = []
    early: list[int] = []
    late: list[int] = []
    proxies: list[Proxy] = []

    pids: list[int] = []

    def progress(done: int) -> None:
        if done == REQUESTS // 4:
            early.extend(memory(pid) for pid in pids)

    async def run() -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificates[0].configure_cert(context)
        server = await asyncio.start_server(provider, "127.0.0.1", 0, ssl=context)
        upstream = Upstream(server.sockets[0].getsockname()[1], lambda _: None)
        if processes == "two workers":
            proxies.append(start_proxy(upstream, "read-write", workers="2"))
            pids.extend(workers(proxies[0]))
        else:
            proxies.extend(start_proxy(upstream, "read-write") for _ in range(2))
            pids.extend(proxy.process.pid for proxy in proxies)
        await asyncio.wait_for(load(proxies, wrong, progress), 400)
        late.extend(memory(pid) for pid in pids)
        server.close()
        for writer in Count.open:  # else they are found unclosed in the middle of another test
            writer.transport.abort()
        await asyncio.sleep(0.1)

    Count.live = 0
    asyncio.run(run())
    assert wrong == []
    grown = [after - before for before, after in zip(early, late, strict=True)]
    assert max(grown) < 50 * 1024, grown
    if processes == "two workers":  # whose identical requests in flight are one
        assert Count.live == QUESTIONS
    else:
        assert QUESTIONS <= Count.live <= QUESTIONS * 1.02

"""A whole proxy in the test's own process, with a provider of its own, both on loopback."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import trustme

from addon.environment.ca import ensure_ca
from addon.host.host import Host
from addon.host.options import HostOptions
from cache_store.disk.disk_store import DiskStore
from tests.addon.h2_client import H2Client

CHAT = (
    b'{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,'
    b'"message":{"role":"assistant","content":"answer %d"},"finish_reason":"stop"}]}'
)


@dataclass
class Answered:
    """A response as a client sees it; header names in lower case, the last of repeated ones."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def from_cache(self) -> str | None:
        """The value of `x-provider-proxy-cache`."""
        return self.headers.get("x-provider-proxy-cache")


@dataclass
class Client:
    """One connection to the proxy."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, request: bytes) -> None:
        """Write, and nothing else."""
        self.writer.write(request)
        await self.writer.drain()

    async def head(self) -> tuple[int, dict[str, str]]:
        """The status and headers of the next answer."""
        lines = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {
            name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:-2])
        }
        return int(lines[0].split()[1]), headers

    async def answer(self, *, body: bool = True) -> Answered:
        """The next answer, whole; without `body` for HEAD."""
        status, headers = await self.head()
        content = b""
        if body and status != 204:
            if "chunked" in headers.get("transfer-encoding", ""):
                while size := int(await self.reader.readline(), 16):
                    content += (await self.reader.readexactly(size + 2))[:-2]
                await self.reader.readline()
            else:
                content = await self.reader.readexactly(int(headers["content-length"]))
        return Answered(status, headers, content)

    async def ask(self, request: bytes) -> Answered:
        """Send a whole request and read its answer."""
        await self.send(request)
        return await self.answer(body=not request.startswith(b"HEAD"))

    async def close(self) -> None:
        """Leave."""
        self.writer.close()
        try:
            await self.writer.wait_closed()
        except (ConnectionError, ssl.SSLError):
            pass


@dataclass
class Provider:
    """Counts and answers requests. `script` may be replaced: it gets the request's head and the writer.

    `seen` has the head of each request, `bodies` its body as its framing says (RFC 9112, 6.3), and `trailers` those
    trailers that came.
    """

    port: int = 0
    tls_port: int = 0
    seen: list[bytes] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    trailers: list[bytes] = field(default_factory=list)
    script: Callable[[bytes, asyncio.StreamWriter], Awaitable[None]] | None = None

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until it ends."""
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                body, trailers = await _body(head.lower(), reader)
                self.seen.append(head)
                self.bodies.append(body)
                if trailers:
                    self.trailers.append(trailers)
                await (self.script or self.chat)(head, writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            pass
        finally:
            writer.close()

    async def chat(self, head: bytes, writer: asyncio.StreamWriter) -> None:
        """A JSON answer that says how many requests there were."""
        body = CHAT % len(self.seen)
        writer.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body)
        )
        if not head.startswith(b"HEAD"):
            writer.write(body)


async def _body(head: bytes, reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    body = trailers = b""
    if b"transfer-encoding: chunked" in head:
        while size := int(await reader.readline(), 16):
            body += (await reader.readexactly(size + 2))[:-2]
        while (line := await reader.readline()) != b"\r\n":
            trailers += line
        return body, trailers
    length = re.search(rb"\r\ncontent-length: (\d+)", head)
    return await reader.readexactly(int(length[1])) if length else b"", b""


class Proxied:
    """A proxy, its provider, and clients of it."""

    def __init__(self, host: Host, provider: Provider, ca: Path, folder: Path) -> None:
        self.host = host
        self.ca = ca
        self._folder = folder
        self.provider = provider
        self.roots = ssl.create_default_context(cafile=ca)
        self.clients: list[Client] = []

    async def client(self) -> Client:
        """A new connection."""
        port = int(self.host.url.rpartition(":")[2])
        client = Client(*await asyncio.open_connection("127.0.0.1", port))
        self.clients.append(client)
        return client

    async def tunnel(self) -> Client:
        """A new connection to the provider, over CONNECT and TLS."""
        client = await self.client()
        await client.send(b"CONNECT localhost:%d HTTP/1.1\r\n\r\n" % self.provider.tls_port)
        status, _ = await client.head()
        assert status == 200
        await client.writer.start_tls(self.roots, server_hostname="localhost")
        return client

    async def h2(self, *, window: bool = True) -> H2Client:
        """A new HTTP/2 connection to the provider, over CONNECT and TLS."""
        client = await self.client()
        await client.send(b"CONNECT localhost:%d HTTP/1.1\r\n\r\n" % self.provider.tls_port)
        status, _ = await client.head()
        assert status == 200
        context = ssl.create_default_context(cafile=self.ca)
        context.set_alpn_protocols(["h2"])
        await client.writer.start_tls(context, server_hostname="localhost")
        authority = f"localhost:{self.provider.tls_port}"
        return H2Client(client.reader, client.writer, authority, window=window)

    def request(
        self,
        *,
        method: str = "POST",
        path: str = "/v1/chat/completions",
        body: bytes = b"{}",
        headers: str = "",
    ) -> bytes:
        """A request in absolute form, as clients send it to a proxy."""
        url = f"http://127.0.0.1:{self.provider.port}{path}"
        return self.raw(f"{method} {url}", body, headers)

    @staticmethod
    def raw(line: str, body: bytes = b"", headers: str = "") -> bytes:
        """Any request; one in absolute form names its host twice alike, any other the host of a tunnel."""
        named = "127.0.0.1" if "://127.0.0.1" in line else "localhost"
        head = f"{line} HTTP/1.1\r\nhost: {named}\r\ncontent-type: application/json\r\n{headers}"
        return f"{head}content-length: {len(body)}\r\n\r\n".encode("latin-1") + body

    def stored(self) -> int:
        """How many entries are on disk."""
        store = DiskStore(self._folder)
        try:
            return len(list(store.keys()))
        finally:
            store.close()

    async def close(self) -> None:
        """Every client leaves."""
        for client in self.clients:
            await client.close()


@asynccontextmanager
async def _proxied(folder: Path, options: dict[str, Any], raw: dict[str, str]) -> AsyncIterator[Proxied]:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    authority.cert_pem.write_to_path(folder / "roots.pem")
    ca = ensure_ca(folder / "data")
    provider = Provider()
    plain = await asyncio.start_server(provider.handle, "127.0.0.1", 0)
    secure = await asyncio.start_server(provider.handle, "localhost", 0, ssl=context)
    provider.port = plain.sockets[0].getsockname()[1]
    provider.tls_port = secure.sockets[0].getsockname()[1]
    hosts = f"http://127.0.0.1:{provider.port},localhost:{provider.tls_port}"
    settings = {"cache_dir": str(folder / "cache"), "hosts": hosts, **raw}
    mitmproxy = {
        "confdir": str(ca.parent),
        "listen_host": "127.0.0.1",
        "listen_port": 0,
        "ssl_verify_upstream_trusted_ca": str(folder / "roots.pem"),
        **options,
    }
    host = Host(HostOptions(settings, mitmproxy))
    ready, finished = asyncio.Event(), asyncio.Event()
    running = asyncio.create_task(host.run(ready.set, until=finished))
    waiting = asyncio.create_task(ready.wait())
    await asyncio.wait([running, waiting], return_when=asyncio.FIRST_COMPLETED)
    proxied = Proxied(host, provider, ca, folder / "cache")
    try:
        if ready.is_set():
            async with asyncio.timeout(60):
                yield proxied
    finally:
        waiting.cancel()
        await proxied.close()
        finished.set()
        await running
        plain.close()
        secure.close()


@pytest.fixture
def proxied(tmp_path: Path) -> Callable[..., AbstractAsyncContextManager[Proxied]]:
    """`async with proxied(option=…, cache_mode=…) as p:` runs a proxy and a provider, and `p` talks to them.

    Settings go by their names, mitmproxy's options in `options`.
    """
    return lambda options=None, **raw: _proxied(tmp_path, options or {}, raw)

"""WebSocket sessions through a real proxy, with real clients and servers on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import json
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import websockets
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from wsproto.connection import Connection, ConnectionType
from wsproto.events import TextMessage

from addon.mitm.core import internals
from addon.mitm.core.internals import Feature
from addon.mitm.core.two_sockets import _Side
from addon.sockets.conversation import Said

PATH = "/v1/realtime?model=m"


@dataclass
class Server:
    """A provider that greets, and answers each frame with its number."""

    port: int = 0
    sessions: int = 0
    said: list[str | bytes] = field(default_factory=list)
    script: Callable[[ServerConnection], Awaitable[None]] | None = None

    async def handle(self, socket: ServerConnection) -> None:
        """Serve one session."""
        self.sessions += 1
        if self.script is not None:
            await self.script(socket)
            return
        await socket.send(json.dumps({"type": "session.created", "event_id": f"e{self.sessions}"}))
        count = 0
        async for frame in socket:
            self.said.append(frame)
            count += 1
            await socket.send(json.dumps({"type": "answer", "number": count, "to": str(frame)}))


@asynccontextmanager
async def served(proxied: Callable[..., Any], server: Server, **settings: str) -> AsyncIterator[Any]:
    """A proxy before `server`."""
    async with serve(server.handle, "127.0.0.1", server.port) as listening:
        server.port = next(iter(listening.sockets)).getsockname()[1]
        async with proxied(hosts=f"http://127.0.0.1:{server.port}", **settings) as p:
            yield p


def client(p: Any, server: Server, *, door: bool = False, path: str = PATH, **more: Any) -> connect:
    """A client of `server`, over CONNECT or at the base URL."""
    if door:
        return connect(
            f"{p.host.url.replace('http', 'ws')}/http/127.0.0.1:{server.port}{path}", proxy=None, **more
        )
    return connect(f"ws://127.0.0.1:{server.port}{path}", proxy=p.host.url, **more)


async def ask(socket: ClientConnection, *texts: str) -> list[Any]:
    """The greeting, and the answer to each text, waiting for each."""
    heard = [json.loads(await socket.recv())]
    for text in texts:
        await socket.send(text)
        heard.append(json.loads(await socket.recv()))
    return heard


@pytest.mark.parametrize("door", [False, True])
async def test_a_session_is_recorded_and_replayed(proxied: Callable[..., Any], door: bool) -> None:
    """Through a CONNECT and through the base URL; the second session does not reach the provider."""
    server = Server()
    async with served(proxied, server, cache_mode="read-write") as p:
        heard = []
        for _ in range(2):
            async with client(p, server, door=door) as socket:
                heard.append(await ask(socket, "one", "two"))
        assert heard[0] == heard[1]
        assert server.sessions == 1
        assert p.stored() == 2


def test_a_message_that_is_too_long_takes_no_memory() -> None:
    """A client may go on with it until its socket is closed."""
    sender, side = Connection(ConnectionType.CLIENT), _Side(ConnectionType.SERVER, by_client=True)
    tracemalloc.start()
    try:
        for _ in range(100):
            piece = sender.send(TextMessage("x" * 100_000, message_finished=False))
            for _ in side.received(piece, 1000):
                pass
        assert tracemalloc.get_traced_memory()[0] < 2_000_000
    finally:
        tracemalloc.stop()
    last = sender.send(TextMessage("")) + sender.send(TextMessage("whole"))
    assert list(side.received(last, 1000))[-1] == Said(True, "whole")


async def test_a_session_that_differs_goes_live_and_both_are_kept(proxied: Callable[..., Any]) -> None:
    """From the first frame on, and from a later one on."""
    server = Server()
    async with served(proxied, server, cache_mode="read-write") as p:
        for texts in (("one", "two"), ("three",), ("one", "four")):
            async with client(p, server) as socket:
                assert [answer.get("to") for answer in await ask(socket, *texts)] == [None, *texts]
        assert server.sessions == 3
        for texts in (("one", "two"), ("three",), ("one", "four")):
            async with client(p, server) as socket:
                assert [answer.get("to") for answer in await ask(socket, *texts)] == [None, *texts]
        assert server.sessions == 3


async def test_a_miss_closes_with_1011_where_nothing_is_sent(proxied: Callable[..., Any]) -> None:
    """The reason says what to look at. A URL without a recording is refused at the upgrade."""
    server = Server()
    async with served(proxied, server, cache_mode="read-write") as p, client(p, server) as socket:
        await ask(socket, "one")
    async with served(proxied, server, cache_mode="read-only-require-hit") as p:
        async with client(p, server) as socket:
            assert (await ask(socket, "another"))[-1]["type"] == "error"
            with pytest.raises(websockets.ConnectionClosedError) as closed:
                await socket.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1011
        assert "frame 1" in closed.value.rcvd.reason
        with pytest.raises(websockets.InvalidStatus) as refused:
            async with client(p, server, path="/v1/realtime?model=other"):
                pass
        assert refused.value.response.status_code == 502
        assert server.sessions == 1


async def test_a_binary_session_passes_unrecorded(proxied: Callable[..., Any]) -> None:
    """Long messages too, beyond what would be kept."""
    server = Server()

    async def echo(socket: ServerConnection) -> None:
        async for frame in socket:
            await socket.send(frame)

    server.script = echo
    async with served(proxied, server, cache_mode="read-write", max_body="100000") as p:
        for frame in (b"\0\1", "x" * 300_000, b"y" * 300_000, "short"):
            async with client(p, server, max_size=None) as socket:
                await socket.send(frame)
                assert await socket.recv() == frame
        assert p.stored() == 2  # the short one


async def test_a_provider_that_closes_is_replayed(proxied: Callable[..., Any]) -> None:
    """With its code and reason."""
    server = Server()

    async def leave(socket: ServerConnection) -> None:
        await socket.send(await socket.recv())
        await socket.close(1001, "going away")

    server.script = leave
    async with served(proxied, server, cache_mode="read-write") as p:
        for _ in range(2):
            async with client(p, server) as socket:
                await socket.send("hi")
                assert await socket.recv() == "hi"
                with pytest.raises(websockets.ConnectionClosed) as closed:
                    await socket.recv()
                assert closed.value.rcvd is not None
                assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1001, "going away")
        assert server.sessions == 1


async def test_a_provider_that_breaks_off_is_not_kept(proxied: Callable[..., Any]) -> None:
    """The client sees the connection break."""
    server = Server()

    async def break_off(socket: ServerConnection) -> None:
        await socket.send(await socket.recv())
        socket.transport.abort()

    server.script = break_off
    async with served(proxied, server, cache_mode="read-write") as p:
        async with client(p, server) as socket:
            await socket.send("hi")
            assert await socket.recv() == "hi"
            with pytest.raises(websockets.ConnectionClosedError):
                await socket.recv()
        assert p.stored() == 0


async def test_a_subprotocol_is_replayed(proxied: Callable[..., Any]) -> None:
    """As the provider chose it, from what the client offers; the credential among them is not in the key."""
    server = Server()
    async with serve(server.handle, "127.0.0.1", 0, subprotocols=["realtime"]) as listening:  # type: ignore[list-item]
        server.port = next(iter(listening.sockets)).getsockname()[1]
        async with proxied(hosts=f"http://127.0.0.1:{server.port}", cache_mode="read-write") as p:
            for key in ("one", "two"):
                offered: Any = ["realtime", f"openai-insecure-api-key.made-up-{key}"]
                async with client(p, server, subprotocols=offered) as socket:
                    assert socket.subprotocol == "realtime"
                    await ask(socket, "hi")
            assert server.sessions == 1


async def test_a_flood_of_empty_frames_ends(proxied: Callable[..., Any]) -> None:
    """The first one that no recording has closes the socket, and the rest is not kept."""
    server = Server()
    async with served(proxied, server, cache_mode="read-write") as p, client(p, server) as socket:
        await ask(socket, "one")
    async with served(proxied, server, cache_mode="read-only-require-hit") as p:
        async with client(p, server) as socket:
            with contextlib.suppress(websockets.ConnectionClosed):
                for _ in range(10_000):
                    await socket.send("")
            await socket.wait_closed()
            assert socket.close_code == 1011
        again = await p.client()
        assert (await again.ask(p.raw("GET /-/stats"))).status == 200


async def test_pings_are_answered_without_a_provider(proxied: Callable[..., Any]) -> None:
    """A replay lives as long as its client wants."""
    server = Server()
    async with served(proxied, server, cache_mode="read-write") as p:
        for _ in range(2):
            async with client(p, server) as socket:
                await ask(socket, "one")
                await (await socket.ping())


async def test_where_mitmproxy_has_changed_sessions_pass(
    proxied: Callable[..., Any], lose: Callable[[Feature], None]
) -> None:
    """Unrecorded, as mitmproxy passes them."""
    lose(internals.SOCKETS)
    server = Server()
    async with served(proxied, server, cache_mode="read-write") as p:
        for number in (1, 2):
            async with client(p, server) as socket:
                await ask(socket, "one")
            assert server.sessions == number
        assert p.stored() == 0


async def test_a_client_that_never_answers_a_close_is_cut_off(
    proxied: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a few seconds, here at once."""
    from addon.mitm.core import two_sockets

    monkeypatch.setattr(two_sockets, "_CLOSING_SECONDS", 0.05)
    server = Server()

    async def leave(socket: ServerConnection) -> None:
        await socket.close(1000)

    server.script = leave
    async with served(proxied, server, cache_mode="read-write") as p:
        silent = await p.client()
        target = f"http://127.0.0.1:{server.port}{PATH}"
        upgrade = "upgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\n"
        await silent.send(
            p.raw(f"GET {target}", headers=f"{upgrade}sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n")
        )
        assert (await silent.head())[0] == 101
        async with asyncio.timeout(30):
            assert await silent.reader.read() == b"\x88\x02\x03\xe8"

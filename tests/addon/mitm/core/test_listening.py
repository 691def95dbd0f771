"""Listening on a port that other processes share; and what that needs of mitmproxy."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from mitmproxy.proxy import mode_servers

from addon.host import how_many
from addon.mitm.core.listening import Listening

pytestmark = pytest.mark.skipif(not how_many.shares_ports(), reason="processes share a port on Linux only")


class _Manager:
    """Stands in for mitmproxy's Proxyserver addon."""


@pytest.fixture
def handled(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Whether Nagle's algorithm is off, of each connection that mitmproxy was given."""
    found: list[int] = []

    async def handle(self: Any, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert isinstance(self.manager, _Manager)
        found.append(writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.write(self.mode.full_spec.encode())
        writer.close()

    monkeypatch.setattr(mode_servers.ServerInstance, "handle_stream", handle)
    return found


@asynccontextmanager
async def _listening() -> AsyncIterator[tuple[Listening, Listening]]:
    one, other = Listening(), Listening()
    try:
        async with asyncio.timeout(10):
            yield one, other
    finally:
        one.close()
        other.close()


async def _connect(address: tuple[Any, ...]) -> bytes:
    reader, writer = await asyncio.open_connection(*address[:2])
    try:
        return await reader.read()
    finally:
        writer.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
async def test_two_share_a_port(host: str, handled: list[int]) -> None:
    """Any free one where 0 is asked for; connections come without Nagle's algorithm, and are handled by mitmproxy's
    mode; closed, nobody listens."""
    if ":" in host and not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")

    async with _listening() as (one, other):
        port = await one.open(_Manager(), ["regular"], host, 0, first=True)
        assert await other.open(_Manager(), ["regular"], host, port, first=False) == port
        assert one.addresses() == other.addresses()
        for address in one.addresses():
            assert address[1] == port
            assert await _connect(address) == b"regular"
        address = one.addresses()[0]
        one.close()
        for _ in range(10):
            assert await _connect(address) == b"regular"
        assert all(handled)
        other.close()
        with pytest.raises(OSError):  # noqa: PT011 - refused, on each of the addresses
            await _connect(address)


@pytest.mark.parametrize("shared", [False, True])
async def test_the_first_one_shares_with_no_stranger(shared: bool, handled: list[int]) -> None:
    """A port that somebody has is taken, whether that one would share it or not."""
    async with _listening() as (one, _):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as stranger:
            stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, int(shared))
            stranger.bind(("127.0.0.1", 0))
            stranger.listen()
            port = stranger.getsockname()[1]
            with pytest.raises(OSError, match="ddress already in use"):
                await one.open(_Manager(), ["regular"], "127.0.0.1", port, first=True)
        assert one.addresses() == []
        assert await one.open(_Manager(), ["regular"], "127.0.0.1", port, first=True) == port
        assert handled == []


async def test_the_way_out_is_the_modes(handled: list[int]) -> None:
    """A company's proxy is a mode of mitmproxy's, which the handler has."""
    async with _listening() as (one, _):
        mode = "upstream:http://company.example:3128"
        await one.open(_Manager(), [mode], "127.0.0.1", 0, first=True)
        assert await _connect(one.addresses()[0]) == mode.encode()
    assert len(handled) == 1

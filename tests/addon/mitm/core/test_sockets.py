"""When the sockets of an upgrade are handed over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.addon.mitm.core.test_two_sockets import PATH, Server, ask, client, served


async def test_a_refused_upgrade_is_an_ordinary_answer(proxied: Callable[..., Any]) -> None:
    """The provider's own status reaches the client, and the next session is recorded."""
    upgrade = (
        "upgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\nsec-websocket-key: a\r\n"
    )
    async with proxied(cache_mode="read-write") as p:
        direct = await p.client()
        answer = await direct.ask(p.request(method="GET", path=PATH, body=b"", headers=upgrade))
        assert (answer.status, p.stored()) == (200, 0)
    server = Server()
    async with served(proxied, server, cache_mode="read-write") as p, client(p, server) as socket:
        assert len(await ask(socket, "one")) == 2


async def test_websockets_that_are_only_passed_are_mitmproxys(proxied: Callable[..., Any]) -> None:
    """With `pass` nothing is recorded."""
    server = Server()
    async with served(proxied, server, cache_mode="read-write", websocket="pass") as p:
        async with client(p, server) as socket:
            await ask(socket, "one")
        assert p.stored() == 0

"""The short way of a tunnel's bytes, through real sockets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any
from unittest import mock

import pytest

from addon.mitm.core import open_tunnel


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> mock.Mock:
    """Counts how often the short way is taken."""
    counter = mock.Mock(side_effect=open_tunnel.through)
    monkeypatch.setattr(open_tunnel, "through", counter)
    return counter


async def test_what_is_inside_is_as_without(proxied: Callable[..., Any], taken: mock.Mock) -> None:
    """Misses open connections, hits come from disk, long bodies both ways arrive whole."""
    async with proxied(cache_mode="read-write") as p:
        tunnel = await p.tunnel()
        long = json.dumps({"content": "x" * 300_000}).encode()
        for body in (b"{}", long):
            live = await tunnel.ask(p.raw("POST /v1/x", body))
            hit = await tunnel.ask(p.raw("POST /v1/x", body))
            assert (live.from_cache, hit.from_cache) == ("false", "true")
            assert live.body == hit.body
        assert len(p.provider.seen) == 2
    assert taken.call_count > 4


async def test_a_tunnel_that_is_closed_inside_is_closed(
    proxied: Callable[..., Any], taken: mock.Mock
) -> None:
    """`connection: close` inside the TLS ends the tunnel after the answer."""
    async with proxied() as p:
        tunnel = await p.tunnel()
        answer = await tunnel.ask(p.raw("POST /v1/x", b"{}", "connection: close\r\n"))
        assert answer.status == 200
        assert await tunnel.reader.read() == b""
    assert taken.called


async def test_a_bad_request_inside_is_answered_inside(proxied: Callable[..., Any], taken: mock.Mock) -> None:
    """mitmproxy's 400 comes through the tunnel, and then its end."""
    async with proxied() as p:
        tunnel = await p.tunnel()
        await tunnel.send(b"GET / HTTP/1.1\r\nhost: localhost\r\ncontent-length: many\r\n\r\n")
        assert (await tunnel.head())[0] == 400
        await tunnel.reader.read()
    assert taken.called


async def test_a_client_that_leaves_a_tunnel_ends_what_it_waited_for(proxied: Callable[..., Any]) -> None:
    """The live request is given up, counted, and the proxy goes on."""
    async with proxied(cache_mode="read-write") as p:
        reached = asyncio.Event()

        async def wait(_head: bytes, _writer: asyncio.StreamWriter) -> None:
            reached.set()
            await asyncio.sleep(10)

        p.provider.script = wait
        tunnel = await p.tunnel()
        await tunnel.send(p.raw("POST /v1/x", b"{}"))
        await reached.wait()
        tunnel.writer.transport.abort()
        counts = p.host.cache.counts.host("localhost")
        for _ in range(100):
            if counts.not_stored:
                break
            await asyncio.sleep(0.01)
        assert dict(counts.not_stored) == {"client-left": 1}
        p.provider.script = None
        assert (await (await p.tunnel()).ask(p.raw("POST /v1/x", b"{}"))).status == 200


async def test_a_tunnel_that_is_refused_is_none(proxied: Callable[..., Any], taken: mock.Mock) -> None:
    """A CONNECT that another addon answers stays a request, and the connection is usable after it."""
    async with proxied() as p:
        from mitmproxy import ctx, http

        class Refuses:
            name = "refuses"

            def http_connect(self, flow: http.HTTPFlow) -> None:
                flow.response = http.Response.make(403, b"no")

        ctx.master.addons.add(Refuses())
        client = await p.client()
        await client.send(b"CONNECT localhost:%d HTTP/1.1\r\nhost: localhost\r\n\r\n" % p.provider.tls_port)
        assert (await client.answer()).body == b"no"
    assert not taken.called

"""Direct requests are told from proxied ones, driven through real sockets."""

# mypy: disallow-untyped-calls=False

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from typing import Any

from mitmproxy import ctx, http

from addon.mitm.core.marks import is_direct
from tests.addon.h2_client import H2Client


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class _Spy:
    """Another addon, last in the chain, that notes which flows were marked."""

    name = "spy"

    def __init__(self) -> None:
        self.direct: list[tuple[str, bool]] = []

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        self.direct.append((flow.request.path, is_direct(flow)))


async def test_only_a_direct_request_is_marked(proxied: Callable[..., Any]) -> None:
    """Origin form outside a CONNECT is direct; absolute form and what comes inside a CONNECT is not, whatever
    the Host header says."""
    spy = _Spy()
    async with proxied() as p:
        ctx.master.addons.add(spy)
        client = await p.client()
        await client.ask(p.raw("GET /-/healthz"))
        await client.ask(p.request(path="/absolute"))
        await client.ask(p.raw(f"GET /http/127.0.0.1:{p.provider.port}/door"))
        tunnel = await p.tunnel()
        await tunnel.ask(p.raw("POST /-/healthz", b"{}"))
    assert spy.direct == [("/-/healthz", True), ("/absolute", False), ("/door", True), ("/-/healthz", False)]


async def test_a_host_header_never_decides_where_a_direct_request_goes(proxied: Callable[..., Any]) -> None:
    """A direct request that names a provider in its Host header alone gets our page, and goes nowhere."""
    async with proxied() as p:
        client = await p.client()
        host = f"127.0.0.1:{p.provider.port}"
        answer = await client.ask(
            f"GET /v1/models HTTP/1.1\r\nhost: {host}\r\ncontent-length: 0\r\n\r\n".encode()
        )
        assert answer.status == 404
        assert json.loads(answer.body)["error"]["code"] == "provider_proxy_no_such_page"
        assert p.provider.seen == []


async def test_both_doors_share_entries(proxied: Callable[..., Any]) -> None:
    """The same request through the proxy door and the base-URL door has one identity."""
    async with proxied(cache_mode="read-write") as p:
        client = await p.client()
        first = await client.ask(p.request(path="/v1/x?a=1"))
        door = await client.ask(p.raw(f"POST /http/127.0.0.1:{p.provider.port}/v1/x?a=1", b"{}"))
        assert (first.from_cache, door.from_cache) == ("false", "true")
        assert door.body == first.body
        tunnel = await p.tunnel()
        secure = await tunnel.ask(p.raw("POST /v1/x", b"{}"))
        secure_door = await client.ask(p.raw(f"POST /https/localhost:{p.provider.tls_port}/v1/x", b"{}"))
        assert (secure.from_cache, secure_door.from_cache) == ("false", "true")
        assert len(p.provider.seen) == 2


async def test_the_door_forwards_with_the_providers_host(proxied: Callable[..., Any]) -> None:
    """A provider sees its own name in the Host header, and its own path."""
    async with proxied() as p:
        client = await p.client()
        await client.ask(p.raw(f"POST /http/127.0.0.1:{p.provider.port}/v1/x?a=1", b"{}"))
        head = p.provider.seen[0].decode().lower()
        assert head.startswith("post /v1/x?a=1 http/1.1\r\n")
        assert f"host: 127.0.0.1:{p.provider.port}\r\n" in head


async def test_the_door_serves_intercepted_hosts_only(proxied: Callable[..., Any]) -> None:
    """It is not an open relay: a request for any other host gets our page."""
    async with proxied() as p:
        client = await p.client()
        other = _free_port()
        answer = await client.ask(p.raw(f"GET /http/127.0.0.1:{other}/x"))
        assert answer.status == 404
        assert answer.headers["cache-status"] == "provider-proxy; fwd=bypass; detail=not-intercepted"


async def test_status_pages_answer_direct_requests(proxied: Callable[..., Any]) -> None:
    """`/-/healthz` and `/-/stats`, with a query too; HEAD leaves the connection usable."""
    async with proxied() as p:
        client = await p.client()
        health = await client.ask(p.raw("GET /-/healthz?x=1"))
        assert (health.status, health.body) == (200, b"ok\n")
        for page in ("/-/healthz", "/-/stats", "/-/other"):
            await client.ask(p.raw(f"HEAD {page}"))
            assert (await client.ask(p.raw("GET /-/healthz"))).body == b"ok\n"
        stats = json.loads((await client.ask(p.raw("GET /-/stats"))).body)
        assert stats["total"]["requests"] == 0


async def test_the_door_is_open_behind_a_companys_proxy(proxied: Callable[..., Any]) -> None:
    """In upstream mode direct requests are ours as well: they are not sent on to the company's proxy."""
    async with proxied(options={"mode": [f"upstream:http://127.0.0.1:{_free_port()}"]}) as p:
        client = await p.client()
        assert (await client.ask(p.raw("GET /-/healthz"))).body == b"ok\n"


async def test_http2_without_tls_is_direct(proxied: Callable[..., Any]) -> None:
    """A client that begins with HTTP/2's preface asks the proxy itself, whatever `:authority` says."""
    spy = _Spy()
    async with proxied() as p:
        ctx.master.addons.add(spy)
        own = p.host.url.partition("://")[2]
        for authority, status in ((own, "200"), ("api.openai.com", "403")):
            connection = await p.client()
            client = H2Client(connection.reader, connection.writer, authority)
            door = f"/http/127.0.0.1:{p.provider.port}/v1/chat/completions"
            answer = await client.answer(client.send("POST", door, b"{}"))
            assert answer.headers[":status"] == status
    assert spy.direct[0] == ("/v1/chat/completions", True)
    assert len(p.provider.seen) == 1

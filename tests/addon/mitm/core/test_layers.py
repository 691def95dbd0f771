"""What our HTTP layer adds to mitmproxy's, driven through real sockets."""

# mypy: disallow-untyped-calls=False

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable
from typing import Any

import pytest
from mitmproxy import connection, ctx, http, options
from mitmproxy.proxy import context, layer
from mitmproxy.proxy.layers import modes, tcp
from mitmproxy.proxy.layers.http import HttpLayer, HTTPMode

from addon.mitm.core.layers import _fork, swap_http_layer
from addon.mitm.core.swap import CLIENT_LEFT, DIRECT


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
        self.direct.append((flow.request.path, bool(flow.metadata.get(DIRECT))))


@pytest.fixture
def spy() -> _Spy:
    """The spy; a test adds it to the running proxy."""
    return _Spy()


class _Other(HttpLayer):
    """Somebody else's layer."""


def _next_layer(chosen: Callable[[context.Context], layer.Layer | None]) -> layer.NextLayer:
    client = connection.Client(peername=("127.0.0.1", 1), sockname=("127.0.0.1", 2))
    outer = context.Context(client, options.Options())
    asked = layer.NextLayer(outer)
    asked.layer = chosen(outer)
    return asked


def test_the_stock_layer_is_replaced_in_its_place() -> None:
    """Ours stands where mitmproxy's stood, in the context's stack too, with the same mode."""
    asked = _next_layer(lambda c: HttpLayer(c, HTTPMode.regular))
    before = len(asked.context.layers)
    assert swap_http_layer(asked, lambda *_: None) is True
    assert isinstance(asked.layer, HttpLayer)
    assert type(asked.layer) is not HttpLayer
    assert asked.layer.mode is HTTPMode.regular
    assert len(asked.context.layers) == before
    assert asked.context.layers[-1] is asked.layer


def test_a_layer_inside_a_stack_is_replaced_too() -> None:
    """In reverse mode mitmproxy chooses a stack whose innermost is the HTTP layer."""

    def stack(c: context.Context) -> layer.Layer:
        outer = modes.ReverseProxy(c)
        outer.child_layer = HttpLayer(c, HTTPMode.transparent)
        return outer

    asked = _next_layer(stack)
    assert swap_http_layer(asked, lambda *_: None) is True
    assert isinstance(asked.layer, modes.ReverseProxy)
    assert type(asked.layer.child_layer) is not HttpLayer
    assert isinstance(asked.layer.child_layer, HttpLayer)


@pytest.mark.parametrize("kind", ["nothing", "another", "ours", "a subclass"])
def test_other_layers_are_left_alone(kind: str) -> None:
    """No layer, one that is not HTTP, ours, and somebody else's subclass stay."""

    def choose(c: context.Context) -> layer.Layer | None:
        if kind == "nothing":
            return None
        if kind == "another":
            return tcp.TCPLayer(c)
        if kind == "a subclass":
            return _Other(c, HTTPMode.regular)
        return HttpLayer(c, HTTPMode.regular)

    asked = _next_layer(choose)
    if kind == "ours":
        swap_http_layer(asked, lambda *_: None)
    chosen = asked.layer
    assert swap_http_layer(asked, lambda *_: None) is False
    assert asked.layer is chosen


# -- direct requests ---------------------------------------------------------------


def test_only_a_direct_request_is_marked(proxied: Callable[..., None], spy: _Spy) -> None:
    """Origin form outside a CONNECT is direct; absolute form and what comes inside a CONNECT is not, whatever
    the Host header says."""

    async def tell(p: Any) -> None:
        ctx.master.addons.add(spy)
        client = await p.client()
        await client.ask(p.raw("GET /-/healthz"))
        await client.ask(p.request(path="/absolute"))
        await client.ask(p.raw(f"GET /http/127.0.0.1:{p.provider.port}/door"))
        tunnel = await p.tunnel()
        await tunnel.ask(p.raw("POST /-/healthz", b"{}"))

    proxied(tell)
    assert spy.direct == [("/-/healthz", True), ("/absolute", False), ("/door", True), ("/-/healthz", False)]


def test_a_host_header_never_decides_where_a_direct_request_goes(proxied: Callable[..., None]) -> None:
    """A direct request that names a provider in its Host header alone gets our page, and goes nowhere."""

    async def tell(p: Any) -> None:
        client = await p.client()
        host = f"127.0.0.1:{p.provider.port}"
        answer = await client.ask(
            f"GET /v1/models HTTP/1.1\r\nhost: {host}\r\ncontent-length: 0\r\n\r\n".encode()
        )
        assert answer.status == 404
        assert json.loads(answer.body)["error"]["code"] == "provider_proxy_no_such_page"
        assert p.provider.seen == []

    proxied(tell)


def test_both_doors_share_entries(proxied: Callable[..., None]) -> None:
    """The same request through the proxy door and the base-URL door has one identity."""

    async def tell(p: Any) -> None:
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

    proxied(tell, cache_mode="read-write")


def test_the_door_forwards_with_the_providers_host(proxied: Callable[..., None]) -> None:
    """A provider sees its own name in the Host header, and its own path."""

    async def tell(p: Any) -> None:
        client = await p.client()
        await client.ask(p.raw(f"POST /http/127.0.0.1:{p.provider.port}/v1/x?a=1", b"{}"))
        head = p.provider.seen[0].decode().lower()
        assert head.startswith("post /v1/x?a=1 http/1.1\r\n")
        assert f"host: 127.0.0.1:{p.provider.port}\r\n" in head

    proxied(tell)


def test_the_door_serves_intercepted_hosts_only(proxied: Callable[..., None]) -> None:
    """It is no open relay: a host that is not intercepted gets our page."""

    async def tell(p: Any) -> None:
        client = await p.client()
        other = _free_port()
        answer = await client.ask(p.raw(f"GET /http/127.0.0.1:{other}/x"))
        assert answer.status == 404
        assert answer.headers["cache-status"] == "provider-proxy; fwd=bypass; detail=not-intercepted"

    proxied(tell)


def test_status_pages_answer_direct_requests(proxied: Callable[..., None]) -> None:
    """`/-/healthz` and `/-/stats`, with a query too; HEAD leaves the connection usable."""

    async def tell(p: Any) -> None:
        client = await p.client()
        health = await client.ask(p.raw("GET /-/healthz?x=1"))
        assert (health.status, health.body) == (200, b"ok\n")
        for page in ("/-/healthz", "/-/stats", "/-/other"):
            await client.ask(p.raw(f"HEAD {page}"))
            assert (await client.ask(p.raw("GET /-/healthz"))).body == b"ok\n"
        stats = json.loads((await client.ask(p.raw("GET /-/stats"))).body)
        assert stats["total"]["requests"] == 0

    proxied(tell)


def test_the_door_is_open_behind_a_companys_proxy(proxied: Callable[..., None]) -> None:
    """In upstream mode direct requests are ours as well: they are not sent on to the company's proxy."""

    async def tell(p: Any) -> None:
        client = await p.client()
        assert (await client.ask(p.raw("GET /-/healthz"))).body == b"ok\n"

    proxied(tell, options={"mode": [f"upstream:http://127.0.0.1:{_free_port()}"]})


# -- a provider out of reach -----------------------------------------------------------


@pytest.mark.parametrize("method", ["POST", "HEAD"])
def test_our_page_when_connecting_fails_keeps_the_connection_usable(
    proxied: Callable[..., None], method: str
) -> None:
    """502 with marks and a JSON error, no entry, and the next request on the same connection is answered."""

    async def tell(p: Any) -> None:
        client = await p.client()
        refused = p.raw(f"{method} http://127.0.0.1:{unused}/v1/x", b"{}")
        for _ in range(2):
            answer = await client.ask(refused)
            assert answer.status == 502
            assert answer.from_cache == "false"
            assert answer.headers["cache-status"] == "provider-proxy; fwd=bypass; detail=unreachable"
            assert answer.headers["x-should-retry"] == "false"
            if method != "HEAD":
                error = json.loads(answer.body)["error"]
                assert error["code"] == "provider_proxy_unreachable"
                assert "127.0.0.1" in error["message"]
        assert (await client.ask(p.raw("GET /-/healthz"))).body == b"ok\n"
        assert p.host.cache.counts.host("127.0.0.1").as_dict()["not_stored"] == {"unreachable": 2}

    unused = _free_port()
    proxied(tell, hosts=f"http://127.0.0.1:{unused}")


def test_mitmproxys_page_for_a_host_that_is_not_intercepted(proxied: Callable[..., None]) -> None:
    """What is not ours is answered as mitmproxy does, unmarked."""

    async def tell(p: Any) -> None:
        client = await p.client()
        await client.send(p.raw(f"GET http://127.0.0.1:{_free_port()}/x"))
        status, headers = await client.head()
        assert status == 502
        assert "cache-status" not in headers

    proxied(tell)


def test_a_provider_that_closes_without_an_answer(proxied: Callable[..., None]) -> None:
    """A connection that ends before, or inside, a short answer is our page too: the client has seen nothing yet."""

    async def tell(p: Any) -> None:
        for part in (
            b"",
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\nhalf",
        ):

            async def cut(_head: bytes, writer: asyncio.StreamWriter, part: bytes = part) -> None:
                writer.write(part)
                await writer.drain()
                writer.close()

            p.provider.script = cut
            client = await p.client()
            answer = await client.ask(p.request())
            assert answer.status == 502
            assert json.loads(answer.body)["error"]["code"] == "provider_proxy_unreachable"
            p.provider.script = None
            assert (await client.ask(p.raw("GET /-/healthz"))).status == 200
        assert p.stored() == 0

    proxied(tell)


def test_a_stream_that_breaks_is_broken_for_the_client(proxied: Callable[..., None]) -> None:
    """Once a part was sent no page can follow: the client's connection ends without the end of the message."""

    async def tell(p: Any) -> None:
        async def cut(_head: bytes, writer: asyncio.StreamWriter) -> None:
            writer.write(
                b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
            )
            writer.write(b'f\r\ndata: {"x":1}\n\n\r\n')
            await writer.drain()
            await asyncio.sleep(0.05)
            writer.close()

        p.provider.script = cut
        client = await p.client()
        await client.send(p.request())
        assert (await client.head())[0] == 200
        rest = await client.reader.read()
        assert b"provider_proxy" not in rest
        assert not rest.endswith(b"0\r\n\r\n")
        assert p.stored() == 0
        assert p.host.cache.counts.host("127.0.0.1").as_dict()["not_stored"] == {"cut-off": 1}

    proxied(tell)


def test_who_ended_an_exchange_is_noted(proxied: Callable[..., None]) -> None:
    """Where the client left, its flow says so."""
    left: list[bool] = []

    class Watch:
        name = "watch"

        def error(self, flow: http.HTTPFlow) -> None:
            left.append(bool(flow.metadata.get(CLIENT_LEFT)))

    async def tell(p: Any) -> None:
        ctx.master.addons.add(Watch())
        reached = asyncio.Event()

        async def wait(_head: bytes, _writer: asyncio.StreamWriter) -> None:
            reached.set()
            await asyncio.sleep(10)

        p.provider.script = wait
        client = await p.client()
        await client.send(p.request())
        await reached.wait()
        await client.close()
        for _ in range(100):
            if left:
                break
            await asyncio.sleep(0.01)

    proxied(tell)
    assert left == [True]


# -- hooks in place -------------------------------------------------------------------


def test_a_hook_that_waits_holds_its_request_only(proxied: Callable[..., None]) -> None:
    """While another addon's hook waits, other clients are answered; then the request goes on as it would have."""
    free = asyncio.Event()

    class Waits:
        name = "waits"

        async def request(self, flow: http.HTTPFlow) -> None:
            if flow.request.path == "/waits":
                await free.wait()

        async def response(self, flow: http.HTTPFlow) -> None:
            await asyncio.sleep(0)
            assert flow.response is not None
            flow.response.headers["x-other"] = "seen"

    async def tell(p: Any) -> None:
        ctx.master.addons.add(Waits())
        slow, quick = await p.tunnel(), await p.tunnel()
        await slow.send(p.raw("POST /waits", b"{}"))
        for from_cache in ("false", "true"):
            answer = await quick.ask(p.raw("POST /quick", b"{}"))
            assert (answer.from_cache, answer.headers["x-other"]) == (from_cache, "seen")
        free.set()
        assert (await slow.answer()).headers["x-other"] == "seen"
        assert (await slow.ask(p.raw("POST /waits", b"{}"))).from_cache == "true"

    proxied(tell, cache_mode="read-write")


def test_an_intercepted_flow_waits_for_its_release(proxied: Callable[..., None]) -> None:
    """Another addon may hold a flow, as mitmproxy's user interfaces do; a hit too."""
    held: list[http.HTTPFlow] = []

    class Holds:
        name = "holds"

        def request(self, flow: http.HTTPFlow) -> None:
            flow.intercept()
            held.append(flow)

    async def tell(p: Any) -> None:
        client = await p.client()
        await client.ask(p.request())
        ctx.master.addons.add(Holds())
        await client.send(p.request())
        reading = asyncio.create_task(client.answer())
        await asyncio.sleep(0.1)
        assert not reading.done()
        held[0].resume()
        assert (await reading).from_cache == "true"

    proxied(tell, cache_mode="read-write")


def test_a_client_that_leaves_while_a_hook_waits_gets_nothing(proxied: Callable[..., None]) -> None:
    """Its flow ends with `error`, nothing is sent to the provider, and the proxy goes on."""
    errors: list[str] = []

    class Waits:
        name = "waits"

        async def request(self, flow: http.HTTPFlow) -> None:
            await asyncio.sleep(0.1 if flow.request.path == "/waits" else 0)

        def error(self, flow: http.HTTPFlow) -> None:
            errors.append(flow.request.path)

    async def tell(p: Any) -> None:
        # In front of ours, which would else have let the request go already.
        ctx.master.addons.chain.insert(0, ctx.master.addons.register(Waits()))
        leaves, stays = await p.client(), await p.client()
        await leaves.send(p.request(path="/waits"))
        await leaves.close()
        await asyncio.sleep(0.2)
        assert (await stays.ask(p.request(path="/stays"))).status == 200
        assert errors == ["/waits"]
        assert [head.split()[1] for head in p.provider.seen] == [b"/stays"]

    proxied(tell, cache_mode="read-write")


def test_requests_in_one_packet_are_answered_in_order(proxied: Callable[..., None]) -> None:
    """A client may send its next request before it has read the answer."""

    async def tell(p: Any) -> None:
        client = await p.tunnel()
        bodies = [b'{"n": %d}' % n for n in range(4)]
        for from_cache in ("false", "true"):
            await client.send(b"".join(p.raw("POST /v1/x", body) for body in bodies))
            answers = [await client.answer() for _ in bodies]
            assert [answer.from_cache for answer in answers] == [from_cache] * 4
            assert [json.loads(a.body)["choices"][0]["message"]["content"] for a in answers] == [
                f"answer {n}" for n in range(1, 5)
            ]

    proxied(tell, cache_mode="read-write")


def test_a_fork_is_as_mitmproxys() -> None:
    """Our shorter way to fork a context gives what `Context.fork` gives."""
    outer = context.Context(connection.Client(peername=("a", 1), sockname=("b", 2)), options.Options())
    outer.layers.append(tcp.TCPLayer(outer))
    ours, stock = _fork(outer), outer.fork()
    assert vars(ours) == vars(stock)
    assert ours.layers is not outer.layers

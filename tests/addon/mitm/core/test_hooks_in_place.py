"""Hooks that are called at once, driven through real sockets."""

# mypy: disallow-untyped-calls=False

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from mitmproxy import ctx, http


async def test_a_hook_that_waits_holds_its_request_only(proxied: Callable[..., Any]) -> None:
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

    async with proxied(cache_mode="read-write") as p:
        ctx.master.addons.add(Waits())
        slow, quick = await p.tunnel(), await p.tunnel()
        await slow.send(p.raw("POST /waits", b"{}"))
        for from_cache in ("false", "true"):
            answer = await quick.ask(p.raw("POST /quick", b"{}"))
            assert (answer.from_cache, answer.headers["x-other"]) == (from_cache, "seen")
        free.set()
        assert (await slow.answer()).headers["x-other"] == "seen"
        assert (await slow.ask(p.raw("POST /waits", b"{}"))).from_cache == "true"


async def test_an_intercepted_flow_waits_for_its_release(proxied: Callable[..., Any]) -> None:
    """Another addon may hold a flow, as mitmproxy's user interfaces do; a hit too."""
    held: list[http.HTTPFlow] = []

    class Holds:
        name = "holds"

        def request(self, flow: http.HTTPFlow) -> None:
            flow.intercept()
            held.append(flow)

    async with proxied(cache_mode="read-write") as p:
        client = await p.client()
        await client.ask(p.request())
        ctx.master.addons.add(Holds())
        await client.send(p.request())
        reading = asyncio.create_task(client.answer())
        await asyncio.sleep(0.1)
        assert not reading.done()
        held[0].resume()
        assert (await reading).from_cache == "true"


async def test_a_client_that_leaves_while_a_hook_waits_gets_nothing(proxied: Callable[..., Any]) -> None:
    """Its flow ends with `error`, nothing is sent to the provider, and the proxy goes on."""
    errors: list[str] = []

    class Waits:
        name = "waits"

        async def request(self, flow: http.HTTPFlow) -> None:
            await asyncio.sleep(0.1 if flow.request.path == "/waits" else 0)

        def error(self, flow: http.HTTPFlow) -> None:
            errors.append(flow.request.path)

    async with proxied(cache_mode="read-write") as p:
        # In front of ours, which would else have let the request go already.
        ctx.master.addons.chain.insert(0, ctx.master.addons.register(Waits()))
        leaves, stays = await p.client(), await p.client()
        await leaves.send(p.request(path="/waits"))
        await leaves.close()
        await asyncio.sleep(0.2)
        assert (await stays.ask(p.request(path="/stays"))).status == 200
        assert errors == ["/waits"]
        assert [head.split()[1] for head in p.provider.seen] == [b"/stays"]

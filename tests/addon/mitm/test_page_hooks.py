"""The page of a whole proxy, asked through real sockets."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from mitmproxy.test import tflow

from addon.exchange.direct import Page
from addon.mitm import page_hooks
from addon.page.live import TOKEN_HEADER


async def test_it_answers_beside_the_other_pages(proxied: Callable[..., Any]) -> None:
    """With the token of the run for data, without one for the page; a request that waits for events ends with the run."""
    async with proxied(cache_mode="read-write") as p:
        await (await p.client()).ask(p.request())
        page = p.host.cache.page
        token = f"{TOKEN_HEADER}: {page.token}\r\n"
        assert b"<!doctype html>" in (await (await p.client()).ask(p.raw("GET /-/"))).body
        found = await (await p.client()).ask(p.raw("GET /-/page/run", headers=token))
        assert (found.status, b'"stored"' in found.body) == (200, True)
        assert (await (await p.client()).ask(p.raw("GET /-/page/run"))).status == 403
        assert (await (await p.client()).ask(p.raw("POST /-/page/run", b"{}", headers=token))).status == 405
        waiting = await p.client()
        await waiting.send(p.raw(f"GET /-/page/events?after={page.history.last}", headers=token))
    assert p.host.cache.answering is None


@pytest.mark.parametrize(("peer", "metadata", "status"), [
    ("127.0.0.1", {}, 200), ("::1", {}, 200), ("192.0.2.1", {}, 403), ("192.0.2.1", {"proxyauth": ("u", "p")}, 200),
])  # fmt: skip
async def test_other_machines_need_the_password(peer: str, metadata: dict[str, Any], status: int) -> None:
    """The token alone is not enough."""
    flow = tflow.tflow()
    flow.client_conn = SimpleNamespace(peername=(peer, 1))  # type: ignore[assignment]
    flow.metadata |= metadata

    async def show(*_: str) -> Page:
        return Page(b"", {})

    await page_hooks.answer(flow, show)
    assert flow.response is not None
    assert flow.response.status_code == status


async def test_it_may_be_off(proxied: Callable[..., Any]) -> None:
    """Then it is a 404, no URL is printed, and nothing is noted."""
    async with proxied(cache_mode="read-write", page="off") as p:
        await (await p.client()).ask(p.request())
        assert (await (await p.client()).ask(p.raw("GET /-/"))).status == 404
        assert p.host.cache.page_url("http://127.0.0.1:8080") == ""

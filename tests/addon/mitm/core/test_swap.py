"""What puts our HTTP layer in, and what happens where mitmproxy is not as we know it."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

import pytest

from addon.mitm.core import internals


def test_without_what_we_rely_on_mitmproxy_runs_as_it_is(
    proxied: Callable[..., None], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """One warning says so; requests through the proxy are recorded and replayed, the base-URL door is closed."""
    gone = internals.Relied("mitmproxy.proxy.layers.http", "HttpStream.was_never_there")
    monkeypatch.setattr(internals, "HTTP", (gone,))
    monkeypatch.setattr(internals, "DISPATCH", (gone,))

    async def tell(p: Any) -> None:
        for client in (await p.client(), await p.tunnel()):
            request = p.request() if client is p.clients[0] else p.raw("POST /v1/x", b"{}")
            answers = [await client.ask(request) for _ in range(2)]
            assert [answer.from_cache for answer in answers] == ["false", "true"]
            assert answers[0].body == answers[1].body
        direct = await (await p.client()).ask(p.raw(f"POST /http/127.0.0.1:{p.provider.port}/v1/x", b"{}"))
        assert direct.from_cache != "true"

    with caplog.at_level(logging.WARNING):
        proxied(tell, cache_mode="read-write")
    said = [record.getMessage() for record in caplog.records if "is not the one that" in record.getMessage()]
    assert len(said) == 1
    assert "HttpStream.was_never_there is gone" in said[0]


@pytest.mark.parametrize("stock", [False, True])
def test_the_same_bytes_with_our_layer_and_without(
    proxied: Callable[..., None], monkeypatch: pytest.MonkeyPatch, *, stock: bool
) -> None:
    """A hit is the recorded answer, header by header, whichever layer sends it."""
    if stock:
        monkeypatch.setattr(internals, "HTTP", (internals.Relied("mitmproxy", "gone"),))

    async def tell(p: Any) -> None:
        tunnel = await p.tunnel()
        live = await tunnel.ask(p.raw("POST /v1/x", b"{}"))
        await tunnel.send(p.raw("POST /v1/x", b"{}"))
        head = (await tunnel.reader.readuntil(b"\r\n\r\n")).decode()
        body = await tunnel.reader.readexactly(len(live.body))
        assert head.startswith("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n")
        assert f"content-length: {len(body)}\r\nx-provider-proxy-cache: true\r\n" in head
        assert json.loads(body) == json.loads(live.body)

    proxied(tell, cache_mode="read-write")

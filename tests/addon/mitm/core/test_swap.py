"""Our HTTP layer is put in, and a mitmproxy that has changed costs single features only."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

import pytest
from mitmproxy import ctx

from addon.mitm.core.internals import DIRECT_REQUESTS, FEATURES, FRAMING, OUR_LAYER, Feature


@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.title)
async def test_a_changed_name_costs_its_own_feature_alone(
    proxied: Callable[..., Any],
    lose: Callable[[Feature], None],
    caplog: pytest.LogCaptureFixture,
    feature: Feature,
) -> None:
    """One warning says what is lost. Requests are recorded and replayed; the base-URL door stays open and HTTP/2 stays
    on unless it is their own feature."""
    lose(feature)
    with caplog.at_level(logging.WARNING):
        async with proxied(cache_mode="read-write") as p:
            for client in (await p.client(), await p.tunnel()):
                request = p.request() if client is p.clients[0] else p.raw("POST /v1/x", b"{}")
                answers = [await client.ask(request) for _ in range(2)]
                assert [answer.from_cache for answer in answers] == ["false", "true"]
                assert answers[0].body == answers[1].body
            direct = p.raw(f"POST /http/127.0.0.1:{p.provider.port}/v1/chat/completions", b"{}")
            closed = feature in (OUR_LAYER, DIRECT_REQUESTS)
            assert (await (await p.client()).ask(direct)).from_cache == (None if closed else "true")
            assert ctx.options.http2 is (feature not in (OUR_LAYER, FRAMING))
    (record,) = [record for record in caplog.records if "this mitmproxy differs" in record.getMessage()]
    assert f"(mitmproxy.master.Master.was_never_there is gone), so {feature.without};" in record.getMessage()


@pytest.mark.parametrize("stock", [False, True])
async def test_the_same_bytes_with_our_layer_and_without(
    proxied: Callable[..., Any], lose: Callable[[Feature], None], *, stock: bool
) -> None:
    """A hit is the recorded answer, header by header, whichever layer sends it."""
    if stock:
        lose(OUR_LAYER)
    async with proxied(cache_mode="read-write") as p:
        tunnel = await p.tunnel()
        live = await tunnel.ask(p.raw("POST /v1/x", b"{}"))
        await tunnel.send(p.raw("POST /v1/x", b"{}"))
        head = (await tunnel.reader.readuntil(b"\r\n\r\n")).decode()
        body = await tunnel.reader.readexactly(len(live.body))
        assert head.startswith("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n")
        assert f"content-length: {len(body)}\r\nx-provider-proxy-cache: true\r\n" in head
        assert json.loads(body) == json.loads(live.body)

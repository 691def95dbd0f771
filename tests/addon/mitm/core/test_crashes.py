"""A crash of mitmproxy's core does not leave a client waiting."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
from mitmproxy.proxy.layers.http import HttpStream

from addon.mitm.core.crashes import CloseAfterCrash


@pytest.mark.parametrize(
    "where", ["state_wait_for_response_headers", "state_consume_request_body", "send_response"]
)
async def test_the_clients_connection_is_closed(
    proxied: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, where: str
) -> None:
    """Wherever the crash happens; other clients are served, and the log says what was done."""

    def crash(*_: Any, **__: Any) -> Any:
        raise RuntimeError("a fault of the core")

    async with proxied(cache_mode="read-write") as p:
        client = await p.client()
        with monkeypatch.context() as patch:
            patch.setattr(HttpStream, where, crash)
            await client.send(p.request())
            assert await client.reader.read() == b""
        assert (await (await p.client()).ask(p.request(path="/v1/other"))).status == 200
    assert "closed a client's connection after a fault of mitmproxy" in caplog.text


async def test_other_log_records_close_nothing(proxied: Callable[..., Any]) -> None:
    """Neither another error of the same connection, nor a crash of an unknown one, nor one without a client."""
    async with proxied() as p:
        client = await p.client()
        await client.ask(p.request())
        server = logging.getLogger("mitmproxy.proxy.server")
        peer = client.writer.get_extra_info("sockname")
        server.error("something else", extra={"client": peer})
        server.error("mitmproxy has crashed!", extra={"client": ("192.0.2.1", 1)})
        server.error("mitmproxy has crashed!")
        assert (await client.ask(p.request())).status == 200


def test_nothing_is_left_behind() -> None:
    """After `uninstall` mitmproxy's logger has the handlers that it had."""
    server = logging.getLogger("mitmproxy.proxy.server")
    before = list(server.handlers)
    handler = CloseAfterCrash()
    handler.install()
    assert server.handlers == [*before, handler]
    handler.uninstall()
    assert server.handlers == before

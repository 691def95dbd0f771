"""A request that comes in pieces is acknowledged piece by piece."""

# mypy: disallow-untyped-calls=False

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from mitmproxy import connection, ctx

from addon.mitm.core import http1_server, quick_ack
from addon.mitm.core.quick_ack import acknowledge

LINUX = pytest.mark.skipif(not hasattr(socket, "TCP_QUICKACK"), reason="Linux alone has the option")


@pytest.mark.parametrize("tunnelled", [False, True])
def test_only_a_request_with_more_to_come(
    proxied: Callable[..., None], monkeypatch: pytest.MonkeyPatch, *, tunnelled: bool
) -> None:
    """Head and body apart: one acknowledgement between them. Head and body together: none."""
    told: list[connection.Client] = []

    def note(client: connection.Client) -> None:
        told.append(client)
        acknowledge(client)

    monkeypatch.setattr(http1_server, "acknowledge", note)

    async def tell(p: Any) -> None:
        client = await (p.tunnel() if tunnelled else p.client())
        whole = p.raw("POST /v1/x", b"{}") if tunnelled else p.request()
        for _ in range(2):
            await client.ask(whole)
        assert told == []
        head, _, body = whole.partition(b"\r\n\r\n")
        await client.send(head + b"\r\n\r\n")
        for _ in range(200):
            if told:
                break
            await asyncio.sleep(0.01)
        assert len(told) == 1
        assert (await client.ask(body)).from_cache == "true"
        assert len(told) == 1

    proxied(tell, cache_mode="read-write")


class _Socket:
    """Notes what it is told."""

    def __init__(self, error: OSError | None = None) -> None:
        self.told: list[tuple[int, int, int]] = []
        self.error = error

    def setsockopt(self, *option: int) -> None:
        if self.error is not None:
            raise self.error
        self.told.append(option)  # type: ignore[arg-type]


def _connected(monkeypatch: pytest.MonkeyPatch, found: _Socket | None) -> connection.Client:
    client = connection.Client(peername=("127.0.0.1", 1), sockname=("127.0.0.1", 2))
    writer = SimpleNamespace(get_extra_info={"socket": found}.get)
    handler = SimpleNamespace(transports={client: SimpleNamespace(writer=writer)})
    server = SimpleNamespace(connections={client.id: handler})
    master = SimpleNamespace(addons={"proxyserver": server})
    monkeypatch.setattr(ctx, "master", master, raising=False)
    return client


@LINUX
def test_the_option_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each time anew, for the system forgets it."""
    found = _Socket()
    client = _connected(monkeypatch, found)
    acknowledge(client)
    acknowledge(client)
    assert found.told == [(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)] * 2


def test_where_it_cannot_be_set_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    """No such option, a client that has left, one that is not known, no socket at all."""
    acknowledge(_connected(monkeypatch, _Socket(OSError("gone"))))
    acknowledge(_connected(monkeypatch, None))
    _connected(monkeypatch, _Socket())
    acknowledge(connection.Client(peername=("127.0.0.1", 1), sockname=("127.0.0.1", 2)))
    monkeypatch.setattr(quick_ack, "_QUICK", None)
    found = _Socket()
    acknowledge(_connected(monkeypatch, found))
    assert found.told == []

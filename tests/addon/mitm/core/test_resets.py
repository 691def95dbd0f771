"""A connection that ends in a reset."""

from __future__ import annotations

import socket
from types import SimpleNamespace
from typing import Any

import pytest
from mitmproxy.test import tflow

from addon.mitm.core import internals, resets
from addon.mitm.core.resets import reset_when_closed


@pytest.fixture
def pair(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The proxy's socket to a client, and the client's."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        theirs = socket.create_connection(listening.getsockname())
        ours, _ = listening.accept()
    writer = SimpleNamespace(get_extra_info=lambda _: ours)
    monkeypatch.setattr(resets, "transport_of", lambda *_: SimpleNamespace(writer=writer))
    yield ours, theirs
    ours.close()
    theirs.close()


def test_the_client_sees_a_reset(pair: tuple[socket.socket, socket.socket]) -> None:
    """Not the end of a stream."""
    ours, theirs = pair
    reset_when_closed(tflow.tclient_conn())
    ours.close()
    with pytest.raises(ConnectionResetError):
        theirs.recv(1)


@pytest.mark.parametrize("reason", ["http2", "unusable"])
def test_otherwise_the_connection_ends(
    pair: tuple[socket.socket, socket.socket], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An HTTP/2 connection has other streams, and a mitmproxy without these names is left as it is."""
    ours, theirs = pair
    client = tflow.tclient_conn()
    if reason == "http2":
        client.alpn = b"h2"
    else:
        monkeypatch.setattr(internals, "usable", lambda _: False)
    reset_when_closed(client)
    ours.close()
    assert theirs.recv(1) == b""


def test_a_client_that_has_just_left(pair: tuple[socket.socket, socket.socket]) -> None:
    """Its socket is closed, or not at hand."""
    ours, _ = pair
    ours.close()
    reset_when_closed(tflow.tclient_conn())

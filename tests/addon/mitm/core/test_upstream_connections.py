"""More connections to a provider for one HTTP/2 client."""

# mypy: disallow-untyped-calls=False

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from mitmproxy.addons import proxyserver
from mitmproxy.test import taddons, tflow

from addon.mitm.core import internals
from addon.mitm.core.upstream_connections import UPSTREAM_CONNECTIONS, allow_more_connections


def _asked() -> Any:
    client, server = tflow.tclient_conn(), proxyserver.Proxyserver()
    handler: Any = SimpleNamespace(max_conns={})
    server.connections[client.id] = handler
    with taddons.context(server, loadcore=False):
        allow_more_connections(client)
        allow_more_connections(tflow.tclient_conn())
    return handler.max_conns


def test_the_limit_is_lifted() -> None:
    """For each address by itself; a client without a handler is left alone."""
    assert _asked()["any"]._value == UPSTREAM_CONNECTIONS


def test_where_mitmproxy_has_changed_its_limit_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is touched, and nothing is raised."""
    monkeypatch.setattr(internals, "usable", lambda feature: feature is not internals.UPSTREAM_CONNECTIONS)
    assert _asked() == {}


def test_without_mitmproxys_server_nothing_happens() -> None:
    """An embedding program may have no Proxyserver addon."""
    with taddons.context(loadcore=False):
        allow_more_connections(tflow.tclient_conn())

"""A Master that is as lean as this mitmproxy allows."""

# mypy: disallow-untyped-calls=False

from __future__ import annotations

import logging

import pytest
from mitmproxy import addonmanager, options
from mitmproxy.addons import proxyserver

from addon.mitm.core import internals
from addon.mitm.core.dispatch import LeanAddonManager
from addon.mitm.core.lean_master import close_servers, lean_master


def _without(monkeypatch: pytest.MonkeyPatch, *features: internals.Feature) -> None:
    monkeypatch.setattr(internals, "usable", lambda feature: feature not in features)


async def test_log_records_make_no_events_and_hooks_are_looked_up_once() -> None:
    """mitmproxy's handler is off the root logger, and the addon manager is ours."""
    made = lean_master(options.Options())
    assert made._legacy_log_events not in logging.getLogger().handlers
    assert isinstance(made.addons, LeanAddonManager)


async def test_where_mitmproxy_has_changed_its_own_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a renamed log handler nor a changed addon manager ends in a traceback."""
    _without(monkeypatch, internals.NO_LOG_EVENTS, internals.HOOK_TABLE, internals.CLOSING_SERVERS)
    made = lean_master(options.Options())
    assert type(made.addons) is addonmanager.AddonManager
    made._legacy_log_events.uninstall()
    await close_servers(made)


async def test_servers_are_closed() -> None:
    """No address is listened on any more."""
    made = lean_master(options.Options())
    server = proxyserver.Proxyserver()
    made.addons.add(server)
    made.options.update(listen_host="127.0.0.1", listen_port=0)
    await server.setup_servers()
    assert len(server.listen_addrs()) == 1
    await close_servers(made)
    assert server.listen_addrs() == []

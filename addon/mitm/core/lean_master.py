"""A mitmproxy Master without what a caching proxy has no use for."""

from __future__ import annotations

from mitmproxy import master, options

from addon.mitm.core import internals

__all__ = ["close_servers", "lean_master"]


def lean_master(opts: options.Options) -> master.Master:
    """A Master whose hooks are looked up once and whose log records make no events, where this mitmproxy allows."""
    made = master.Master(opts)
    if internals.usable(internals.NO_LOG_EVENTS):
        # It formats every record and offers it to every addon; none of ours reads them.
        made._legacy_log_events.uninstall()
    if internals.usable(internals.HOOK_TABLE):
        from addon.mitm.core.dispatch import LeanAddonManager

        opts.changed.disconnect(made.addons._configure_all)
        made.addons = LeanAddonManager(made)
    return made


async def close_servers(proxy: master.Master) -> None:
    """Close the listening sockets, which would otherwise accept clients as long as the process lives."""
    if internals.usable(internals.CLOSING_SERVERS):
        await proxy.addons.get("proxyserver").servers.update([])

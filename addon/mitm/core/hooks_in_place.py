"""Calls hooks that need not wait at once. mitmproxy makes a task of each, and climbs every layer twice for it."""

from __future__ import annotations

from functools import partial

from mitmproxy import ctx
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.layers.http import HttpStream

from addon.mitm.core.dispatch import LeanAddonManager
from addon.mitm.core.marks import PAUSE, speaks_http1
from addon.mitm.core.replacing import Commands, replaced

__all__ = ["HooksInPlace"]


class HooksInPlace(HttpStream):
    """Works with our addon manager and for HTTP/1 clients; otherwise hooks run as mitmproxy runs them."""

    def _handle_event(self, event: events.Event) -> Commands:
        addons = ctx.master.addons
        stock: Commands = super()._handle_event(event)
        if isinstance(addons, LeanAddonManager) and speaks_http1(self.context.client):
            return replaced(stock, partial(self._called, addons))
        return stock

    def _called(self, addons: LeanAddonManager, command: commands.Command) -> list[commands.Command] | None:
        # A layer that starts inside, a WebSocket's, waits for its own hook: it has set `blocking` to itself.
        # A pause is not about a flow, and always waits.
        if isinstance(command, commands.StartHook) and command.blocking is True and command.name != PAUSE:
            return [] if addons.begin(command, self.flow) else None
        return None

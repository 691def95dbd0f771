"""Calls hooks that need not wait at once. mitmproxy makes a task of each, and climbs every layer twice for it."""

from __future__ import annotations

from typing import Any

from mitmproxy import ctx
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.layers.http import HttpStream

from addon.mitm.core.dispatch import LeanAddonManager
from addon.mitm.core.marks import speaks_http1
from addon.mitm.core.replacing import Commands

__all__ = ["HooksInPlace"]


class HooksInPlace(HttpStream):
    """Works with our addon manager and for HTTP/1 clients; otherwise hooks run as mitmproxy runs them."""

    def _handle_event(self, event: events.Event) -> Commands:
        addons = ctx.master.addons
        stock: Commands = super()._handle_event(event)
        if isinstance(addons, LeanAddonManager) and speaks_http1(self.context.client):
            return self._with_hooks_called(stock, addons)
        return stock

    def _with_hooks_called(self, stock: Commands, addons: LeanAddonManager) -> Commands:
        reply: Any = None
        while True:
            try:
                command = stock.send(reply)
            except StopIteration:
                return
            # A layer that starts inside, a WebSocket's, waits for its own hook: it has set `blocking` to itself.
            if (
                isinstance(command, commands.StartHook)
                and command.blocking is True
                and addons.begin(command, self.flow)
            ):
                reply = None
            else:
                reply = yield command

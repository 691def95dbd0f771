"""Lifts mitmproxy's limit of 5 connections that one HTTP/2 client has to an HTTP/1.1 provider (mitmproxy#8322)."""

from __future__ import annotations

import asyncio
import collections
from typing import Any

from mitmproxy import connection, ctx

from addon.mitm.core import internals

__all__ = ["UPSTREAM_CONNECTIONS", "allow_more_connections"]

UPSTREAM_CONNECTIONS = 100


def allow_more_connections(client: connection.Client) -> None:
    """Give a client that has just connected more connections to each provider."""
    if not internals.usable(internals.UPSTREAM_CONNECTIONS):
        return
    proxyserver: Any = ctx.master.addons.get("proxyserver")
    handler = proxyserver.connections.get(client.id) if proxyserver is not None else None
    if handler is not None:
        handler.max_conns = collections.defaultdict(lambda: asyncio.Semaphore(UPSTREAM_CONNECTIONS))

"""Acknowledges what a client has sent at once, where the rest of its request is still to come.

Behind a proxy urllib3 leaves Nagle's algorithm on (its ProxyManager says so on purpose): `requests`, boto3 and the
like send a request's head, and its body only when the head is acknowledged, which Linux delays by 40 ms (tcp(7)).
"""

from __future__ import annotations

import socket
from typing import Any

from mitmproxy import connection, ctx

__all__ = ["acknowledge"]

_QUICK = getattr(socket, "TCP_QUICKACK", None)  # Linux alone has the option, and others wait less


def acknowledge(client: connection.Client) -> None:
    """Send the acknowledgement that is due to `client`. Does nothing where its socket cannot be found or told."""
    if _QUICK is None:
        return
    addons: Any = ctx.master.addons
    handlers: Any = getattr(addons.get("proxyserver"), "connections", {})
    transport = getattr(handlers.get(client.id), "transports", {}).get(client)
    found = transport.writer.get_extra_info("socket") if transport and transport.writer else None
    if found is not None:
        try:
            found.setsockopt(socket.IPPROTO_TCP, _QUICK, 1)
        except OSError:
            pass  # the client has just left

"""Resets a client's connection instead of ending it: the client sees an error, and not an answer that ended."""

from __future__ import annotations

import socket
import struct

from mitmproxy import connection

from addon.mitm.core import internals
from addon.mitm.core.marks import speaks_http1, transport_of

__all__ = ["reset_when_closed"]

_AT_ONCE = struct.pack("ii", 1, 0)  # struct linger: on, 0 seconds; then close() sends RST (socket(7))


def reset_when_closed(client: connection.Client) -> None:
    """Let the end of an HTTP/1 connection be a reset. An HTTP/2 stream is reset by itself, and others go on."""
    if not internals.usable(internals.RESETS) or not speaks_http1(client):
        return
    transport = transport_of(client, client)
    sock = transport.writer.get_extra_info("socket") if transport and transport.writer else None
    if sock is not None:
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
        except OSError:
            pass  # the client has just left

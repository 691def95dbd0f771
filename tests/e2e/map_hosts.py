"""A mitmproxy addon for tests: every name resolves to TEST_UPSTREAM_PORT on loopback.

At the name service rather than in `server_connect`: a changed address would keep mitmproxy from using a connection
to the provider again.
"""

from __future__ import annotations

import os
import socket
from typing import Any

_resolve = socket.getaddrinfo


def _on_loopback(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
    if host in ("127.0.0.1", "localhost"):
        return _resolve(host, port, *args, **kwargs)
    return _resolve("127.0.0.1", int(os.environ["TEST_UPSTREAM_PORT"]), *args, **kwargs)


socket.getaddrinfo = _on_loopback

addons: list[object] = []

"""Listening on a port that other processes listen on, too.

mitmproxy's own servers cannot do that (`AsyncioServerInstance.listen` takes no socket options), so the option
`server` turns them off, and a server of ours calls their mode's `handle_stream`.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Any

from mitmproxy.proxy import mode_servers, mode_specs

__all__ = ["OPTIONS", "Listening"]

OPTIONS = {"server": False}
"""The mitmproxy options with which it does not listen itself."""

_ANY_PORT_TRIES = 10


class Listening:
    """The sockets of one process, and what they hand connections to."""

    def __init__(self) -> None:
        self._servers: list[asyncio.Server] = []

    async def open(self, proxyserver: Any, modes: list[str], host: str, port: int, *, first: bool) -> int:
        """Listen at `host` and `port` (0: any free one) for each of `modes`, and return the port.

        The `first` process makes sure that no other program listens there. Raises OSError.
        """
        for _ in range(_ANY_PORT_TRIES):
            try:
                free = await _free_port(host, port) if first else port
                return await self._open(proxyserver, modes, host, free)
            except OSError:
                if port:
                    raise
        raise OSError(f"there is no free port at {host}")

    async def _open(self, proxyserver: Any, modes: list[str], host: str, port: int) -> int:
        for mode in modes:
            instance: Any = mode_servers.ServerInstance.make(mode_specs.ProxyMode.parse(mode), proxyserver)
            # asyncio makes these sockets with IPPROTO_TCP, so it turns Nagle's algorithm off for them.
            server = await asyncio.start_server(instance.handle_stream, host, port, reuse_port=True)
            self._servers.append(server)
        return port

    def addresses(self) -> list[tuple[Any, ...]]:
        """The addresses on which this process listens."""
        return [sock.getsockname() for server in self._servers for sock in server.sockets]

    def close(self) -> None:
        """Stop listening; open connections stay open."""
        for server in self._servers:
            server.close()
        self._servers = []


async def _free_port(host: str, port: int) -> int:
    """`port`, or any free one where it is 0. Raises OSError where another program listens there, sharing or not."""
    if not port:
        addresses = await asyncio.get_running_loop().getaddrinfo(host, 0, type=socket.SOCK_STREAM)
        with socket.socket(addresses[0][0], socket.SOCK_STREAM) as probe:
            probe.bind(addresses[0][4])
            return int(probe.getsockname()[1])
    server = await asyncio.start_server(_close, host, port)
    server.close()
    await asyncio.sleep(0)
    return port


async def _close(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()

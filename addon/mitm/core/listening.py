"""Listening on a port that other processes listen on, too.

mitmproxy's own servers cannot be told to (`AsyncioServerInstance.listen` takes no options of a socket), so the
option `server` turns them off and their mode's `handle_stream` is given to a server of ours. This relies on
`mitmproxy.proxy.mode_servers.ServerInstance.make(mode, manager)` and its `handle_stream(reader, writer)`, on the
`Proxyserver` addon as their manager, and on the option `server`. Where a release of mitmproxy has not got them,
`usable` is False and a run has one process; tests/addon/workers/test_listening.py fails then.
"""

from __future__ import annotations

import asyncio
import inspect
import socket
from typing import Any

from mitmproxy import options
from mitmproxy.proxy import mode_servers, mode_specs

__all__ = ["OPTIONS", "Listening", "usable"]

OPTIONS = {"server": False}
"""What mitmproxy is started with, so that it does not listen itself."""

_ANY_PORT_TRIES = 10


def usable() -> bool:
    """Whether mitmproxy has what this relies on."""
    make = getattr(getattr(mode_servers, "ServerInstance", None), "make", None)
    handle = getattr(getattr(mode_servers, "ServerInstance", None), "handle_stream", None)
    return (
        make is not None
        and list(inspect.signature(make).parameters)[:2] == ["mode", "manager"]
        and inspect.iscoroutinefunction(handle)
        and list(inspect.signature(handle).parameters)[:3] == ["self", "reader", "writer"]
        and all(name in options.Options().keys() for name in OPTIONS)  # noqa: SIM118 - no mapping
    )


class Listening:
    """The sockets of one process, and what they hand connections to."""

    def __init__(self) -> None:
        self._servers: list[asyncio.Server] = []

    async def open(self, proxyserver: Any, modes: list[str], host: str, port: int, *, first: bool) -> int:
        """Listen at `host` and `port` (0: any) for each of `modes`; the port.

        The `first` process makes sure that nobody else's listens there. Raises OSError.
        """
        for _ in range(_ANY_PORT_TRIES):
            try:
                if first:
                    found = await _free_port(host, port)
                return await self._open(proxyserver, modes, host, found if first else port)
            except OSError:
                if port:
                    raise
        raise OSError(f"there is no free port at {host}")

    async def _open(self, proxyserver: Any, modes: list[str], host: str, port: int) -> int:
        for mode in modes:
            instance: Any = mode_servers.ServerInstance.make(mode_specs.ProxyMode.parse(mode), proxyserver)
            # asyncio makes these with IPPROTO_TCP; without it, it would leave Nagle's algorithm on.
            server = await asyncio.start_server(instance.handle_stream, host, port, reuse_port=True)
            self._servers.append(server)
        return port

    def addresses(self) -> list[tuple[Any, ...]]:
        """Where it listens."""
        return [found.getsockname() for server in self._servers for found in server.sockets]

    def close(self) -> None:
        """Listen no more; open connections stay."""
        for server in self._servers:
            server.close()
        self._servers = []


async def _free_port(host: str, port: int) -> int:
    """`port`, or any where it is 0. Raises OSError where somebody has it, whether they would share it or not."""
    if not port:
        found = await asyncio.get_running_loop().getaddrinfo(host, 0, type=socket.SOCK_STREAM)
        with socket.socket(found[0][0], socket.SOCK_STREAM) as probe:
            probe.bind(found[0][4])
            return int(probe.getsockname()[1])
    probing = await asyncio.start_server(_nothing, host, port)
    probing.close()
    await asyncio.sleep(0)
    return port


async def _nothing(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()

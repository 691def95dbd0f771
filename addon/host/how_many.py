"""How many processes a run has, and why that is fewer than the setting asks for."""

from __future__ import annotations

import os
import socket
import sys

from addon.mitm.core.internals import SHARED_PORT, usable
from addon.settings.settings import Settings

__all__ = ["how_many", "how_many_here", "processors", "shares_ports"]

_WANTED = "PROVIDER_PROXY_WORKERS"


def processors() -> int:
    """The processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def shares_ports() -> bool:
    """Whether the system distributes connections among all processes that listen on one port.

    macOS accepts the socket option too, but gives all connections to one process.
    """
    return sys.platform == "linux" and hasattr(socket, "SO_REUSEPORT")


def how_many(
    settings: Settings, *, arguments: bool, shares: bool, usable: bool, cpus: int
) -> tuple[int, str]:
    """The number of processes, and one line if that is fewer than the setting asks for.

    `arguments`: the user passes mitmproxy arguments (scripts and files work in one process only). `shares`: the
    system shares ports. `usable`: this mitmproxy can listen on a shared port. `cpus` is the value of `auto`.
    """
    wanted = cpus if settings.workers is None else settings.workers
    if wanted == 1:
        return 1, ""
    if settings.cache_dir is None:
        why = "a cache in memory is private to one process; set PROVIDER_PROXY_CACHE_DIR to a directory"
    elif arguments:
        why = "mitmproxy's scripts and files (after --) work in one process only"
    elif not shares:
        why = "processes can share a port on Linux only"
    elif not usable:
        why = "this release of mitmproxy is not supported; install one that pyproject.toml allows"
    else:
        return wanted, ""
    return 1, f"{_WANTED}={settings.workers or 'auto'} is 1 here: {why}"


def how_many_here(settings: Settings, *, arguments: bool) -> tuple[int, str]:
    """`how_many` on this system, with this mitmproxy."""
    can = usable(SHARED_PORT)
    return how_many(settings, arguments=arguments, shares=shares_ports(), usable=can, cpus=processors())

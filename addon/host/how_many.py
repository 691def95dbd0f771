"""How many processes a run may have, and why not as many as were asked for."""

from __future__ import annotations

import os
import socket
import sys

from addon.settings.settings import Settings

__all__ = ["how_many", "processors", "shares_ports"]

_WANTED = "PROVIDER_PROXY_WORKERS"


def processors() -> int:
    """The processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def shares_ports() -> bool:
    """Whether the system hands connections to all processes that listen on one port; macOS takes the option, too,
    and gives all of them to one.
    """
    return sys.platform == "linux" and hasattr(socket, "SO_REUSEPORT")


def how_many(
    settings: Settings, *, arguments: bool, shares: bool, usable: bool, cpus: int
) -> tuple[int, str]:
    """How many, and one line where that is fewer than asked for.

    `arguments`: mitmproxy was given some of its own (scripts and files belong to one process). `shares`: the
    system shares ports. `usable`: mitmproxy can be made to. `cpus` is what `auto` stands for.
    """
    wanted = cpus if settings.workers is None else settings.workers
    if wanted == 1:
        return 1, ""
    if settings.cache_dir is None:
        why = "a cache in memory belongs to one process; name a directory in PROVIDER_PROXY_CACHE_DIR"
    elif arguments:
        why = "what follows -- (scripts, files) belongs to one process"
    elif not shares:
        why = "processes share a port on Linux only"
    elif not usable:
        why = "this release of mitmproxy is not known; use one that pyproject.toml names"
    else:
        return wanted, ""
    return 1, f"{_WANTED}={settings.workers or 'auto'} is 1 here: {why}"

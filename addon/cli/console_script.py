"""Runs the command line, and the proxy itself with `python -O`.

mitmproxy checks types by assertions for every message; without them a hit is a quarter faster. The flag is on our
own command line, not in the environment, so it does not affect the user's command.
"""

from __future__ import annotations

import importlib.util
import os
import sys

from provider_proxy_start import isolate, own_command, own_environ

__all__ = ["main", "own_command_line"]

_MODULE = "addon.cli.console_script"
# `serve -- -s script.py` and `serve --web` may run other people's code, whose assertions must stay.
_PROXIES = ("serve", "run")


def main() -> None:
    """Run the command line, after replacing this process by one with -O if that is faster."""
    arguments = sys.argv[1:]
    isolate(arguments)
    if _is_faster_optimised(arguments):
        command = own_command_line(arguments)
        os.execve(command[0], command, own_environ())  # noqa: S606 - our own interpreter and arguments
    from addon.cli.commands import main as command_line

    command_line()


def own_command_line(arguments: list[str]) -> list[str]:
    """The command that runs the command line with these arguments in a process of its own."""
    return own_command(_MODULE, *arguments, optimise=_is_faster_optimised(arguments))


def _is_faster_optimised(arguments: list[str]) -> bool:
    if not arguments or arguments[0] not in _PROXIES or sys.flags.optimize or not _is_cheap():
        return False
    return arguments[0] != "serve" or not ("--web" in arguments or "--" in arguments)


def _is_cheap() -> bool:
    """Whether compiled files for -O exist or can be written; compiling at every start would take seconds."""
    if not sys.dont_write_bytecode:
        return True
    spec = importlib.util.find_spec("mitmproxy")  # for a submodule it would import the package
    origin = spec.origin if spec else None
    return bool(origin) and os.path.exists(importlib.util.cache_from_source(str(origin), optimization=1))  # noqa: PTH110

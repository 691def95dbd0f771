"""The console script: starts the command line, and the proxy itself with `python -O`.

mitmproxy checks types by assertions for every message; without them a hit is a quarter faster. The flag is on our
own command line, not in the environment, so it does not affect the user's command.
"""

from __future__ import annotations

import importlib.util
import os
import sys

__all__ = ["main", "optimised_command"]

# `serve -- -s script.py` and `serve --web` may run other people's code, whose assertions must stay.
_PROXIES = ("serve", "run")


def main() -> None:
    """Run the command line, after replacing this process by one with -O if that is faster."""
    command = optimised_command(sys.argv[1:])
    if command:
        os.execv(command[0], command)  # noqa: S606 - our own interpreter and arguments
    from addon.cli.commands import main as command_line

    command_line()


def optimised_command(arguments: list[str]) -> list[str] | None:
    """The command to execute instead for these arguments; None to continue in this process."""
    if not arguments or arguments[0] not in _PROXIES or sys.flags.optimize or not _is_cheap():
        return None
    others_code = "--web" in arguments or "--" in arguments if arguments[0] == "serve" else False
    return None if others_code else [sys.executable, "-O", "-m", "addon.cli", *arguments]


def _is_cheap() -> bool:
    """Whether compiled files for -O exist or can be written; compiling at every start would take seconds."""
    if not sys.dont_write_bytecode:
        return True
    spec = importlib.util.find_spec("mitmproxy")  # for a submodule it would import the package
    origin = spec.origin if spec else None
    return bool(origin) and os.path.exists(importlib.util.cache_from_source(str(origin), optimization=1))  # noqa: PTH110

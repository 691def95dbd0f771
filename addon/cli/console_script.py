"""The console script: starts the command line, the proxy itself with `python -O`.

mitmproxy checks types in assertions for every message; without them a hit costs a quarter less. The flag goes on
our own command line, never into the environment, so the user's command is not touched by it.
"""

from __future__ import annotations

import importlib.util
import os
import sys

__all__ = ["main", "optimised_command"]

# `serve -- -s script.py` and `serve --web` may run other people's code, whose assertions must hold.
_PROXIES = ("serve", "run")


def main() -> None:
    """Run the command line in this process, or in its place the same with -O."""
    command = optimised_command(sys.argv[1:])
    if command:
        os.execv(command[0], command)  # noqa: S606 - our own interpreter and arguments
    from addon.cli.commands import main as command_line

    command_line()


def optimised_command(arguments: list[str]) -> list[str] | None:
    """What to execute instead for these arguments; None to go on as we are."""
    if not arguments or arguments[0] not in _PROXIES or sys.flags.optimize or not _is_cheap():
        return None
    others_code = "--web" in arguments or "--" in arguments if arguments[0] == "serve" else False
    return None if others_code else [sys.executable, "-O", "-m", "addon.cli", *arguments]


def _is_cheap() -> bool:
    """Whether compiled files for -O are there or can be written; compiling at every start would cost seconds."""
    if not sys.dont_write_bytecode:
        return True
    spec = importlib.util.find_spec("mitmproxy")  # of a submodule it would import the package
    origin = spec.origin if spec else None
    return bool(origin) and os.path.exists(importlib.util.cache_from_source(str(origin), optimization=1))  # noqa: PTH110

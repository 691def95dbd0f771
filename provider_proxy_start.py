"""Starts every process of provider-proxy, isolated from the working directory and from PYTHONPATH.

Python looks in PYTHONPATH, and with `python -m` in the working directory, before it looks in the standard library:
a `json.py` or an `addon/` of the user's project would run inside the proxy. So our processes are started as `python
-P provider_proxy_start.py MODULE ARGUMENTS…` without PYTHONPATH, which the user's command gets back unchanged.

This file is imported before that is so. It must be a module of its own with a name that nobody else has, and it
imports only what every Python has loaded by then (so no `from __future__`).
"""

import os
import sys

__all__ = ["isolate", "main", "own_command", "own_environ", "run_module"]

_COMMAND_LINE = "addon.cli.console_script"
# PYTHONPATH on its way to the process that restores it. `run-proxy.sh` sets it too.
_SAVED = "_PROVIDER_PROXY_PYTHONPATH"


def main() -> None:
    """Run the command line: the console script."""
    isolate(sys.argv[1:])
    run_module(_COMMAND_LINE)


def isolate(arguments: list[str]) -> None:
    """Replace this process by one that is isolated, unless nothing foreign can be imported."""
    if _is_isolated() or not (os.environ.get("PYTHONPATH") or _finds_working_directory()):
        return
    command = own_command(_COMMAND_LINE, *arguments)
    os.execve(command[0], command, own_environ())  # noqa: S606 - our own interpreter and arguments


def own_command(module: str, *arguments: str, optimise: bool = False) -> list[str]:
    """The command that runs `main` of a module of ours in an isolated process; start it with `own_environ()`."""
    flags = ["-P", "-O"] if optimise or sys.flags.optimize else ["-P"]
    return [sys.executable, *flags, os.path.abspath(__file__), module, *arguments]


def own_environ() -> dict[str, str]:
    """This process's environment for a process of ours: without PYTHONPATH, which it restores after its start."""
    environ = dict(os.environ)
    if "PYTHONPATH" in environ:
        environ[_SAVED] = environ.pop("PYTHONPATH")
    return environ


def run_module(name: str) -> None:
    """Run `main` of a module of ours in this process, and exit with what it returns."""
    if _SAVED in os.environ:
        os.environ["PYTHONPATH"] = os.environ.pop(_SAVED)
    folder = os.path.dirname(os.path.abspath(__file__))
    if folder not in sys.path:
        sys.path.append(folder)
    __import__(name)
    sys.exit(sys.modules[name].main())


def _is_isolated() -> bool:
    return os.path.realpath(getattr(sys.modules["__main__"], "__file__", "")) == os.path.realpath(__file__)


def _finds_working_directory() -> bool:
    """Whether modules are looked for in the working directory first, as with `python -m` and `python -c`."""
    if sys.flags.safe_path:
        return False
    try:
        return sys.path[0] in ("", os.getcwd())
    except OSError:  # the working directory is deleted
        return True


if __name__ == "__main__":
    run_module(sys.argv.pop(1))

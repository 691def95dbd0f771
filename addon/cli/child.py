"""The command that `run` runs: its process, its signals, its exit status."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Mapping, Sequence

from addon.cli.output import say

__all__ = ["run_child"]

_FORWARDED = (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)


async def run_child(command: Sequence[str], environ: Mapping[str, str]) -> int:
    """The exit status of `command`: 127 if it is not found, 126 if it cannot be run, 128+n for signal n."""
    signals = _Signals(asyncio.get_running_loop())
    try:
        process = await asyncio.create_subprocess_exec(*command, env=environ)
    except FileNotFoundError:
        say(f"provider-proxy: {command[0]}: command not found", err=True)
        return 127
    except OSError as error:
        say(f"provider-proxy: {command[0]}: {error.strerror}", err=True)
        return 126
    signals.go_to(process)
    status = await process.wait()
    return status if status >= 0 else 128 - status


class _Signals:
    """Passes our signals on to the command, which ends before us; it gets earlier ones once it runs."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._early: list[int] = []
        self._send: Callable[[int], None] = self._early.append
        # The terminal sends Ctrl-C to the whole process group; we wait until it has ended the command.
        loop.add_signal_handler(signal.SIGINT, lambda: None)
        for number in _FORWARDED:
            loop.add_signal_handler(number, self._received, number)

    def _received(self, number: int) -> None:
        self._send(number)

    def go_to(self, process: asyncio.subprocess.Process) -> None:
        """Send signals to `process` from now on."""
        self._send = process.send_signal
        for number in self._early:
            process.send_signal(number)

"""The command that `run` runs: its process, its signals, its exit status."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from asyncio.subprocess import DEVNULL
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from addon.cli.output import say
from addon.enclosure.enclosure import Enclosure
from addon.enclosure.entering import moved_pythonpath
from cache_store.errors import UsageError
from provider_proxy_start import own_command

__all__ = ["run_child"]

_ENTERING = "addon.enclosure.entering"
_END_SECONDS = 5.0
_ENDING = (signal.SIGTERM, signal.SIGHUP)
_FORWARDED = (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)


async def run_child(
    command: Sequence[str],
    environ: Mapping[str, str],
    enclosure: Enclosure | None = None,
    *,
    is_quiet: bool = False,
    interrupted: Callable[[], None] = lambda: None,
) -> int:
    """The exit status of `command`: 127 if it is not found, 126 if it cannot be run, 128+n for signal n.

    It runs in `enclosure`, if there is one. What it prints is dropped if it `is_quiet`. `interrupted` is called
    when the user ends it. It is ended where the caller is cancelled. Raises UsageError if this machine has no
    enclosure.
    """
    program, descriptors = list(command), []
    if enclosure is not None:
        program, descriptors = (
            own_command(_ENTERING, *enclosure.arguments(command)),
            [enclosure.theirs.fileno()],
        )
        environ = moved_pythonpath(environ)
    signals = _Signals(interrupted)
    streams: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), DEVNULL) if is_quiet else {}
    try:
        process = await asyncio.create_subprocess_exec(*program, env=environ, pass_fds=descriptors, **streams)
    except FileNotFoundError:
        say(f"provider-proxy: {command[0]}: command not found", err=True)
        return 127
    except OSError as error:
        say(f"provider-proxy: {command[0]}: {error.strerror}", err=True)
        return 126
    signals.send_to(process)
    if enclosure is not None:
        try:
            await enclosure.open()
        except UsageError:
            await process.wait()
            raise
    try:
        status = await process.wait()
    except asyncio.CancelledError:
        await _end(process)
        raise
    return status if status >= 0 else 128 - status


async def _end(process: asyncio.subprocess.Process) -> None:
    for end in (process.terminate, process.kill):
        with contextlib.suppress(ProcessLookupError):
            end()
        try:
            await asyncio.wait_for(process.wait(), _END_SECONDS)
        except TimeoutError:
            continue
        return


class _Signals:
    """Passes signals on to a command; it gets those that came early once it runs."""

    def __init__(self, interrupted: Callable[[], None]) -> None:
        self._interrupted = interrupted
        self._process: asyncio.subprocess.Process | None = None
        self._early: list[int] = []
        loop = asyncio.get_running_loop()
        # The terminal sends Ctrl-C to the whole process group; we wait until it has ended the command.
        loop.add_signal_handler(signal.SIGINT, interrupted)
        for number in _FORWARDED:
            loop.add_signal_handler(number, self._pass_on, number)

    def send_to(self, process: asyncio.subprocess.Process) -> None:
        """Send all signals from now on to `process`."""
        self._process = process
        for number in self._early:
            process.send_signal(number)

    def _pass_on(self, number: int) -> None:
        if number in _ENDING:
            self._interrupted()
        if self._process is None:
            self._early.append(number)
            return
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)

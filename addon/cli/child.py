"""The command that `run` runs: its process, its signals, its exit status."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Mapping, Sequence

from addon.cli.output import say
from addon.enclosure.enclosure import Enclosure
from addon.enclosure.entering import moved_pythonpath
from cache_store.errors import UsageError
from provider_proxy_start import own_command

__all__ = ["run_child"]

_ENTERING = "addon.enclosure.entering"
_FORWARDED = (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)


async def run_child(
    command: Sequence[str], environ: Mapping[str, str], enclosure: Enclosure | None = None
) -> int:
    """The exit status of `command`: 127 if it is not found, 126 if it cannot be run, 128+n for signal n.

    It runs in `enclosure`, if there is one. Raises UsageError if this machine has no such thing.
    """
    program, descriptors = list(command), []
    if enclosure is not None:
        program, descriptors = (
            own_command(_ENTERING, *enclosure.arguments(command)),
            [enclosure.theirs.fileno()],
        )
        environ = moved_pythonpath(environ)
    loop = asyncio.get_running_loop()
    process: asyncio.subprocess.Process | None = None
    early: list[int] = []  # the command gets these once it runs

    def pass_on(number: int) -> None:
        if process is None:
            early.append(number)
        else:
            process.send_signal(number)

    # The terminal sends Ctrl-C to the whole process group; we wait until it has ended the command.
    loop.add_signal_handler(signal.SIGINT, lambda: None)
    for number in _FORWARDED:
        loop.add_signal_handler(number, pass_on, number)
    try:
        process = await asyncio.create_subprocess_exec(*program, env=environ, pass_fds=descriptors)
    except FileNotFoundError:
        say(f"provider-proxy: {command[0]}: command not found", err=True)
        return 127
    except OSError as error:
        say(f"provider-proxy: {command[0]}: {error.strerror}", err=True)
        return 126
    for received in early:
        process.send_signal(received)
    if enclosure is not None:
        try:
            await enclosure.open()
        except UsageError:
            await process.wait()
            raise
    status = await process.wait()
    return status if status >= 0 else 128 - status

"""`run -- COMMAND`: a proxy for as long as one command runs."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Sequence

import click

from addon.cli.context import proxy_options, raw_from_flags
from addon.cli.log import log_to_stderr
from addon.counts import RunCounts
from addon.launch import STATE_FOLDER, client_changes, host_options
from addon.settings import Settings

__all__ = ["run", "run_command"]

_FORWARDED = (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)


@click.command(context_settings={"allow_interspersed_args": False})
@proxy_options
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
def run(*, command: tuple[str, ...], **flags: str | None) -> None:
    """Start a proxy, run COMMAND with it, stop the proxy and report.

    Written `run [OPTIONS] -- COMMAND…`. The exit status is the command's.
    """
    if not command:
        raise click.UsageError("no command after `--`; write provider-proxy run -- pytest")
    raw = raw_from_flags(**flags)
    log_to_stderr()
    status, counts = asyncio.run(run_command(raw, command))
    if counts is not None:
        _report(counts)
    sys.exit(status)


def _report(counts: RunCounts) -> None:
    from addon.last_run import write_last_run
    from addon.report import render_report

    write_last_run(STATE_FOLDER, counts)
    click.echo(render_report(counts), err=True, nl=False)


async def run_command(raw: dict[str, str], command: Sequence[str]) -> tuple[int, RunCounts | None]:
    """The exit status of `command`, run behind a proxy of its own, and what the proxy did.

    127 for a command that does not exist, 126 for one that cannot be run, 128+n for one that signal n ended.
    The proxy listens on a free port unless the settings name one.
    """
    from addon.host import Host

    raw = {"listen": "127.0.0.1:0", **raw}
    settings = Settings.parse(raw)
    host = Host(host_options(raw, settings, os.environ))
    finished = asyncio.Event()
    child: asyncio.Task[int] | None = None

    def ready() -> None:
        nonlocal child
        child = asyncio.create_task(_child(command, settings, host.url, finished))

    await host.run(ready, until=finished)
    return (await child if child is not None else 1), host.cache.counts


async def _child(command: Sequence[str], settings: Settings, url: str, finished: asyncio.Event) -> int:
    try:
        return await _run_child(command, settings, url)
    finally:
        finished.set()


async def _run_child(command: Sequence[str], settings: Settings, url: str) -> int:
    from addon.client_env import apply

    environ = apply(os.environ, client_changes(settings, url, os.environ))
    signals = _Signals(asyncio.get_running_loop())
    try:
        process = await asyncio.create_subprocess_exec(*command, env=environ)
    except FileNotFoundError:
        click.echo(f"provider-proxy: {command[0]}: there is no such command", err=True)
        return 127
    except OSError as error:
        click.echo(f"provider-proxy: {command[0]}: {error.strerror}", err=True)
        return 126
    signals.go_to(process)
    status = await process.wait()
    return status if status >= 0 else 128 - status


class _Signals:
    """Hands our signals to the command, which ends before us. Those that come before it runs are kept for it."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._early: list[int] = []
        self._send: Callable[[int], None] = self._early.append
        # Ctrl-C reaches the whole terminal group by itself; we wait for the command to end of it.
        loop.add_signal_handler(signal.SIGINT, lambda: None)
        for number in _FORWARDED:
            loop.add_signal_handler(number, self._received, number)

    def _received(self, number: int) -> None:
        self._send(number)

    def go_to(self, process: asyncio.subprocess.Process) -> None:
        """From now on they go to `process`."""
        self._send = process.send_signal
        for number in self._early:
            process.send_signal(number)

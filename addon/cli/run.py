"""`run -- COMMAND`: a proxy that runs as long as a command does."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from addon.cli.client_options import Given, base_urls_option, dummy_keys_option, enclosed_options, keys_to_set
from addon.cli.context import fault_option, how_to_record, make_host, proxy_options, raw_from_flags
from addon.cli.ending import Ending, check_refresh, ending_options, take_ending
from addon.cli.gate_options import gate_options, gates_for, take_gates
from addon.cli.ignored_content import check_ignored_content, force_option
from addon.cli.output import print_lines, say, terminal_width
from addon.enclosure.enclosure import check_enclosing
from addon.host.log import flush_log, log_to_stderr
from addon.host.options import client_changes, host_options
from addon.printing import program
from addon.settings.settings import Settings
from addon.settings.state_folder import STATE_FOLDER, make_state_folder
from cache_store.errors import UsageError

if TYPE_CHECKING:
    from addon.accounting.counts import RunCounts
    from addon.exchange.takes import Take
    from addon.host.host import Host
    from addon.mitm.provider_cache import ProviderCache

__all__ = ["client_environ", "folders", "publish_run", "run", "run_command"]


@click.command(context_settings={"allow_interspersed_args": False})
@proxy_options
@fault_option
@force_option
@gate_options()
@ending_options()
@dummy_keys_option
@base_urls_option
@enclosed_options
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
def run(
    *,
    command: tuple[str, ...],
    force: bool,
    dummy_keys: bool,
    base_urls: bool,
    enclosed: bool,
    allow_local: tuple[int, ...],
    **flags: Any,
) -> None:
    """Start a proxy, run COMMAND with it, stop the proxy and print a report.

    Write `run [OPTIONS] -- COMMAND…`. The exit status is the command's, or 3 if it passed and a gate failed.
    """
    if not command:
        raise click.UsageError(f"no command after `--`; write {program()} run -- pytest")
    gates, ending = take_gates(flags), take_ending(flags)
    # A free port unless the settings name one.
    raw = {"listen": "127.0.0.1:0", **raw_from_flags(**flags)}
    raw = {**folders(), **raw}
    if raw.get("profile"):
        _make_state_folder()
    if enclosed:
        raw = {"tunnel": "refuse", **raw}
    elif allow_local:
        raise UsageError("--allow-local needs --enclosed; other commands reach every port")
    settings = Settings.parse(raw)
    if enclosed:
        check_enclosing(settings.listen_host)
    check_ignored_content(settings, force=force)
    check_refresh(ending.refresh, settings)
    given = Given(keys_to_set(os.environ, settings, wanted=dummy_keys), base_urls, enclosed, allow_local)
    ending = replace(ending, gates=gates_for(gates, settings))
    log_to_stderr()
    status, cache = asyncio.run(_run(raw, settings, command, ending, given, flags["cache_mode"]))
    flush_log()
    status = ending.settle(cache, status)
    publish_run(cache.counts)
    sys.exit(status)


def folders() -> dict[str, str]:
    """The setting that says where agents work: the command's working directory and home directory."""
    both = {"cwd": str(Path.cwd()), "home": os.environ.get("HOME", "")}
    known = [f"{name}={path}" for name, path in both.items() if path.startswith("/") and "," not in path]
    return {"folders": ",".join(known)}


def _make_state_folder() -> None:
    """Make the folder that the report is written to: an agent may list the directory that it works in."""
    with contextlib.suppress(OSError):  # the end of the run says so
        make_state_folder(STATE_FOLDER)


def publish_run(counts: RunCounts) -> None:
    """Save and print the report of a run that has ended."""
    from addon.cli.report import annotate_run
    from addon.report.publishing import publish

    print_lines(publish(STATE_FOLDER, counts, width=terminal_width(err=True)), err=True)
    annotate_run(counts.as_dict())


async def run_command(
    raw: dict[str, str], command: Sequence[str], given: Given, take: Take | None = None
) -> tuple[int, RunCounts]:
    """Run `command` with a proxy of its own; its exit status, and the proxy's counts. `take` sees its requests."""
    raw = {"listen": "127.0.0.1:0", **raw}
    status, cache = await _run(raw, Settings.parse(raw), command, Ending(), given, take=take)
    return status, cache.counts


async def _run(
    raw: dict[str, str],
    settings: Settings,
    command: Sequence[str],
    ending: Ending,
    given: Given,
    mode: str | None = None,
    take: Take | None = None,
) -> tuple[int, ProviderCache]:
    """Run `command` with a proxy of its own; its exit status, and the proxy's cache, which is closed.

    `mode` is the value of --mode, or None.
    """
    host = make_host(host_options(raw, settings, os.environ))
    ending.prepare(host.cache)
    host.cache.life.take = take
    host.cache.life.rerecord = how_to_record(mode)
    finished = asyncio.Event()
    child: asyncio.Task[int] | None = None

    def ready() -> None:
        nonlocal child
        if (page := host.cache.page_url(host.url)) and sys.stderr is not None and sys.stderr.isatty():
            say(f"provider-proxy: see the run at {page}", err=True)
        strict = False if ending.gates.allow_misses else settings.strict
        environ = client_environ(command, settings, host.url, given, strict=strict)
        child = asyncio.create_task(_child(command, environ, finished, host, given))

    await host.run(ready, until=finished)
    return (await child if child is not None else 1), host.cache


def client_environ(
    command: Sequence[str], settings: Settings, url: str, given: Given, *, strict: bool | None
) -> dict[str, str]:
    """The environment of `command`. `strict` says whether its tests fail if they miss; None: as the mode says."""
    from addon.environment.client_env import apply
    from addon.environment.pytest_env import ignores_pythonpath, pytest_environment

    before = {**os.environ, **given.keys}
    environ = apply(before, client_changes(settings, url, before, with_base_urls=given.base_urls))
    if not settings.pytest or ignores_pythonpath(command):
        return environ
    return apply(environ, pytest_environment(environ, strict=strict))


async def _child(
    command: Sequence[str], environ: dict[str, str], finished: asyncio.Event, host: Host, given: Given
) -> int:
    from addon.cli.child import run_child

    try:
        if not given.enclosed:
            return await run_child(command, environ)
        return await _enclosed(command, environ, host, given)
    finally:
        finished.set()


async def _enclosed(command: Sequence[str], environ: dict[str, str], host: Host, given: Given) -> int:
    """Run `command` with no way out but the proxy, and count what it tried."""
    from addon.cli.child import run_child
    from addon.enclosure.enclosure import Enclosure

    address = urlsplit(host.url)
    enclosure = Enclosure(
        address.hostname or "",
        address.port or 0,
        given.local_ports,
        lambda line: say(f"provider-proxy: {line}", err=True),
    )
    try:
        return await run_child(command, environ, enclosure)
    finally:
        enclosure.close()
        host.cache.counts.outside.update(enclosure.outside)
        host.cache.counts.inside.update(enclosure.inside)

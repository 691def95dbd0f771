"""`run -- COMMAND`: a proxy that runs as long as a command does."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from addon.accounting.figures import plural
from addon.accounting.gates import FAILED_STATUS, failures
from addon.accounting.receipts import Receipt, lock_failures, read_receipt, receipt_text
from addon.accounting.run_end import EndOfRun
from addon.cli.context import how_to_record, make_host, proxy_options, raw_from_flags
from addon.cli.gate_options import gate_options, gates_for, take_gates
from addon.cli.ignored_content import check_ignored_content, force_option
from addon.cli.output import annotate, print_lines, say
from addon.host.log import flush_log, log_to_stderr
from addon.host.options import client_changes, host_options
from addon.printing import program
from addon.settings.settings import Settings
from addon.settings.state_folder import STATE_FOLDER
from cache_store.disk.staged_store import StagedStore
from cache_store.errors import StoreError, UsageError

if TYPE_CHECKING:
    from addon.accounting.counts import RunCounts
    from addon.host.host import Host
    from addon.mitm.provider_cache import ProviderCache

__all__ = ["run", "run_command"]


@dataclass(frozen=True)
class _RunOptions:
    """The options of `run` that are not settings of the proxy."""

    staged: bool = False
    receipt: Path | None = None
    lock: Receipt | None = None
    unused: bool = False
    mode: str | None = None
    dummy_keys: bool = False


@click.command(context_settings={"allow_interspersed_args": False})
@proxy_options
@force_option
@gate_options()
@click.option(
    "--commit",
    type=click.Choice(["always", "on-success"]),
    default="always",
    help="on-success: keep what the run records only if it exits with 0.",
)
@click.option(
    "--receipt", type=click.Path(path_type=Path), help="Write the entries that were used to this file."
)
@click.option("--locked", type=click.Path(path_type=Path), help="Fail if an entry differs from this file.")
@click.option("--dummy-keys", is_flag=True, help="In read-only-require-hit, set API keys that are missing.")
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
def run(
    *,
    command: tuple[str, ...],
    commit: str,
    receipt: Path | None,
    locked: Path | None,
    force: bool,
    dummy_keys: bool,
    **flags: Any,
) -> None:
    """Start a proxy, run COMMAND with it, stop the proxy and print a report.

    Write `run [OPTIONS] -- COMMAND…`. The exit status is the command's, or 3 if it passed and a gate failed.
    """
    if not command:
        raise click.UsageError(f"no command after `--`; write {program()} run -- pytest")
    gates = take_gates(flags)
    # A free port unless the settings name one.
    raw = {"listen": "127.0.0.1:0", **raw_from_flags(**flags)}
    settings = Settings.parse(raw)
    check_ignored_content(settings, force=force)
    if dummy_keys and settings.cache_mode.forwards:
        raise UsageError("--dummy-keys needs --mode read-only-require-hit; a provider refuses dummy keys")
    if receipt is not None:
        _check_writable(receipt)
    lock = read_receipt(locked) if locked is not None else None
    options = _RunOptions(
        commit == "on-success", receipt, lock, gates.fail_on_unused, flags["cache_mode"], dummy_keys
    )
    log_to_stderr()
    status, cache = asyncio.run(_run(raw, settings, command, options))
    flush_log()
    failed = failures(gates_for(gates, settings), cache.counts)
    if lock is not None:
        failed += lock_failures(lock, cache.life.end.used)
    cache.counts.failed_gates = failed
    if status == 0 and failed:
        status = FAILED_STATUS
    status_after_merge = _commit_or_discard(cache.life.staged, status)
    _report(cache, options)
    stored = cache.counts.total().stored
    if options.staged and status != 0 and stored:
        say(f"discarded: {plural(stored, 'stored answer')} (--commit on-success)", err=True)
    sys.exit(status_after_merge)


def _commit_or_discard(staged: StagedStore | None, status: int) -> int:
    """Merge or discard what was staged; the exit status, which is 1 if a merge fails."""
    if staged is None:
        return status
    try:
        if status == 0:
            staged.commit()
        else:
            staged.discard()
    except StoreError as error:
        say(f"provider-proxy: what this run recorded could not be merged: {error}", err=True)
        return status or 1
    return status


def _report(cache: ProviderCache, options: _RunOptions) -> None:
    from addon.report.publishing import publish
    from addon.report.words import no_traffic_line
    from cache_store.atomic_file import replace_file

    print_lines(publish(STATE_FOLDER, cache.counts), err=True)
    annotate(no_traffic_line(cache.counts.as_dict()))
    if options.receipt is None:
        return
    text = receipt_text(cache.life.end.used, upstream=cache.counts.connections > 0)
    try:
        replace_file(options.receipt, text.encode())
    except OSError as error:
        say(f"provider-proxy: {options.receipt} cannot be written: {error.strerror}", err=True)


def _check_writable(path: Path) -> None:
    """Raise UsageError before the start, rather than lose a receipt at the end."""
    folder = path.parent
    if path.is_dir() or not folder.is_dir() or not os.access(folder, os.W_OK):
        raise UsageError(f"the receipt {path} cannot be written; name a file in an existing folder")


async def run_command(raw: dict[str, str], command: Sequence[str]) -> tuple[int, RunCounts]:
    """Run `command` with a proxy of its own; its exit status, and the proxy's counts."""
    raw = {"listen": "127.0.0.1:0", **raw}
    status, cache = await _run(raw, Settings.parse(raw), command, _RunOptions())
    return status, cache.counts


async def _run(
    raw: dict[str, str], settings: Settings, command: Sequence[str], options: _RunOptions
) -> tuple[int, ProviderCache]:
    """Run `command` with a proxy of its own; its exit status, and the proxy's cache, which is closed."""
    host = make_host(host_options(raw, settings, os.environ))
    host.cache.life.end = EndOfRun(unused=options.unused)
    host.cache.life.stages = options.staged
    host.cache.life.rerecord = how_to_record(options.mode)
    finished = asyncio.Event()
    child: asyncio.Task[int] | None = None

    def ready() -> None:
        nonlocal child
        from addon.environment.dummy_keys import dummy_keys

        keys = dummy_keys(os.environ) if options.dummy_keys else {}
        child = asyncio.create_task(_child(command, settings, host, finished, keys))

    await host.run(ready, until=finished)
    return (await child if child is not None else 1), host.cache


async def _child(
    command: Sequence[str], settings: Settings, host: Host, finished: asyncio.Event, keys: dict[str, str]
) -> int:
    from addon.cli.child import run_child
    from addon.environment.client_env import apply

    try:
        environ = apply(os.environ, client_changes(settings, host.url, os.environ)) | keys
        return await run_child(command, environ)
    finally:
        finished.set()

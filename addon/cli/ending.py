"""The flags of `run` and `ci` about a run as a whole: which tests are recorded again, and what is done at its end.

At the end gates are checked, recordings are kept or discarded, and a receipt and a JUnit file are written.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from addon.accounting.figures import plural
from addon.accounting.gates import FAILED_STATUS, Gates, failures
from addon.accounting.receipts import Receipt, lock_failures, read_receipt, receipt_text
from addon.accounting.run_end import EndOfRun
from addon.settings.settings import Settings
from cache_store.atomic_file import replace_file
from cache_store.errors import StoreError, UsageError

if TYPE_CHECKING:
    from addon.mitm.provider_cache import ProviderCache
    from cache_store.disk.staged_store import StagedStore

__all__ = ["Ending", "check_refresh", "ending_arguments", "ending_options", "take_ending"]

_ON_SUCCESS = "on-success"
_FLAGS = ("commit", "receipt", "locked", "junit", "refresh")


@dataclass(frozen=True)
class Ending:
    """What to do at a run's end. `staged`: keep what the run records only if it succeeds.

    `refresh` are globs of tests that are recorded again meanwhile.
    """

    gates: Gates = field(default_factory=Gates)
    staged: bool = False
    receipt: Path | None = None
    lock: Receipt | None = None
    junit: Path | None = None
    refresh: tuple[str, ...] = ()

    def prepare(self, cache: ProviderCache) -> None:
        """Have the run collect what its end needs. Call it before the run opens its store."""
        cache.life.refresh = self.refresh
        cache.life.end = EndOfRun(unused=self.gates.fail_on_unused)
        cache.life.stages = self.staged

    def settle(self, cache: ProviderCache, status: int, why: str = "") -> int:
        """Check the gates, keep or discard what is staged, and write the receipt; the run's exit status.

        `status` is the exit status of its command. `why` is added to the note that recordings were discarded. Call
        it before the run is reported.
        """
        status = self._passed(cache, status)
        if cache.life.staged is not None:
            status = self._merged(cache, cache.life.staged, status, why)
        self._write_receipt(cache)
        self._write_junit(cache)
        return status

    def _passed(self, cache: ProviderCache, status: int) -> int:
        counts = cache.counts
        counts.failed_gates = failures(self.gates, counts)
        if self.lock is not None:
            counts.failed_gates += lock_failures(self.lock, cache.life.end.used)
        return FAILED_STATUS if status == 0 and counts.failed_gates else status

    def _merged(self, cache: ProviderCache, staged: StagedStore, status: int, why: str) -> int:
        counts = cache.counts
        try:
            if status == 0:
                staged.commit()
            else:
                staged.discard()
        except StoreError as error:
            counts.notes.append(f"what this run recorded could not be merged: {error}")
            return status or 1
        if status and (stored := counts.total().stored):
            counts.notes.append(f"discarded: {plural(stored, 'stored answer')} (--commit on-success){why}")
        return status

    def _write_receipt(self, cache: ProviderCache) -> None:
        if self.receipt is not None:
            tests = cache.counts.as_dict()["tests"]
            text = receipt_text(cache.life.end.used, upstream=cache.counts.connections > 0, tests=tests)
            _write(cache, self.receipt, text)

    def _write_junit(self, cache: ProviderCache) -> None:
        if self.junit is not None:
            from addon.report.junit import render_junit

            _write(cache, self.junit, render_junit(cache.counts.as_dict()))


def _write(cache: ProviderCache, path: Path, text: str) -> None:
    try:
        replace_file(path, text.encode("utf-8", "replace"))
    except OSError as error:
        cache.counts.notes.append(f"{path} cannot be written: {error.strerror}")


def ending_options(*, hidden: bool = False) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A decorator that adds the flags to a command; `take_ending` reads them."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in (
            click.option(
                "--refresh",
                multiple=True,
                metavar="GLOB",
                hidden=hidden,
                help="Record the tests that fit again: their mode is write-only.",
            ),
            click.option(
                "--junit",
                type=click.Path(path_type=Path),
                hidden=hidden,
                help="Write the tests that talked to a provider to this file, as JUnit XML.",
            ),
            click.option(
                "--locked",
                type=click.Path(path_type=Path),
                hidden=hidden,
                help="Fail if an entry differs from this file.",
            ),
            click.option(
                "--receipt",
                type=click.Path(path_type=Path),
                hidden=hidden,
                help="Write the entries that were used to this file.",
            ),
            click.option(
                "--commit",
                type=click.Choice(["always", _ON_SUCCESS]),
                default="always",
                hidden=hidden,
                help="on-success: keep what the run records only if it succeeds.",
            ),
        ):
            command = option(command)
        return command

    return decorate


def take_ending(flags: dict[str, Any]) -> Ending:
    """Take these flags out of a command's `flags`, without gates. Raises UsageError if one cannot be followed."""
    commit, receipt, locked, junit, refresh = (flags.pop(name) for name in _FLAGS)
    for path in (receipt, junit):
        if path is not None:
            _check_writable(path)
    lock = read_receipt(locked) if locked is not None else None
    return Ending(staged=commit == _ON_SUCCESS, receipt=receipt, lock=lock, junit=junit, refresh=refresh)


def check_refresh(globs: Sequence[str], settings: Settings) -> None:
    """Raise UsageError if tests are to be recorded again and the run's mode does not record."""
    if globs and not settings.cache_mode.stores:
        raise UsageError(
            f"--refresh records, and mode {settings.cache_mode} does not; use --mode read-old-write-new"
        )


def ending_arguments(flags: dict[str, Any]) -> list[str]:
    """The flags as typed, for another process; they are taken out of `flags`."""
    arguments = []
    for name in _FLAGS:
        value = flags.pop(name)
        values = value if isinstance(value, tuple) else () if value is None else (value,)
        arguments += [part for one in values for part in (f"--{name}", str(one))]
    return arguments


def _check_writable(path: Path) -> None:
    """Raise UsageError before the start, rather than lose a receipt or a report at the end."""
    folder = path.parent
    if path.is_dir() or not folder.is_dir() or not os.access(folder, os.W_OK):
        raise UsageError(f"{path} cannot be written; name a file in an existing folder")

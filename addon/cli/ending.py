"""What `run` and `ci` do at a run's end: check gates, keep or discard recordings, write a receipt."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from addon.accounting.figures import plural
from addon.accounting.gates import FAILED_STATUS, Gates, failures
from addon.accounting.receipts import Receipt, lock_failures, read_receipt, receipt_text
from addon.accounting.run_end import EndOfRun
from cache_store.atomic_file import replace_file
from cache_store.errors import StoreError, UsageError

if TYPE_CHECKING:
    from addon.mitm.provider_cache import ProviderCache
    from cache_store.disk.staged_store import StagedStore

__all__ = ["Ending", "ending_arguments", "ending_options", "take_ending"]

_ON_SUCCESS = "on-success"


@dataclass(frozen=True)
class Ending:
    """What to do at a run's end. `staged`: keep what the run records only if it succeeds."""

    gates: Gates = field(default_factory=Gates)
    staged: bool = False
    receipt: Path | None = None
    lock: Receipt | None = None

    def prepare(self, cache: ProviderCache) -> None:
        """Have the run collect what its end needs. Call it before the run opens its store."""
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
        if self.receipt is None:
            return
        text = receipt_text(cache.life.end.used, upstream=cache.counts.connections > 0)
        try:
            replace_file(self.receipt, text.encode())
        except OSError as error:
            cache.counts.notes.append(f"the receipt {self.receipt} cannot be written: {error.strerror}")


def ending_options(*, hidden: bool = False) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A decorator that adds the flags to a command; `take_ending` reads them."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in (
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
    commit, receipt, locked = (flags.pop(name) for name in ("commit", "receipt", "locked"))
    if receipt is not None:
        _check_writable(receipt)
    lock = read_receipt(locked) if locked is not None else None
    return Ending(staged=commit == _ON_SUCCESS, receipt=receipt, lock=lock)


def ending_arguments(flags: dict[str, Any]) -> list[str]:
    """The flags as typed, for another process; they are taken out of `flags`."""
    given = {name: flags.pop(name) for name in ("commit", "receipt", "locked")}
    return [part for name, value in given.items() if value is not None for part in (f"--{name}", str(value))]


def _check_writable(path: Path) -> None:
    """Raise UsageError before the start, rather than lose a receipt at the end."""
    folder = path.parent
    if path.is_dir() or not folder.is_dir() or not os.access(folder, os.W_OK):
        raise UsageError(f"the receipt {path} cannot be written; name a file in an existing folder")

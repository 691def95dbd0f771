"""`prune`: removes entries by age, use, host and size."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import click

from addon.accounting.figures import plural
from addon.accounting.receipts import keys_in_receipts
from addon.cli.context import cache_options, open_store_for_reading, read_settings
from addon.cli.entries_by_test import keys_of_tests, shared_keys
from addon.cli.filters import AGE, SIZE, Filter
from addon.cli.keys import short_key
from addon.cli.output import print_json, say
from addon.cli.progress import Progress, progress
from addon.cli.showing import request_line
from addon.policy.variants import split_key
from cache_store.disk.disk_store import DiskStore
from cache_store.disk.last_used import forget_last_used, read_last_used
from cache_store.disk.used_by import forget_used_by
from cache_store.entry import Entry
from cache_store.store import Store
from cache_store.transfer.ledger import forget_remotes

__all__ = ["prune"]


@dataclass(frozen=True, slots=True)
class _Candidate:
    """The parts of an entry that decide about it. `used_at` is in Unix seconds, `size` in bytes."""

    key: str
    used_at: float
    size: int
    named: str


@click.command()
@cache_options
@click.option("--older-than", type=AGE, help="Only entries recorded that long ago: 30d, 12h or 2026-01-31.")
@click.option("--unused-since", type=AGE, help="Only entries that no run used or recorded in that time.")
@click.option(
    "--unused-by",
    multiple=True,
    metavar="LOCK|GLOB",
    help="Only entries that are in none of these lock files, and that no test which fits one of these globs "
    "used in the last run; repeat the option for more.",
)
@click.option("--host", help="Only entries of this host; a glob.")
@click.option(
    "--max-size",
    type=SIZE,
    help="Then remove the least recently used entries, until the answers take no more.",
)
@click.option("--dry-run", is_flag=True, help="List what would be removed, and remove nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def prune(
    *,
    older_than: float | None,
    unused_since: float | None,
    unused_by: tuple[str, ...],
    host: str | None,
    max_size: int | None,
    dry_run: bool,
    as_json: bool,
    cache_dir: str | None,
) -> None:
    """Remove the entries to which all given options apply. --max-size is applied to those that are left."""
    if older_than is None and unused_since is None and not unused_by and host is None and max_size is None:
        raise click.UsageError(
            "say what to prune: --older-than, --unused-since, --unused-by, --host or --max-size"
        )
    wanted = Filter(host=host, older_than=older_than)
    selects = older_than is not None or unused_since is not None or bool(unused_by) or host is not None
    folder = read_settings(cache_dir=cache_dir).cache_dir
    named = _keys_used_by(unused_by)
    with open_store_for_reading(cache_dir) as store, progress() as shown:
        last_used = read_last_used(folder) if folder else {}
        now = time.time()
        gone: list[_Candidate] = []
        kept: list[_Candidate] = []
        for entry in shown.over(store.iterate(), "entries looked at"):
            candidate = _candidate(entry, last_used)
            goes = (
                selects
                and wanted.matches(entry, now)
                and (unused_since is None or now - candidate.used_at >= unused_since)
                and not (unused_by and {entry.key, split_key(entry.key)[0]} & named)
            )
            if goes:
                gone.append(candidate)
            elif max_size is not None:
                kept.append(candidate)
        if max_size is not None:
            gone += _beyond(kept, max_size)
        if not dry_run:
            _remove(store, [candidate.key for candidate in gone], shown)
            if gone and folder is not None:
                removed = {candidate.key for candidate in gone}
                forget_last_used(folder, removed)
                forget_used_by(folder, removed)
                forget_remotes(folder)
    _say(gone, dry_run=dry_run, as_json=as_json)


def _keys_used_by(names: tuple[str, ...]) -> set[str]:
    """The keys in the lock files among `names`, and those that tests which fit the others used in the last run.

    Of the last run, also the keys of requests that belong to no test: nothing says that those tests do not need
    them. Raises UsageError for a broken lock file, and if no test fits a glob: a misspelled file name must not
    remove anything.
    """
    files = [name for name in names if Path(name).is_file()]
    used = keys_in_receipts(map(Path, files))
    for glob in names:
        if glob not in files:
            used |= keys_of_tests((glob,)) | shared_keys()
    return used


def _remove(store: Store, keys: list[str], shown: Progress) -> None:
    advance = shown.counter("entries removed")
    if isinstance(store, DiskStore):
        for removed in store.remove_all(keys):
            advance(removed)
        return
    for key in keys:  # from the shared tier, too
        store.remove(key)
        advance(1)


def _candidate(entry: Entry, last_used: dict[str, int]) -> _Candidate:
    used_at = max(entry.recorded_at, last_used.get(entry.key, 0))
    return _Candidate(entry.key, used_at, entry.size, request_line(entry.label))


def _beyond(kept: list[_Candidate], most: int) -> list[_Candidate]:
    """The least recently used of `kept`, until the rest takes no more than `most` bytes."""
    total = sum(candidate.size for candidate in kept)
    gone = []
    for candidate in sorted(kept, key=lambda c: (c.used_at, c.key)):
        if total <= most:
            break
        gone.append(candidate)
        total -= candidate.size
    return gone


def _say(gone: list[_Candidate], *, dry_run: bool, as_json: bool) -> None:
    size = sum(candidate.size for candidate in gone)
    if as_json:
        print_json({"dry_run": dry_run, "bytes": size, "keys": [candidate.key for candidate in gone]})
        return
    if dry_run:
        for candidate in gone:
            say(f"{short_key(candidate.key)}  {candidate.size:>9}  {candidate.named}")
    would = "would remove" if dry_run else "removed"
    say(f"{would} {plural(len(gone), 'entry', 'entries')}, {size} bytes", err=True)

"""Writes to a diskcache `Cache`: one entry, or many in one transaction. A newer recording is never replaced."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from diskcache import Cache

from cache_store.disk.safe_disk import Pieces
from cache_store.disk.set_aside import set_aside, times_aside
from cache_store.entry import Entry, wins
from cache_store.errors import CorruptEntry, EntryError

__all__ = ["delete_all", "is_newer", "merge_newer", "merge_run", "read_entry", "read_head", "write_entry"]


def read_entry(data: bytes, key: str) -> Entry:
    """The entry in `data`, which lies under `key`. Raises EntryError if it cannot be used."""
    entry = Entry.decode(data)
    if entry.key != key:
        raise CorruptEntry("an entry lies under another entry's key")
    return entry


def read_head(cache: Any, key: str) -> Entry | None:
    """The entry under `key` in a cache, without its body. Raises EntryError if its form is wrong."""
    file = cache.get(key, read=True)
    if file is None:
        return None
    with file:
        entry = Entry.read_head(file)
    if entry.key != key:
        raise CorruptEntry("an entry lies under another entry's key")
    return entry


def write_entry(cache: Cache, entry: Entry) -> None:
    """Store `entry` behind all others, replacing whatever is there. Call it in `removing_later` and `transact`."""
    if entry.key in cache:
        cache.delete(entry.key)  # diskcache would leave the new entry at the old one's place
    pieces = entry.pieces()
    if sum(map(len, pieces)) < cache.disk_min_file_size:
        cache.set(entry.key, b"".join(pieces))
    else:
        cache.set(entry.key, Pieces(pieces), read=True)


def delete_all(cache: Cache, keys: Iterable[str]) -> int:
    """Remove the entries under `keys` in one transaction; how many there were."""
    with cache.disk.removing_later(), cache.transact():
        return sum(bool(cache.delete(key)) for key in keys)


def is_newer(cache: Cache, key: str, moment: float) -> bool:
    """Whether a usable entry under `key` was recorded after `moment` (Unix seconds).

    A recording time in the future comes from a clock that was set back, and counts as old. Reads through `cache`
    itself, so that earlier writes of an open transaction are seen.
    """
    try:
        there = read_head(cache, key)
        if there is None or not moment < there.recorded_at <= time.time():
            return False
        read_entry(cache.get(key), key)
    except EntryError:
        return False
    return True


def merge_newer(cache: Cache, entries: Iterable[Entry]) -> list[Entry]:
    """Store those of `entries` that win against the entry under their key, in one transaction.

    `cache_store.entry.wins` decides. A recording that was set aside, or an earlier one, does not come back this
    way. Returns the stored ones without their bodies.
    """
    stored = []
    with cache.disk.removing_later(), cache.transact():
        aside = times_aside(cache)
        for entry in entries:
            if entry.recorded_at > aside.get(entry.key, -1.0) and _wins(cache, entry):
                write_entry(cache, entry)
                stored.append(replace(entry, body=b""))
    return stored


def merge_run(
    cache: Cache, entries: Iterable[Entry], removals: Iterable[Entry]
) -> tuple[list[str], list[Entry]]:
    """Carry out what a run did, in one transaction.

    Returns the removed keys, and the stored entries without their bodies.
    An entry that was recorded here after a removal's own time, or after the run's entry, stays. A removal with a
    `judged` sets the entry aside, for that reason.
    """
    removed, stored = [], []
    with cache.disk.removing_later(), cache.transact():
        for removal in removals:
            if not is_newer(cache, removal.key, removal.recorded_at):
                if removal.judged:
                    set_aside(cache, [removal.key], removal.judged)
                else:
                    cache.delete(removal.key)
                removed.append(removal.key)
        for entry in entries:
            if not is_newer(cache, entry.key, entry.recorded_at):
                write_entry(cache, entry)
                stored.append(replace(entry, body=b""))
    return removed, stored


def _wins(cache: Cache, entry: Entry) -> bool:
    now = time.time()
    try:
        there = read_head(cache, entry.key)
        if there is not None and min(there.recorded_at, now) >= min(entry.recorded_at, now):
            there = read_entry(cache.get(entry.key), entry.key)
        return wins(entry, there, now)
    except EntryError:
        return True  # an entry that cannot be used is replaced by any that can

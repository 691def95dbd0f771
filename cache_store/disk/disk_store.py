"""Entries in a diskcache directory: the default store, shared safely by the processes of one machine."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from io import BytesIO
from itertools import batched
from pathlib import Path

from diskcache import Cache, Timeout

from cache_store.disk.cache_handles import READ_SECONDS, CacheHandles, database_errors
from cache_store.disk.decoded_entries import DecodedEntries
from cache_store.disk.listing import Recorded, is_still_there, keys_after, recorded_after, sizes, stored_at
from cache_store.disk.merging import (
    delete_all,
    is_newer,
    merge_newer,
    merge_run,
    read_entry,
    read_head,
    write_entry,
)
from cache_store.disk.set_aside import entry_aside, latest_aside, list_aside, restore, rows_aside, set_aside
from cache_store.entry import Entry
from cache_store.errors import EntryError, LongEntry, StoreError, StoreUnavailable
from cache_store.nearest.catching_up import CatchUp
from cache_store.nearest.nearest_index import HostEndpoints, NearestIndex
from cache_store.nearest.sketch import Sketch
from cache_store.store import Aside, Store, StoreStats

__all__ = ["DiskStore"]

_MERGE_SECONDS = 60.0  # two staged runs may end at once
_BATCH = 500  # entries removed in one transaction, and keys listed at once
_IN_MEMORY = 10_000  # entries in the index of a cache that cannot be written
_KEY_PREFIX = "pp"


def _is_read_only(error: Exception) -> bool:
    """Whether this thread connected while the database could not be written, which SQLite remembers.

    diskcache (`Cache._transact`) turns every error of BEGIN into Timeout, and keeps it as the context only.
    """
    found = error.__context__ if isinstance(error, Timeout) else error
    return str(getattr(found, "sqlite_errorname", "")).startswith("SQLITE_READONLY")


class DiskStore:
    """Entries in one directory. Open it after any fork.

    A directory that cannot be written, or that lies on a full disk, is served from, and opened again once it can be
    written. Every method raises StoreUnavailable if the database is locked, full, read-only or gone, and opens it
    again at the next call. `open` also raises DamagedStore, ForeignStore, NewerStore and UsageError. With
    `replaces_damaged`, a damaged database is renamed and an empty one takes its place. With `read_only`, the
    directory stays as it is byte for byte.
    """

    def __init__(self, directory: Path, *, replaces_damaged: bool = False, read_only: bool = False) -> None:
        # diskcache expands these, so what is checked must be expanded too.
        self.directory = Path(os.path.expandvars(directory.expanduser()))
        self._decoded = DecodedEntries()
        self._handles = CacheHandles(
            self.directory, self._on_open, replaces_damaged=replaces_damaged, read_only=read_only
        )
        self._index = NearestIndex(self.directory)
        self._catching_up = CatchUp(self._index, self)

    @property
    def local(self) -> Store:
        return self

    def open(self) -> None:
        self._handles.opened()

    def get(self, key: str) -> Entry | None:
        with database_errors():
            data = self._handles.opened(READ_SECONDS).quick.get(key)
        return self._entry(key, data)

    def get_short(self, key: str) -> Entry | None:
        """The entry under `key`. Raises LongEntry, before anything is read, if it lies in a file of its own."""
        with database_errors():
            file = self._handles.opened(READ_SECONDS).quick.get(key, read=True)
        if file is None:
            return None
        with file:
            if not isinstance(file, BytesIO):
                raise LongEntry(key)
            return self._entry(key, file.getvalue())

    def _entry(self, key: str, data: bytes | None) -> Entry | None:
        if data is None:
            return None
        entry = self._decoded.find(key, data)
        if entry is None:
            entry = read_entry(data, key)
            self._decoded.add(key, data, entry)
        return entry

    def head(self, key: str) -> Entry | None:
        """The entry under `key` with an empty body. A long body is not read, so its checksum is not checked.

        Raises EntryError if the rest cannot be used.
        """
        with database_errors():
            return read_head(self._handles.opened(READ_SECONDS).quick, key)

    def raw(self, key: str) -> bytes | None:
        """The stored bytes under `key`; None if they cannot be read."""
        try:
            with database_errors():
                data: bytes | None = self._handles.opened().patient.get(key)
        except (EntryError, StoreUnavailable):
            return None
        return data

    def put(self, entry: Entry, began_at: float | None = None) -> bool:
        """Store `entry`; True if it was stored.

        False if the entry under its key was recorded after `began_at` (Unix seconds, when the request of `entry`
        began): the answer to an old, slow request never replaces a newer one.
        """

        def work(cache: Cache) -> bool:
            with cache.disk.removing_later(), cache.transact():
                if began_at is not None and is_newer(cache, entry.key, began_at):
                    return False
                write_entry(cache, entry)
                return True

        stored = self._write(work)
        if stored:
            self._index.add(entry)
        return stored

    def remove(self, key: str) -> bool:
        removed = self._write(lambda cache: bool(cache.delete(key)))
        self._index.remove(key)
        return removed

    def remove_all(self, keys: Iterable[str]) -> Iterator[int]:
        """Remove the entries under `keys`, many in one transaction; yields how many each one removed."""
        for batch in batched(keys, _BATCH):
            yield self._write(lambda cache, batch=batch: delete_all(cache, batch))  # type: ignore[misc]
            self._index.remove(*batch)
        self._index.shrink()

    def put_newer(self, entries: Iterable[Entry]) -> list[Entry]:
        """Store those of `entries` that win against the entries under their keys, in one transaction.

        Returns the stored ones without their bodies.
        """
        batch = list(entries)
        stored = self._write(lambda cache: merge_newer(cache, batch))
        if stored:
            self._index.add(*stored)
        return stored

    def _write[T](self, work: Callable[[Cache], T]) -> T:
        with database_errors():
            try:
                return work(self._handles.writer())
            except (sqlite3.OperationalError, Timeout) as error:
                if not _is_read_only(error):
                    raise
                self._handles.close()
                return work(self._handles.writer())

    def merge(self, entries: Iterable[Entry], removals: Iterable[Entry]) -> int:
        """Remove what `removals` name and store `entries`, all in one step or not at all; how many were stored.

        An entry that was recorded here after a removal's time, or after the entry under its key, stays.
        """
        with database_errors():
            cache = self._handles.writer(_MERGE_SECONDS)
            until = time.monotonic() + _MERGE_SECONDS
            while True:
                try:
                    # It waits for the lock before it takes anything from the iterables.
                    removed, stored = merge_run(cache, entries, removals)
                    break
                except Timeout:
                    if time.monotonic() > until:
                        raise
        for keys in batched(removed, _BATCH):
            self._index.remove(*keys)
        for entries in batched(stored, _BATCH):
            self._index.add(*entries)
        return len(stored)

    def clear(self) -> int:
        """Remove every entry, what was set aside too; how many there were, without those."""
        rows = [aside.row for aside in self.all_aside()]
        self._write(lambda cache: delete_all(cache, rows))
        return sum(self.remove_all(list(self.keys())))

    def set_aside(self, keys: Iterable[str], why: str) -> list[str]:
        """Set the entries under `keys` aside in one step; the keys of those that were there."""
        wanted = list(keys)

        def work(cache: Cache) -> list[str]:
            with cache.disk.removing_later(), cache.transact():
                return set_aside(cache, wanted, why)

        moved = self._write(work)
        self._index.remove(*moved)
        return moved

    def restore(self, keys: Iterable[str] | None, *, replaces: bool = False) -> tuple[list[str], list[str]]:
        """Bring back what was set aside of `keys`, or of all; the keys that came back, and those that did not.

        Where there is a newer recording, it stays, or with `replaces` it is set aside.
        """
        wanted = None if keys is None else list(keys)

        def work(cache: Cache) -> tuple[list[str], list[str]]:
            with cache.disk.removing_later(), cache.transact():
                return restore(cache, wanted, replaces=replaces)

        back, kept = self._write(work)
        self._index.add(*filter(None, map(self.head, back)))
        return back, kept

    def latest_aside(self, key: str) -> Aside | None:
        """The latest recording under `key` that was set aside."""
        with database_errors():
            return latest_aside(self._handles.opened(READ_SECONDS).quick, key)

    def all_aside(self) -> list[Aside]:
        """Everything that was set aside."""
        with database_errors():
            return list_aside(self._handles.opened().patient)

    def entries_aside(self) -> Iterator[Entry]:
        """Every recording that was set aside and can be used, each key's latest last."""
        for aside in self.all_aside():
            try:
                with database_errors():
                    entry = entry_aside(self._handles.opened().patient, aside)
            except EntryError:
                continue
            yield entry

    def keys(self, prefix: str = "") -> Iterator[str]:
        """Every entry's key, in the order of recording; with `prefix`, those that begin with it, sorted."""
        if prefix:
            yield from self._keys_with(prefix)
            return
        with database_errors():
            yield from (key for key in self._handles.opened().patient if key.startswith(_KEY_PREFIX))

    def keys_after(self, key: str, limit: int) -> list[str]:
        """The first `limit` keys that sort behind `key`."""
        with database_errors():
            return keys_after(self._handles.opened().patient, key, limit)

    def _keys_with(self, prefix: str) -> Iterator[str]:
        last = prefix
        while page := self.keys_after(last, _BATCH):
            for last in page:
                if not last.startswith(prefix):
                    return
                yield last

    def recorded_after(self, mark: Recorded | None) -> Iterator[Recorded]:
        """The entries that were stored after `mark`: all of them if it is None, or not in the cache any more."""
        with database_errors():
            cache = self._handles.opened().patient
            known = mark is not None and is_still_there(cache, mark)
            yield from recorded_after(cache, mark.place if mark and known else 0)

    def iterate(self) -> Iterator[Entry]:
        """Every entry that can be used, in the order of recording."""
        for key in self.keys():
            try:
                entry = self.get(key)
            except EntryError:
                continue
            if entry is not None:
                yield entry

    def stored_sizes(self) -> dict[str, int]:
        """The size of each entry as it is stored, in bytes, by key. Reads no entry."""
        with database_errors():
            return sizes(self._handles.opened().patient)

    def stored_at(self, key: str) -> float | None:
        try:
            with database_errors():
                return stored_at(self._handles.opened(READ_SECONDS).quick, key)
        except StoreError:
            return None

    def stats(self) -> StoreStats:
        with database_errors():
            cache = self._handles.opened().patient
            # The format's row is no entry, and neither is one that was set aside.
            entries = len(cache) - 1 - len(rows_aside(cache))
            return StoreStats(entries=entries, bytes=cache.volume())

    def nearest(self, wanted: Sketch, limit: int = 3) -> list[str]:
        """The keys of the entries most like `wanted`, best first. Reads no entry, and does not wait for the index
        if that lacks some."""
        self._start_catching_up()
        return self._index.nearest(wanted, limit)

    def endpoints_of(self, host: str) -> HostEndpoints:
        self._start_catching_up()
        return self._index.endpoints_of(host)

    def catch_up(self, seconds: float) -> None:
        """Wait at most `seconds` until the index holds every entry."""
        self._start_catching_up()
        self._catching_up.wait(seconds)

    def close(self) -> None:
        """Close the database; the next call opens it again. Other threads' connections close with their threads."""
        self._catching_up.stop()
        self._handles.close()
        self._index.close()

    def _on_open(self, is_read_only: bool) -> None:
        self._catching_up.stop(wait=False)  # it may be what opens the cache again, or wait for that
        self._index.close()
        self._index = NearestIndex(self.directory, read_only=is_read_only)
        self._catching_up = CatchUp(self._index, self, _IN_MEMORY if is_read_only else None)

    def _start_catching_up(self) -> None:
        self._handles.opened(READ_SECONDS)  # the index is a hint: do not wait for a writer
        self._catching_up.start()

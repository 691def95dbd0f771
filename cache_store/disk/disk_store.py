"""Entries in a diskcache directory: the default store, shared safely by the processes of one machine."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from diskcache import Cache, Timeout

from cache_store.disk.cache_handles import READ_SECONDS, CacheHandles, database_errors
from cache_store.disk.decoded_entries import DecodedEntries
from cache_store.disk.merging import is_newer, merge_newer, merge_run, read_entry, read_head, write_entry
from cache_store.entry import Entry
from cache_store.errors import EntryError, StoreUnavailable
from cache_store.nearest.nearest_index import HostEndpoints, NearestIndex, catch_up
from cache_store.nearest.sketch import Sketch
from cache_store.store import Store, StoreStats

__all__ = ["DiskStore"]

_MERGE_SECONDS = 60.0  # two staged runs may end at once
_CATCH_UP_SECONDS = 0.5  # how long one miss waits at most for the index of nearest entries
_KEY_PREFIX = "pp"


class DiskStore:
    """Entries in one directory. Open it after any fork.

    A directory that cannot be written, or that lies on a full disk, is served from, and opened again once it can be
    written. Every method raises StoreUnavailable if the database is locked, full, read-only or gone, and opens it
    again at the next call. `open` also raises DamagedStore, ForeignStore, NewerStore and UsageError. With
    `replaces_damaged`, a damaged database is renamed and an empty one takes its place.
    """

    def __init__(self, directory: Path, *, replaces_damaged: bool = False) -> None:
        # diskcache expands these, so what is checked must be expanded too.
        self.directory = Path(os.path.expandvars(directory.expanduser()))
        self._decoded = DecodedEntries()
        self._handles = CacheHandles(self.directory, self._on_open, replaces_damaged=replaces_damaged)
        self._index = NearestIndex(self.directory)
        self._index_is_complete = False

    @property
    def local(self) -> Store:
        return self

    def open(self) -> None:
        self._handles.opened()

    def get(self, key: str) -> Entry | None:
        with database_errors():
            data = self._handles.opened(READ_SECONDS).quick.get(key)
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
            with cache.transact():
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

    def put_newer(self, entries: Iterable[Entry]) -> list[Entry]:
        """Store those of `entries` that are newer than the entries under their keys, in one transaction.

        Returns the stored ones without their bodies. The index takes them in when it is next asked.
        """
        batch = list(entries)
        return self._write(lambda cache: merge_newer(cache, batch))

    def _write[T](self, work: Callable[[Cache], T]) -> T:
        with database_errors():
            try:
                return work(self._handles.writer())
            except sqlite3.OperationalError as error:
                # This thread connected while the database could not be written, and SQLite remembers that.
                if not str(getattr(error, "sqlite_errorname", "")).startswith("SQLITE_READONLY"):
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
        for key in removed:
            self._index.remove(key)
        for entry in stored:
            self._index.add(entry)
        return len(stored)

    def clear(self) -> int:
        return sum(self.remove(key) for key in list(self.keys()))

    def keys(self) -> Iterator[str]:
        """Every entry's key, in the order of first recording."""
        with database_errors():
            yield from (key for key in self._handles.opened().patient if key.startswith(_KEY_PREFIX))

    def iterate(self) -> Iterator[Entry]:
        """Every entry that can be used, in the order of first recording."""
        for key in self.keys():
            try:
                entry = self.get(key)
            except EntryError:
                continue
            if entry is not None:
                yield entry

    def stats(self) -> StoreStats:
        with database_errors():
            cache = self._handles.opened().patient
            return StoreStats(entries=len(cache) - 1, bytes=cache.volume())

    def nearest(self, wanted: Sketch, limit: int = 3) -> list[str]:
        """The keys of the entries most like `wanted`, best first. Reads no entry."""
        self._catch_up()
        return self._index.nearest(wanted, limit)

    def endpoints_of(self, host: str) -> HostEndpoints:
        self._catch_up()
        return self._index.endpoints_of(host)

    def close(self) -> None:
        """Close the database; the next call opens it again. Other threads' connections close with their threads."""
        self._handles.close()
        self._index.close()

    def _on_open(self, is_read_only: bool) -> None:
        self._index.close()
        self._index = NearestIndex(None if is_read_only else self.directory)
        self._index_is_complete = False

    def _catch_up(self) -> None:
        if not self._index_is_complete:
            self._handles.opened(READ_SECONDS)  # the index is a hint: do not wait for a writer
            self._index_is_complete = catch_up(self._index, self, _CATCH_UP_SECONDS)

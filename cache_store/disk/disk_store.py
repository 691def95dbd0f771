"""Entries in a diskcache directory: the embedded default, shared safely by processes on one machine."""

from __future__ import annotations

import logging
import math
import os
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from diskcache import Cache, Timeout

from cache_store.disk.closing_cache import ClosingCache
from cache_store.disk.decoded_entries import DecodedEntries
from cache_store.disk.read_only_cache import ReadOnlyCache, is_writable
from cache_store.disk.safe_disk import (
    DATABASE,
    FORMAT,
    FORMAT_KEY,
    SETTINGS,
    Pieces,
    SafeDisk,
    check_database,
)
from cache_store.entry import Entry
from cache_store.errors import CorruptEntry, EntryError, StoreUnavailable, UsageError
from cache_store.nearest.nearest_index import Held, NearestIndex, missing
from cache_store.nearest.sketch import Sketch
from cache_store.store import StoreStats

__all__ = ["DiskStore"]

logger = logging.getLogger(__name__)

# A locked database never holds the event loop: past these, a read is a miss and a write is not stored.
READ_SECONDS = 0.05
WRITE_SECONDS = 2.0
# Two staged runs may end at once.
MERGE_SECONDS = 60.0

# One miss waits this long at most for an index that has to be made.
CATCH_UP_SECONDS = 0.5

KEY_PREFIX = "pp"

type _Caches = tuple[Cache, Cache] | tuple[ReadOnlyCache, ReadOnlyCache]

_NOWHERE = (-1, -1)


class DiskStore:
    """Entries in one directory. Open it after any fork.

    A directory that cannot be written is read, and opened anew once it can be.
    Every method raises StoreUnavailable where the database is locked, full, read-only or gone, and opens it
    anew at the next call. `open` also raises ForeignStore, NewerStore and UsageError.
    """

    def __init__(self, directory: Path) -> None:
        # As diskcache reads it, so that what is checked is what is opened.
        self._decoded = DecodedEntries()
        self.directory = Path(os.path.expandvars(directory.expanduser()))
        self._lock = threading.Lock()
        self._caches: _Caches | None = None
        self._past: list[Cache | ReadOnlyCache] = []
        self._place = _NOWHERE
        self._index = NearestIndex(self.directory)
        self._caught_up = False

    def open(self) -> None:
        """Open or make the directory; does nothing where it is open."""
        self._opened()

    def get(self, key: str) -> Entry | None:
        """The entry under `key`. Raises EntryError for one that cannot be used."""
        with _mapped():
            data = self._opened(READ_SECONDS)[0].get(key)
        if data is None:
            return None
        entry = self._decoded.find(key, data)
        if entry is None:
            entry = Entry.decode(data)
            if entry.key != key:
                raise CorruptEntry("an entry lies under another entry's key")
            self._decoded.add(key, data, entry)
        return entry

    def head(self, key: str) -> Entry | None:
        """The entry under `key` with an empty body, which is not read where it is long: nothing but the form of the
        rest was checked. Raises EntryError as `get` does."""
        with _mapped():
            file = self._opened(READ_SECONDS)[0].get(key, read=True)
            if file is None:
                return None
            with file:
                entry = Entry.read_head(file)
        if entry.key != key:
            raise CorruptEntry("an entry lies under another entry's key")
        return entry

    def raw(self, key: str) -> bytes | None:
        """The bytes under `key` as they lie there; None where they cannot be read."""
        try:
            with _mapped():
                data: bytes | None = self._opened()[0].get(key)
        except (EntryError, StoreUnavailable):
            return None
        return data

    def put(self, entry: Entry, began_at: float | None = None) -> bool:
        """Store `entry`; True if it was stored.

        False where the entry that is there was recorded after `began_at` (Unix seconds, when the request of
        `entry` began): a slow old request never beats a newer one. A time of recording in the future is a
        clock that was set back, and counts as old.
        """
        pieces = entry.pieces()
        with _mapped():
            cache = self._writer()
            with cache.transact():
                if began_at is not None and self._is_newer(entry.key, began_at):
                    return False
                _set(cache, entry.key, pieces)
        self._index.add(entry)
        return True

    def remove(self, key: str) -> bool:
        """Remove the entry under `key`; True if there was one."""
        with _mapped():
            removed = bool(self._writer().delete(key))
        self._index.remove(key)
        return removed

    def merge(self, entries: Iterable[Entry], removals: Iterable[Entry]) -> int:
        """Remove what `removals` name and store `entries`, all in one step or not at all; how many were stored.

        What was recorded here after an entry, or after a removal's own time, stays.
        """
        with _mapped():
            cache = self._writer(MERGE_SECONDS)
            began = time.monotonic()
            while True:
                try:
                    with cache.disk.removing_later(), cache.transact():
                        return self._merge(cache, list(removals), entries)
                except Timeout:
                    if time.monotonic() - began > MERGE_SECONDS:
                        raise

    def _merge(self, cache: Cache, removals: list[Entry], entries: Iterable[Entry]) -> int:
        for gone in removals:
            if not self._is_newer(gone.key, gone.recorded_at):
                cache.delete(gone.key)
                self._index.remove(gone.key)
        taken = 0
        for entry in entries:
            if not self._is_newer(entry.key, entry.recorded_at):
                _set(cache, entry.key, entry.pieces())
                self._index.add(entry)
                taken += 1
        return taken

    def put_newer(self, entries: Iterable[Entry]) -> int:
        """Store those of `entries` that are newer than what is there, in one transaction; how many were stored.

        For many: the index of nearest entries takes them in when it is next asked.
        """
        stored = 0
        with _mapped():
            cache = self._writer()
            with cache.disk.removing_later(), cache.transact():
                for entry in entries:
                    if not self._is_newer(entry.key, math.nextafter(entry.recorded_at, 0)):
                        _set(cache, entry.key, entry.pieces())
                        stored += 1
        return stored

    def clear(self) -> int:
        """Remove every entry; how many there were."""
        return sum(self.remove(key) for key in list(self.keys()))

    def keys(self) -> Iterator[str]:
        """Every entry's key, in the order of first recording."""
        with _mapped():
            yield from (key for key in self._opened()[1] if key.startswith(KEY_PREFIX))

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
        """How many entries there are, and how many bytes the directory takes."""
        with _mapped():
            cache = self._opened()[1]
            return StoreStats(entries=len(cache) - 1, bytes=cache.volume())

    def nearest(self, wanted: Sketch, most: int = 3) -> list[str]:
        """Keys of the entries most like `wanted`, best first; looks at no entry."""
        self._catch_up()
        return self._index.nearest(wanted, most)

    def held(self, host: str) -> Held:
        """What there is of `host`: its most used endpoints, with the number of entries each."""
        self._catch_up()
        return self._index.held(host)

    def close(self) -> None:
        """Close the database; the next call opens it again. Each thread has connections of its own to close."""
        with self._lock:
            self._close()

    def _close(self) -> None:
        self._past += self._caches or ()
        self._caches = None
        for cache in self._past:
            cache.close()
        self._index.close()
        self._caught_up = False

    def _catch_up(self) -> None:
        """Take in what was stored without an index (an older version's cache, a crash), for a bounded time."""
        if self._caught_up:
            return
        self._opened(READ_SECONDS)  # a hint: nobody who writes shall wait for it
        until = time.monotonic() + CATCH_UP_SECONDS
        if self.stats().entries != self._index.count():
            lacking, gone = missing(self.keys(), self._index)
            for key in gone:
                self._index.remove(key)
            for key in lacking:
                if time.monotonic() > until:
                    return
                with suppress(EntryError):
                    if (entry := self.head(key)) is not None:
                        self._index.add(entry)
        self._caught_up = True

    def _is_newer(self, key: str, began_at: float) -> bool:
        try:
            there = self.head(key)
            if there is None or not began_at < there.recorded_at <= time.time():
                return False
            return self.get(key) is not None  # one that cannot be used is in nobody's way
        except EntryError:
            return False

    def _opened(self, seconds: float = WRITE_SECONDS) -> _Caches:
        """The caches for reading and for writing, which differ in how long they wait for a lock; the same, of
        another kind, where nothing can be written. Opens them where that is due, in at most `seconds`.
        """
        caches = self._caches
        if caches is None or not self._is_current(caches):
            until = time.monotonic() + seconds
            if not self._lock.acquire(timeout=seconds):
                raise StoreUnavailable("the cache is being opened")
            try:
                caches = self._caches
                if caches is None or not self._is_current(caches):
                    self._close()
                    caches = self._caches = self._open(max(0.0, until - time.monotonic()))
            finally:
                self._lock.release()
        return caches

    def _writer(self, seconds: float = WRITE_SECONDS) -> Cache:
        cache = self._opened(seconds)[1]
        if isinstance(cache, ReadOnlyCache):
            raise StoreUnavailable(f"the cache {self.directory} is read-only")
        return cache

    def _is_current(self, caches: _Caches) -> bool:
        if self._place != _place(self.directory):
            return False
        return not isinstance(caches[0], ReadOnlyCache) or caches[0].is_current

    def _open(self, seconds: float) -> _Caches:
        _make_directory(self.directory)
        with _mapped():
            if not is_writable(self.directory):
                return self._open_to_read(seconds)
            check_database(self.directory, seconds)
            reader, writer = (
                ClosingCache(str(self.directory), timeout=seconds, disk=SafeDisk, **SETTINGS)
                for seconds in (READ_SECONDS, WRITE_SECONDS)
            )
            if writer.get(FORMAT_KEY) is None:
                writer.set(FORMAT_KEY, FORMAT)
            self._place = _place(self.directory)
        self._index = NearestIndex(self.directory)
        return reader, writer

    def _open_to_read(self, seconds: float) -> tuple[ReadOnlyCache, ReadOnlyCache]:
        check_database(self.directory, seconds, read_only=True)
        cache = ReadOnlyCache(self.directory, READ_SECONDS)
        self._place = _place(self.directory)
        self._index = NearestIndex(None)
        logger.info("the cache %s is read-only: it is served from, and nothing is stored", self.directory)
        return cache, cache


def _set(cache: Cache, key: str, pieces: tuple[bytes, ...]) -> None:
    if sum(map(len, pieces)) < cache.disk_min_file_size:
        cache.set(key, b"".join(pieces))
    else:
        cache.set(key, Pieces(pieces), read=True)


def _place(directory: Path) -> tuple[int, int]:
    # A database that was deleted, or mounted over, lives on unseen in our open handle; its number tells.
    try:
        found = os.stat(f"{directory}/{DATABASE}")  # noqa: PTH116 - on the path of every hit
    except OSError:
        return _NOWHERE
    return found.st_dev, found.st_ino


def _make_directory(directory: Path) -> None:
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if directory.stat().st_mode & 0o077:  # from an artefact, say; what is in it is the owner's alone
            with suppress(OSError):
                directory.chmod(0o700)
        readable = os.access(directory, os.R_OK | os.X_OK)
    except OSError as error:
        raise UsageError(
            f"the cache directory {directory} cannot be made ({error.strerror}); set PROVIDER_PROXY_CACHE_DIR"
        ) from error
    if not readable:
        raise UsageError(f"the cache directory {directory} cannot be read; set PROVIDER_PROXY_CACHE_DIR")


@contextmanager
def _mapped() -> Iterator[None]:
    """Foreign errors become ours at this edge."""
    try:
        yield
    except Timeout as error:
        raise StoreUnavailable("the cache is locked by another process") from error
    except (sqlite3.Error, OSError) as error:
        raise StoreUnavailable(f"the cache cannot be used right now: {error}") from error

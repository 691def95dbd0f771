"""Opens a cache directory, and opens it again when it was replaced, became writable or failed."""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from diskcache import Cache, Timeout

from cache_store.disk.database_check import (
    DATABASE,
    FORMAT,
    FORMAT_KEY,
    check_database,
    is_disk_full,
    set_damaged_aside,
)
from cache_store.disk.file_system import check_file_system
from cache_store.disk.read_only_cache import ReadOnlyCache, is_writable
from cache_store.disk.safe_disk import SafeCache
from cache_store.errors import DamagedStore, StoreUnavailable, UsageError

__all__ = ["READ_SECONDS", "WRITE_SECONDS", "CacheHandles", "Handles", "database_errors"]

logger = logging.getLogger(__name__)

# A locked database never blocks the event loop for longer: the read is a miss, the write is not stored.
READ_SECONDS = 0.05
WRITE_SECONDS = 2.0

_MISSING = (-1, -1)


class Handles(NamedTuple):
    """Two caches on one directory that differ in how long they wait for a lock, or the same read-only one twice."""

    quick: Cache | ReadOnlyCache
    patient: Cache | ReadOnlyCache

    @property
    def is_read_only(self) -> bool:
        """Whether nothing can be written."""
        return isinstance(self.quick, ReadOnlyCache)


class CacheHandles:
    """The open caches of `directory`. Threads may share it. Open it after any fork.

    `on_open` is called after each opening, with whether the cache is read-only. A damaged database is refused, or
    with `replaces_damaged` moved aside and started anew. With `read_only` not a byte of the directory is written,
    also where it could be: diskcache writes whenever it opens a cache.
    """

    def __init__(
        self,
        directory: Path,
        on_open: Callable[[bool], None],
        *,
        replaces_damaged: bool = False,
        read_only: bool = False,
    ) -> None:
        self._directory = directory
        self._read_only = read_only
        self._on_open = on_open
        self._replaces_damaged = replaces_damaged
        self._lock = threading.Lock()
        self._open: Handles | None = None
        self._past: list[Cache | ReadOnlyCache] = []  # other threads may still use them
        self._place = _MISSING
        self._was_full = False

    def opened(self, seconds: float = WRITE_SECONDS) -> Handles:
        """The handles, opened if necessary. Waits at most `seconds`.

        Raises StoreUnavailable, DamagedStore, ForeignStore, NewerStore, and UsageError for a directory that cannot
        be created or read.
        """
        handles = self._open
        if handles is None or not self._is_current(handles):
            until = time.monotonic() + seconds
            if not self._lock.acquire(timeout=seconds):
                raise StoreUnavailable("the cache is being opened")
            try:
                handles = self._open
                if handles is None or not self._is_current(handles):
                    self._close()
                    handles = self._open = self._opened(max(0.0, until - time.monotonic()))
            finally:
                self._lock.release()
        return handles

    def writer(self, seconds: float = WRITE_SECONDS) -> Cache:
        """The cache to write to. Raises StoreUnavailable if it is read-only, and what `opened` raises."""
        handles = self.opened(seconds)
        if isinstance(handles.quick, ReadOnlyCache) and handles.quick.is_disk_full:
            self.close()  # there may be room by now
            handles = self.opened(seconds)
        if handles.is_read_only:
            raise StoreUnavailable(f"the cache {self._directory} cannot be written")
        return handles.patient

    def close(self) -> None:
        """Close the database; the next call opens it again. Only the calling thread's connections are closed."""
        with self._lock:
            self._close()

    def _close(self) -> None:
        self._past += self._open or ()
        self._open = None
        for cache in self._past:
            cache.close()

    def _is_current(self, handles: Handles) -> bool:
        if self._place != _place(self._directory):
            return False
        return not isinstance(handles.quick, ReadOnlyCache) or handles.quick.is_current

    def _opened(self, seconds: float) -> Handles:
        _make_directory(self._directory)
        with database_errors():
            try:
                handles = self._open_database(seconds)
            except DamagedStore as error:
                if not self._replaces_damaged:
                    raise
                aside = set_damaged_aside(self._directory)
                if aside is not None:
                    # A warning: an error that is logged while the proxy starts would end the start.
                    logger.warning(
                        "%s; it was renamed to %s, and an empty cache takes its place", error, aside.name
                    )
                handles = self._open_database(seconds)
            self._place = _place(self._directory)
        self._on_open(handles.is_read_only)
        return handles

    def _open_database(self, seconds: float) -> Handles:
        if self._read_only or not is_writable(self._directory):
            return self._open_to_read(seconds, is_full=False)
        check_file_system(self._directory)
        try:
            check_database(self._directory, seconds)
            quick, patient = (SafeCache(self._directory, wait) for wait in (READ_SECONDS, WRITE_SECONDS))
            if patient.get(FORMAT_KEY) is None:
                patient.set(FORMAT_KEY, FORMAT)
        except (StoreUnavailable, sqlite3.OperationalError, OSError) as error:
            if not is_disk_full(error):
                raise
            return self._open_to_read(seconds, is_full=True)
        self._was_full = False
        return Handles(quick, patient)

    def _open_to_read(self, seconds: float, *, is_full: bool) -> Handles:
        check_database(self._directory, seconds, read_only=True)
        cache = ReadOnlyCache(self._directory, READ_SECONDS, is_disk_full=is_full, by_choice=self._read_only)
        if self._read_only:
            return Handles(cache, cache)
        if is_full != self._was_full or not is_full:
            log, why = (logger.warning, "on a full disk") if is_full else (logger.info, "read-only")
            log("the cache %s is %s: its entries are served, and nothing is stored", self._directory, why)
        self._was_full = is_full
        return Handles(cache, cache)


@contextmanager
def database_errors() -> Iterator[None]:
    """Turns the errors of diskcache, SQLite and the file system into StoreUnavailable."""
    try:
        yield
    except Timeout as error:
        raise StoreUnavailable("the cache is locked by another process") from error
    except (sqlite3.Error, OSError) as error:
        raise StoreUnavailable(f"the cache cannot be used right now: {error}") from error


def _place(directory: Path) -> tuple[int, int]:
    """Device and inode of the database: a deleted or covered file lives on, unseen, in an open handle."""
    try:
        status = os.stat(f"{directory}/{DATABASE}")  # noqa: PTH116 - runs on every hit
    except OSError:
        return _MISSING
    return status.st_dev, status.st_ino


def _make_directory(directory: Path) -> None:
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if directory.stat().st_mode & 0o077:  # unpacked from an artefact, for example
            with suppress(OSError):
                directory.chmod(0o700)
        readable = os.access(directory, os.R_OK | os.X_OK)
    except OSError as error:
        raise UsageError(
            f"the cache directory {directory} cannot be created ({error.strerror}); set PROVIDER_PROXY_CACHE_DIR"
        ) from error
    if not readable:
        raise UsageError(f"the cache directory {directory} cannot be read; set PROVIDER_PROXY_CACHE_DIR")

"""Reads a cache directory that cannot be written; diskcache's own `Cache` writes whenever it opens one."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cache_store.disk.database_check import DATABASE, connect_to_read, has_log
from cache_store.disk.safe_disk import SafeDisk

__all__ = ["ReadOnlyCache", "is_writable"]

_FULL_DISK_SECONDS = 5.0  # how often reads try a full disk again; a write tries it at once


def is_writable(directory: Path) -> bool:
    """Whether the database in `directory` may be written or created."""
    database = directory / DATABASE
    return _may_write(directory) and (_may_write(database) or not database.exists())


def _may_write(path: Path) -> bool:
    return os.access(path, os.W_OK, effective_ids=os.access in os.supports_effective_ids)


class ReadOnlyCache:
    """The reading methods of diskcache's `Cache`. Every method may raise sqlite3.Error. Threads may share it.

    `timeout` is how long it waits for a lock, in seconds. `is_disk_full` says that the directory may be written but
    the disk is full, `by_choice` that it may be written and must not be.
    """

    def __init__(
        self, directory: Path, timeout: float, *, is_disk_full: bool, by_choice: bool = False
    ) -> None:
        self._directory = directory
        self._by_choice = by_choice
        self._had_log = has_log(directory)
        self.is_disk_full = is_disk_full
        self._retry_at = time.monotonic() + _FULL_DISK_SECONDS if is_disk_full else None
        self._connection = connect_to_read(directory, timeout)
        self._lock = threading.Lock()
        self.disk = SafeDisk(str(directory))

    @property
    def is_current(self) -> bool:
        """False once the cache may have become writable, or somebody else writes it: it must be opened again."""
        if self._retry_at is not None:
            return time.monotonic() < self._retry_at
        may_become_writable = not self._by_choice and is_writable(self._directory)
        return has_log(self._directory) == self._had_log and not may_become_writable

    def get(self, key: str, *, read: bool = False) -> Any:
        """The value under `key` as bytes, or with `read` as a binary file; None if there is none.

        Raises CorruptEntry.
        """
        rows = self.rows("SELECT mode, filename, value FROM Cache WHERE key = ? AND raw = 1", key)
        if not rows:
            return None
        mode, filename, value = rows[0]
        try:
            return self.disk.fetch(mode, filename, value, read)
        except OSError:
            return None  # the value file is gone: a miss, as with diskcache

    def __iter__(self) -> Iterator[str]:
        for key, raw in self.rows("SELECT key, raw FROM Cache ORDER BY rowid"):
            yield self.disk.get(key, raw)

    def __len__(self) -> int:
        return int(self.rows("SELECT count(*) FROM Cache")[0][0])

    def volume(self) -> int:
        """The size of the database and the value files in bytes."""
        (files,) = self.rows("SELECT total(size) FROM Cache")[0]
        return (self._directory / DATABASE).stat().st_size + int(files)

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._connection.close()

    def rows(self, query: str, *values: str | int) -> list[Any]:
        """The result of a query."""
        with self._lock:
            return self._connection.execute(query, values).fetchall()

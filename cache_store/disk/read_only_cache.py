"""A cache directory that cannot be written, read for its entries; diskcache's `Cache` writes whenever it opens."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cache_store.disk.safe_disk import DATABASE, SafeDisk, connect_to_read, has_log

__all__ = ["ReadOnlyCache", "is_writable"]


def is_writable(directory: Path) -> bool:
    """Whether the database in `directory` can be written, or made."""
    database = directory / DATABASE
    return _may_write(directory) and (_may_write(database) or not database.exists())


def _may_write(path: Path) -> bool:
    return os.access(path, os.W_OK, effective_ids=os.access in os.supports_effective_ids)


class ReadOnlyCache:
    """What reads of diskcache's `Cache`. Every method may raise sqlite3.Error; it may be used in any thread."""

    def __init__(self, directory: Path, seconds: float) -> None:
        self._directory = directory
        self._had_log = has_log(directory)
        self._connection = connect_to_read(directory, seconds)
        self._lock = threading.Lock()
        self.disk = SafeDisk(str(directory))

    @property
    def is_current(self) -> bool:
        """False once it can be written, here or by somebody else: it is to be opened anew."""
        return has_log(self._directory) == self._had_log and not is_writable(self._directory)

    def get(self, key: str, *, read: bool = False) -> Any:
        """The value under `key` (bytes), with `read` as a binary file; None for none. Raises CorruptEntry."""
        rows = self._read("SELECT mode, filename, value FROM Cache WHERE key = ? AND raw = 1", key)
        if not rows:
            return None
        mode, filename, value = rows[0]
        try:
            return self.disk.fetch(mode, filename, value, read)
        except OSError:
            return None  # its file is gone: as with diskcache, a miss

    def __iter__(self) -> Iterator[str]:
        for key, raw in self._read("SELECT key, raw FROM Cache ORDER BY rowid"):
            yield self.disk.get(key, raw)

    def __len__(self) -> int:
        return int(self._read("SELECT count(*) FROM Cache")[0][0])

    def volume(self) -> int:
        """The bytes of the database and of the value files."""
        (files,) = self._read("SELECT total(size) FROM Cache")[0]
        return (self._directory / DATABASE).stat().st_size + int(files)

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._connection.close()

    def _read(self, query: str, *values: str) -> list[Any]:
        with self._lock:
            return self._connection.execute(query, values).fetchall()

"""diskcache without its ways to run code or to reach files outside the cache directory.

A cache directory arrives from CI artefacts and buckets, so it is untrusted input. diskcache's own Disk unpickles
keys and values (CVE-2025-69872), and joins the database's `filename` column to the directory unchecked, so that a
hostile row makes `get` read any file and `delete` remove it.
"""

from __future__ import annotations

import re
import sqlite3
import stat
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, Never

from diskcache import Cache, Disk
from diskcache.core import MODE_BINARY, MODE_RAW

from cache_store.errors import CorruptEntry, ForeignStore

__all__ = ["SETTINGS", "VALUE_FILE", "Pieces", "SafeCache", "SafeDisk"]

VALUE_FILE = re.compile(r"[0-9a-f]{2}/[0-9a-f]{2}/[0-9a-f]{28}\.val")
"""diskcache's own pattern for value files; no other file is ever opened or removed."""

SETTINGS: dict[str, str | int] = {
    "statistics": 0,
    "tag_index": 0,
    "eviction_policy": "none",  # a fixture that vanishes is a failed build
    "size_limit": 2**62,
    "cull_limit": 0,
    "sqlite_auto_vacuum": 1,
    "sqlite_cache_size": 2**9,  # pages; a hit reads one row, and a large page cache only costs memory
    "sqlite_journal_mode": "wal",
    "sqlite_mmap_size": 0,  # mapped pages count as resident memory: 64 MB a process otherwise
    "sqlite_synchronous": 1,
    "disk_min_file_size": 2**20,  # bytes; below, SQLite is faster than a file (3 ms against 0.1 ms to put)
    "disk_pickle_protocol": 0,
}
"""Every setting that diskcache stores, with our values. Opening an existing directory sets them right."""


class Pieces:
    """Several byte strings as one file that diskcache reads, without joining them first."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._left = [memoryview(piece) for piece in pieces if piece]

    def read(self, size: int) -> memoryview | bytes:
        """The next bytes, at most `size` of them; b"" at the end."""
        if not self._left:
            return b""
        first = self._left[0]
        self._left[:1] = [first[size:]] if len(first) > size else []
        return first[:size]


class SafeDisk(Disk):  # type: ignore[misc]  # diskcache ships no types
    """Stores text keys and byte values only, in the row or in a value file."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._of_thread = threading.local()

    def put(self, key: object) -> tuple[str, bool]:
        """The key as the database holds it. Raises TypeError for a key that is not text."""
        if type(key) is not str:
            raise TypeError(f"a cache key is text, not {type(key).__name__}")
        return key, True

    def get(self, key: object, raw: object) -> str:
        """The key of a row. Raises ForeignStore for a pickled key."""
        if not raw or type(key) is not str:
            raise ForeignStore("the cache holds a key that provider-proxy never writes; it was not read")
        return key

    def store(self, value: object, read: bool, key: object = None) -> Any:
        """The columns for `value`: bytes, or with `read` a `Pieces`, which goes to a file. Raises TypeError."""
        if type(value) is not (Pieces if read else bytes):
            raise TypeError(f"a cache value is bytes, not {type(value).__name__}")
        columns = super().store(value, read, key)
        batch = self._batch()
        if batch is not None and columns[2] is not None:
            batch.written.append(columns[2])
        return columns

    def fetch(self, mode: int, filename: str | None, value: object, read: bool) -> bytes | BinaryIO:
        """The value of a row, with `read` as an open file.

        Raises CorruptEntry for a row that `store` never makes.
        """
        if mode == MODE_RAW and type(value) is bytes:
            return BytesIO(value) if read else value
        if mode != MODE_BINARY or value is not None:
            _refuse()
        path = self._file(filename)
        return path.open("rb") if read else path.read_bytes()

    @contextmanager
    def removing_later(self) -> Iterator[None]:
        """Wraps a transaction of several writes: files are removed when its outcome is known.

        The replaced files go after a commit, the newly written ones after a rollback.
        """
        batch = self._of_thread.batch = _Batch()
        gone = batch.written
        try:
            yield
            gone = batch.replaced
        finally:
            self._of_thread.batch = None
            for path in gone:
                self.remove(path)

    def remove(self, file_path: str) -> None:
        """Remove a value file. Any other name is ignored."""
        batch = self._batch()
        if batch is not None:
            batch.replaced.append(file_path)
            return
        try:
            self._file(file_path)
        except (CorruptEntry, OSError):
            return
        super().remove(file_path)

    def _batch(self) -> _Batch | None:
        # Kept per thread: another thread may write meanwhile, in a transaction of its own.
        return getattr(self._of_thread, "batch", None)

    def _file(self, filename: str | None) -> Path:
        if type(filename) is not str or not VALUE_FILE.fullmatch(filename):
            _refuse()
        path = Path(self._directory)
        for part in filename.split("/"):
            path = path / part
            mode = path.lstat().st_mode  # a link may lead elsewhere, and a pipe would block
            if not (stat.S_ISREG(mode) if part.endswith(".val") else stat.S_ISDIR(mode)):
                _refuse()
        return path


class _Batch:
    """The names of value files that one transaction has replaced and written."""

    def __init__(self) -> None:
        self.replaced: list[str] = []
        self.written: list[str] = []


def _refuse() -> Never:
    raise CorruptEntry("the cache holds a row that provider-proxy never writes; nothing was read or removed")


class SafeCache(Cache):  # type: ignore[misc]  # diskcache ships no types
    """diskcache's Cache with SafeDisk and our SETTINGS; `timeout` is how long it waits for a lock, in seconds.

    A thread's connection is closed when the thread ends. Removed values are overwritten with zeros: whoever removes
    an entry with a secret in it may upload the database next.
    """

    def __init__(self, directory: Path, timeout: float) -> None:
        super().__init__(str(directory), timeout=timeout, disk=SafeDisk, **SETTINGS)

    def rows(self, query: str, *values: str | int) -> list[Any]:
        """The result of a query."""
        found: list[Any] = self._sql(query, values).fetchall()
        return found

    @property
    def _con(self) -> sqlite3.Connection:
        connection: sqlite3.Connection = super()._con
        closing = getattr(self._local, "closing", None)
        if closing is None or closing.connection is not connection:
            self._local.closing = _CloseWithThread(connection)
            # Debian builds SQLite with this as the default; most others do not.
            connection.execute("PRAGMA secure_delete = ON")
        return connection


class _CloseWithThread:
    """Lives in a thread's local variables and is destroyed with them."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    def __del__(self) -> None:
        with suppress(sqlite3.Error):  # a connection can only be closed in its own thread
            self.connection.close()

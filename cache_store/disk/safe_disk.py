"""diskcache's `Disk` without its ways to run code or reach files outside the directory.

A cache directory arrives from CI artefacts and buckets, so it is untrusted input. diskcache's own Disk
unpickles keys and values (CVE-2025-69872) and joins the database's `filename` column to the directory as it
stands, so that a hostile row makes `get` read and `delete` remove any file.
"""

from __future__ import annotations

import re
import sqlite3
import stat
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, Never
from urllib.parse import quote

from diskcache import Disk
from diskcache.core import MODE_BINARY, MODE_RAW

from cache_store.errors import CorruptEntry, ForeignStore, NewerStore, StoreUnavailable

__all__ = [
    "DATABASE",
    "FORMAT",
    "FORMAT_KEY",
    "SETTINGS",
    "VALUE_FILE",
    "Pieces",
    "SafeDisk",
    "check_database",
    "connect_to_read",
    "has_log",
]

DATABASE = "cache.db"

# A row of our own that says who wrote the directory and in which format.
FORMAT_KEY = "provider-proxy:format"
FORMAT = b"1"

# diskcache's own pattern for value files; nothing else is ever opened or removed.
VALUE_FILE = re.compile(r"[0-9a-f]{2}/[0-9a-f]{2}/[0-9a-f]{28}\.val")

# Every setting that diskcache stores, with our values. An existing directory is set right on opening.
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
_HEX2, _HEX28 = "[0-9a-f]" * 2, "[0-9a-f]" * 28
_FOREIGN_ROW = f"""
    SELECT 1 FROM Cache
    WHERE raw != 1 OR mode NOT IN ({MODE_RAW}, {MODE_BINARY}) OR typeof(key) != 'text'
       OR (mode = {MODE_RAW} AND typeof(value) != 'blob')
       OR (mode = {MODE_BINARY} AND ifnull(filename, '') NOT GLOB '{_HEX2}[/]{_HEX2}[/]{_HEX28}.val')
    LIMIT 1
"""  # noqa: S608 - only constants of this module are put in
_COUNTERS = {"count", "size", "hits", "misses"}
_MOST_SETTINGS = 64

# The schema that diskcache 5 makes, statement by statement: whatever else a schema says, SQLite would run.
_TABLE = (
    "rowid INTEGER PRIMARY KEY, key BLOB, raw INTEGER, store_time REAL, expire_time REAL, access_time REAL,"
    " access_count INTEGER DEFAULT 0, tag BLOB, size INTEGER DEFAULT 0, mode INTEGER DEFAULT 0, filename TEXT,"
    " value BLOB"
)
_TRIGGER = 'CREATE TRIGGER Settings_{} ON Cache FOR EACH ROW BEGIN UPDATE Settings SET value = value {}"; END'
_SCHEMA = frozenset({
    "CREATE TABLE Settings ( key TEXT NOT NULL UNIQUE, value)",
    f"CREATE TABLE Cache ( {_TABLE})",
    "CREATE UNIQUE INDEX Cache_key_raw ON Cache(key, raw)",
    "CREATE INDEX Cache_tag_rowid ON Cache(tag, rowid)",
    "CREATE INDEX Cache_expire_time ON Cache (expire_time)",
    "CREATE INDEX Cache_store_time ON Cache (store_time)",
    "CREATE INDEX Cache_access_time ON Cache (access_time)",
    "CREATE INDEX Cache_access_count ON Cache (access_count)",
    _TRIGGER.format("count_insert AFTER INSERT", '+ 1 WHERE key = "count'),
    _TRIGGER.format("count_delete AFTER DELETE", '- 1 WHERE key = "count'),
    _TRIGGER.format("size_insert AFTER INSERT", '+ NEW.size WHERE key = "size'),
    _TRIGGER.format("size_update AFTER UPDATE", '+ NEW.size - OLD.size WHERE key = "size'),
    _TRIGGER.format("size_delete AFTER DELETE", '- OLD.size WHERE key = "size'),
})  # fmt: skip

_SIDE_FILES = ("-journal", "-wal", "-shm")
# Ends a rollback journal that names a super-journal, a file that SQLite then *removes* (sqlite.org/fileformat.html,
# 3.2). A transaction on one database, which is all that we and diskcache make, never writes it.
_SUPER_JOURNAL = bytes.fromhex("d9d505f920a163d7")


class Pieces:
    """Bytes that are written one after another, as a file that diskcache reads."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._left = [memoryview(piece) for piece in pieces if piece]

    def read(self, size: int) -> memoryview | bytes:
        """The next bytes, at most `size`; b"" at the end."""
        if not self._left:
            return b""
        first = self._left[0]
        self._left[:1] = [first[size:]] if len(first) > size else []
        return first[:size]


class SafeDisk(Disk):  # type: ignore[misc]  # diskcache ships no types
    """Stores text keys and byte values only, in the row or in a file with diskcache's own kind of name."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._of_thread = threading.local()

    def put(self, key: object) -> tuple[str, bool]:
        """The key as the database holds it; only text is a key."""
        if type(key) is not str:
            raise TypeError(f"a cache key is text, not {type(key).__name__}")
        return key, True

    def get(self, key: object, raw: object) -> str:
        """The key of a row. Raises ForeignStore for a pickled one."""
        if not raw or type(key) is not str:
            raise ForeignStore("the cache holds a key that provider-proxy never writes; it was not read")
        return key

    def store(self, value: object, read: bool, key: object = None) -> Any:
        """The columns for `value`, which must be bytes, or with `read` a `Pieces`, which goes to a file."""
        if type(value) is not (Pieces if read else bytes):
            raise TypeError(f"a cache value is bytes, not {type(value).__name__}")
        columns = super().store(value, read, key)
        batch = self._batch()
        if batch is not None and columns[2] is not None:
            batch.written.append(columns[2])
        return columns

    def fetch(self, mode: int, filename: str | None, value: object, read: bool) -> bytes | BinaryIO:
        """The value of a row, with `read` as a file. Raises CorruptEntry for what `store` does not make."""
        if mode == MODE_RAW and type(value) is bytes:
            return BytesIO(value) if read else value
        if mode != MODE_BINARY or value is not None:
            _refuse()
        path = self._file(filename)
        return path.open("rb") if read else path.read_bytes()

    @contextmanager
    def removing_later(self) -> Iterator[None]:
        """Around a transaction of several writes: replaced files go once it is committed, its own if it is not."""
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
        """Remove a value file; a name that is not diskcache's own removes nothing."""
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
        # Of this thread alone: another's write, in a transaction of its own, may come between.
        return getattr(self._of_thread, "batch", None)

    def _file(self, filename: str | None) -> Path:
        if type(filename) is not str or not VALUE_FILE.fullmatch(filename):
            _refuse()
        path = Path(self._directory)
        for part in filename.split("/"):
            path = path / part
            mode = path.lstat().st_mode  # neither a link elsewhere nor a pipe that would hold us up
            if not (stat.S_ISREG(mode) if part.endswith(".val") else stat.S_ISDIR(mode)):
                _refuse()
        return path


class _Batch:
    """Names of value files that a transaction of several writes has replaced, and that it has written."""

    def __init__(self) -> None:
        self.replaced: list[str] = []
        self.written: list[str] = []


def _refuse() -> Never:
    raise CorruptEntry("the cache holds a row that provider-proxy never writes; nothing was read or removed")


def check_database(directory: Path, timeout: float = 2.0, *, read_only: bool = False) -> None:
    """Look at a database from outside before diskcache acts on it; touches nothing.

    `read_only` is for one that cannot be written: then there is one, and whether it is locked is not asked.

    diskcache runs stored `sqlite_*` settings as PRAGMAs and passes `disk_*` ones to its Disk; SQLite runs
    foreign triggers and views, and removes the file that a hostile journal names. Raises ForeignStore for what
    we never write, NewerStore for a newer format, StoreUnavailable where another process holds the database
    locked for `timeout` seconds.
    """
    path = directory / DATABASE
    _check_files(path)
    if not path.exists() or path.stat().st_size == 0:
        if read_only:
            raise StoreUnavailable(f"{directory} is read-only and holds no cache")
        return
    connection = (
        connect_to_read(directory, timeout)
        if read_only
        else sqlite3.connect(path, timeout=timeout, isolation_level=None)
    )
    try:
        _check_contents(connection, path)
        if not read_only:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")
    except sqlite3.OperationalError as error:
        raise StoreUnavailable(f"{path} cannot be used right now: {error}") from error
    except sqlite3.DatabaseError as error:
        raise ForeignStore(f"{path} is not a cache database ({error}); move it away") from error
    finally:
        connection.close()


def connect_to_read(directory: Path, timeout: float) -> sqlite3.Connection:
    """A connection that writes nothing, for any thread; `timeout` is seconds. Raises sqlite3.Error.

    Where no write waits in a log, SQLite would make one to read; `immutable` does without, and that is right as
    long as nobody writes.
    """
    how = "mode=ro" if has_log(directory) else "immutable=1"
    address = f"file:{quote(str(directory / DATABASE))}?{how}"
    return sqlite3.connect(address, timeout, isolation_level=None, check_same_thread=False, uri=True)


def has_log(directory: Path) -> bool:
    """Whether writes wait in a log beside the database in `directory`."""
    for suffix in ("-wal", "-journal"):
        with suppress(OSError):
            if (directory / f"{DATABASE}{suffix}").stat().st_size:
                return True
    return False


def _check_files(database: Path) -> None:
    for path in (database, *(Path(f"{database}{suffix}") for suffix in _SIDE_FILES)):
        try:
            mode = path.lstat().st_mode
        except FileNotFoundError:
            continue
        if not stat.S_ISREG(mode):
            raise ForeignStore(f"{path} is not a plain file; point PROVIDER_PROXY_CACHE_DIR somewhere else")
    try:
        with Path(f"{database}-journal").open("rb") as journal:
            journal.seek(0, 2)
            journal.seek(max(0, journal.tell() - len(_SUPER_JOURNAL)))
            hostile = journal.read() == _SUPER_JOURNAL
    except FileNotFoundError:
        return
    if hostile:
        raise ForeignStore(f"{database}-journal is not of our making; use another PROVIDER_PROXY_CACHE_DIR")


def _check_contents(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute("PRAGMA trusted_schema = OFF")
    schema = connection.execute("SELECT type, name, sql FROM sqlite_master LIMIT 64").fetchall()
    tables = {name for kind, name, _ in schema if kind == "table"}
    foreign = not all(sql in _SCHEMA or _is_automatic(kind, sql) for kind, _, sql in schema)
    if not foreign and "Settings" in tables:
        rows = connection.execute(f"SELECT key, value FROM Settings LIMIT {_MOST_SETTINGS}").fetchall()  # noqa: S608 - a constant
        foreign = not all(_known_setting(key, value) for key, value in rows)
    if not foreign and "Cache" in tables:
        foreign = _has_foreign_row(connection)
    if foreign:
        raise ForeignStore(
            f"{path} holds what provider-proxy never writes; nothing in it was loaded. "
            "Use another PROVIDER_PROXY_CACHE_DIR, or remove it"
        )
    if "Cache" in tables:
        _check_format(connection, path)


def _check_format(connection: sqlite3.Connection, path: Path) -> None:
    row = connection.execute("SELECT value FROM Cache WHERE key = ? AND raw = 1", (FORMAT_KEY,)).fetchone()
    if row is None:
        if connection.execute("SELECT 1 FROM Cache LIMIT 1").fetchone():
            raise ForeignStore(f"{path} is another program's diskcache; use another PROVIDER_PROXY_CACHE_DIR")
    elif row[0] != FORMAT:
        raise NewerStore(
            f"{path} was written by a newer provider-proxy; upgrade, or use another PROVIDER_PROXY_CACHE_DIR"
        )


def _has_foreign_row(connection: sqlite3.Connection) -> bool:
    """Whether a row has a pickled key or value or a file name that points elsewhere.

    Bounded in time, so that a large cache starts fast: SafeDisk refuses such rows one by one anyway.
    """
    until = time.monotonic() + 0.05
    connection.set_progress_handler(lambda: time.monotonic() > until, 10_000)
    try:
        return bool(connection.execute(_FOREIGN_ROW).fetchone())
    except sqlite3.OperationalError:
        return False  # interrupted by the handler above
    finally:
        connection.set_progress_handler(None, 0)


def _is_automatic(kind: str, sql: object) -> bool:
    return kind == "index" and sql is None  # the index behind a UNIQUE column


def _known_setting(key: object, value: object) -> bool:
    if key in _COUNTERS:
        return type(value) is int
    known = SETTINGS.get(key) if isinstance(key, str) else None
    if isinstance(known, int):
        return type(value) is int
    return isinstance(known, str) and isinstance(value, str) and value.replace("-", "").isalpha()

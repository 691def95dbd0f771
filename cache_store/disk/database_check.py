"""Checks a cache database before diskcache opens it, and moves a damaged one out of the way.

A cache directory arrives from CI artefacts and buckets, so it is untrusted input. diskcache runs stored `sqlite_*`
settings as PRAGMAs and passes `disk_*` settings to its Disk. SQLite itself runs foreign triggers and views, and
removes the file that a hostile rollback journal names.
"""

from __future__ import annotations

import errno
import os
import sqlite3
import stat
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

from diskcache.core import MODE_BINARY, MODE_RAW

from cache_store.disk.safe_disk import SETTINGS
from cache_store.errors import DamagedStore, ForeignStore, NewerStore, StoreUnavailable
from cache_store.plain_files import lock

__all__ = [
    "DATABASE",
    "FORMAT",
    "FORMAT_KEY",
    "check_database",
    "connect_to_read",
    "has_log",
    "is_disk_full",
    "set_damaged_aside",
]

DATABASE = "cache.db"
"""diskcache's name for the database file."""

FORMAT_KEY = "provider-proxy:format"
"""The key of our own row that says in which format the directory is written."""

FORMAT = b"1"
"""The value of that row."""

_SIDE_FILES = ("-journal", "-wal", "-shm")
# A rollback journal that ends in these bytes names a super-journal, a file that SQLite then *removes*
# (sqlite.org/fileformat.html, 3.2). A transaction on one database never writes it, and we make no others.
_SUPER_JOURNAL = bytes.fromhex("d9d505f920a163d7")

_HEX2, _HEX28 = "[0-9a-f]" * 2, "[0-9a-f]" * 28
_FOREIGN_ROW = f"""
    SELECT 1 FROM Cache
    WHERE raw != 1 OR mode NOT IN ({MODE_RAW}, {MODE_BINARY}) OR typeof(key) != 'text'
       OR (mode = {MODE_RAW} AND typeof(value) != 'blob')
       OR (mode = {MODE_BINARY} AND ifnull(filename, '') NOT GLOB '{_HEX2}[/]{_HEX2}[/]{_HEX28}.val')
    LIMIT 1
"""  # noqa: S608 - only constants of this module are put in
_FOREIGN_ROW_SECONDS = 0.05
_ASIDE_SECONDS = 10.0
_COUNTERS = {"count", "size", "hits", "misses"}
_MAX_SETTINGS = 64

# The schema that diskcache 5 makes, statement by statement: SQLite would run whatever else a schema says.
_TABLE = (
    "rowid INTEGER PRIMARY KEY, key BLOB, raw INTEGER, store_time REAL, expire_time REAL, access_time REAL,"
    " access_count INTEGER DEFAULT 0, tag BLOB, size INTEGER DEFAULT 0, mode INTEGER DEFAULT 0, filename TEXT,"
    " value BLOB"
)
_TRIGGER = 'CREATE TRIGGER Settings_{} ON Cache FOR EACH ROW BEGIN UPDATE Settings SET value = value {}"; END'
_SCHEMA = frozenset(
    {
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
    }
)


def check_database(directory: Path, timeout: float = 2.0, *, read_only: bool = False) -> None:
    """Look at a database from outside before diskcache acts on it. Changes nothing.

    With `read_only`, the database must exist, and locks are not tested. Raises ForeignStore for content that we
    never write, NewerStore for a newer format, DamagedStore for a file that SQLite cannot read, and
    StoreUnavailable if another process holds the database locked for `timeout` seconds.
    """
    path = directory / DATABASE
    _check_files(path)
    if not path.exists() or path.stat().st_size == 0:
        if read_only:
            raise StoreUnavailable(f"{directory} cannot be written and holds no cache")
        return
    if not read_only and has_log(directory):
        # A connection that may write removes the log of a damaged database when it closes.
        with (
            suppress(sqlite3.OperationalError),
            _sound(path),
            closing(connect_to_read(directory, timeout)) as peek,
        ):
            peek.execute("SELECT 1 FROM sqlite_master")
    connect = connect_to_read if read_only else _connect
    try:
        with _sound(path), closing(connect(directory, timeout)) as connection:
            _check_contents(connection, path)
            if not read_only:
                connection.execute("BEGIN IMMEDIATE")
                connection.execute("ROLLBACK")
    except sqlite3.OperationalError as error:
        raise StoreUnavailable(f"{path} cannot be used right now: {error}") from error


@contextmanager
def _sound(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError as error:
        raise DamagedStore(
            f"{path} is damaged or not a database ({error}); move it away, or restore it from a backup"
        ) from error


def _connect(directory: Path, timeout: float) -> sqlite3.Connection:
    return sqlite3.connect(directory / DATABASE, timeout=timeout, isolation_level=None)


def set_damaged_aside(directory: Path) -> Path | None:
    """Rename a damaged database and its side files; the new path of the database.

    None if it is sound after all: another process may have replaced it. Raises OSError.
    """
    path = directory / DATABASE
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        lock(handle, _ASIDE_SECONDS)  # of several starts at once, one moves it
        try:
            check_database(directory)
            return None
        except DamagedStore:
            pass
        name = f"{DATABASE}.damaged-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{os.getpid()}"
        for suffix in ("", *_SIDE_FILES):
            with suppress(FileNotFoundError):
                Path(f"{path}{suffix}").rename(directory / f"{name}{suffix}")
        return directory / name
    finally:
        os.close(handle)


def is_disk_full(error: BaseException | None) -> bool:
    """Whether `error`, or the error that caused it, says that nothing more can be written to the disk."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        # SQLite's shared memory file cannot grow on a full disk, which is an I/O error to it.
        name = getattr(error, "sqlite_errorname", "")
        if name == "SQLITE_FULL" or name.startswith("SQLITE_IOERR"):
            return True
        error = error.__cause__
    return False


def connect_to_read(directory: Path, timeout: float) -> sqlite3.Connection:
    """A connection that writes nothing and may be used in any thread. `timeout` is in seconds.

    Without a log beside the database, SQLite would create one in order to read. `immutable` reads without a log,
    which is right as long as nobody writes. Raises sqlite3.Error.
    """
    how = "mode=ro" if has_log(directory) else "immutable=1"
    address = f"file:{quote(str(directory / DATABASE))}?{how}"
    return sqlite3.connect(address, timeout, isolation_level=None, check_same_thread=False, uri=True)


def has_log(directory: Path) -> bool:
    """Whether a log beside the database in `directory` holds writes that are not in the database yet."""
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
            raise ForeignStore(
                f"{path} is not a plain file; set PROVIDER_PROXY_CACHE_DIR to another directory"
            )
    try:
        with Path(f"{database}-journal").open("rb") as journal:
            journal.seek(0, 2)
            journal.seek(max(0, journal.tell() - len(_SUPER_JOURNAL)))
            hostile = journal.read() == _SUPER_JOURNAL
    except FileNotFoundError:
        return
    if hostile:
        raise ForeignStore(
            f"{database}-journal was not written by provider-proxy; "
            "set PROVIDER_PROXY_CACHE_DIR to another directory"
        )


def _check_contents(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute("PRAGMA trusted_schema = OFF")
    schema = connection.execute("SELECT type, name, sql FROM sqlite_master LIMIT 64").fetchall()
    tables = {name for kind, name, _ in schema if kind == "table"}
    # An index without text is the one behind a UNIQUE column.
    foreign = not all(sql in _SCHEMA or (kind == "index" and sql is None) for kind, _, sql in schema)
    if not foreign and "Settings" in tables:
        rows = connection.execute(f"SELECT key, value FROM Settings LIMIT {_MAX_SETTINGS}").fetchall()  # noqa: S608 - a constant
        foreign = not all(_known_setting(key, value) for key, value in rows)
    if not foreign and "Cache" in tables:
        foreign = _has_foreign_row(connection)
    if foreign:
        raise ForeignStore(
            f"{path} holds what provider-proxy never writes; nothing in it was loaded. "
            "Set PROVIDER_PROXY_CACHE_DIR to another directory, or remove this one"
        )
    if "Cache" in tables:
        _check_format(connection, path)


def _check_format(connection: sqlite3.Connection, path: Path) -> None:
    row = connection.execute("SELECT value FROM Cache WHERE key = ? AND raw = 1", (FORMAT_KEY,)).fetchone()
    if row is None:
        if connection.execute("SELECT 1 FROM Cache LIMIT 1").fetchone():
            raise ForeignStore(
                f"{path} belongs to another program; set PROVIDER_PROXY_CACHE_DIR to another directory"
            )
    elif row[0] != FORMAT:
        raise NewerStore(
            f"{path} was written by a newer provider-proxy; "
            "upgrade, or set PROVIDER_PROXY_CACHE_DIR to another directory"
        )


def _has_foreign_row(connection: sqlite3.Connection) -> bool:
    """Whether a row has a pickled key or value, or a file name that points elsewhere.

    The search is bounded in time, so that a large cache starts fast: SafeDisk refuses such rows one by one anyway.
    """
    until = time.monotonic() + _FOREIGN_ROW_SECONDS
    connection.set_progress_handler(lambda: time.monotonic() > until, 10_000)
    try:
        return bool(connection.execute(_FOREIGN_ROW).fetchone())
    except sqlite3.OperationalError:
        return False  # interrupted by the handler above
    finally:
        connection.set_progress_handler(None, 0)


def _known_setting(key: object, value: object) -> bool:
    if key in _COUNTERS:
        return type(value) is int
    known = SETTINGS.get(key) if isinstance(key, str) else None
    if isinstance(known, int):
        return type(value) is int
    return isinstance(known, str) and isinstance(value, str) and value.replace("-", "").isalpha()

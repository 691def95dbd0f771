"""Finds the entries most like a request, in an index of sketches beside the cache.

Every put and remove updates it. It only proposes keys, which are then read from the store like any other: whatever
a foreign index says, it can neither answer a request nor name a file. An index that is not exactly ours is removed
and made again.
"""

from __future__ import annotations

import heapq
import logging
import math
import sqlite3
import stat
import struct
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from cache_store.entry import Entry
from cache_store.nearest.sketch import Sketch, sketch

__all__ = ["INDEX", "HostEndpoints", "NearestIndex"]

INDEX = "nearest.db"
"""The name of the index file in the cache directory."""

logger = logging.getLogger(__name__)

type HostEndpoints = list[tuple[str, int]]
"""Endpoints (method and path) of one host, with the number of entries each."""

_SIDE_FILES = ("", "-journal", "-wal", "-shm")
_ENTRIES = (
    "CREATE TABLE entry (id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, host TEXT NOT NULL,"
    " endpoint TEXT NOT NULL, features BLOB NOT NULL)"
)
_FEATURES = (
    "CREATE TABLE feature (feature INTEGER NOT NULL, entry INTEGER NOT NULL, PRIMARY KEY (feature, entry))"
    " WITHOUT ROWID"
)
_SCHEMA = (_ENTRIES, "CREATE INDEX entry_by_place ON entry (host, endpoint)", _FEATURES)
_WAIT = 0.2  # seconds to wait for another process's lock; after that the update is skipped
_MAX_ENTRIES = 40  # entries listed under one feature; a feature that more entries share says little
_ADD_FEATURE = (
    "INSERT OR IGNORE INTO feature SELECT ?, ?"  # noqa: S608 - a constant
    f" WHERE (SELECT count(*) FROM (SELECT 1 FROM feature WHERE feature = ? LIMIT {_MAX_ENTRIES}))"
    f" < {_MAX_ENTRIES}"
)
_BATCH = 32  # entries that are added in one step, or fewer with this many bytes of requests
_BATCH_BYTES = 2**20
_CANDIDATES = 64
_COMMON = 0.1  # the weight of such a feature
_CHAIN = 3.0  # the weight of a shared beginning of the conversation, against 1 of any other feature
_KEY = 200  # longest key


class NearestIndex:
    """The index in `directory`, or in memory if that is None. Its first use opens it. No method raises.

    With `read_only`, an index in the directory is used as it is; if there is none, the index is in memory.
    """

    def __init__(self, directory: Path | None, *, read_only: bool = False) -> None:
        self._open: sqlite3.Connection | None = None
        self._read_only = read_only
        self._path = None if directory is None else directory / INDEX
        self._lock = threading.Lock()
        self._waiting: list[tuple[str, dict[str, str], bytes]] = []  # key, label and request, to be added
        self._flushing = threading.Lock()

    def add(self, *entries: Entry) -> None:
        """Add those of `entries` whose keys are not there yet. A few wait until more come, or until something is
        asked: many in one step take a fraction of the time."""
        with self._lock:
            self._waiting += [(entry.key, entry.label, entry.request_json) for entry in entries]
            size = sum(len(request) for _, _, request in self._waiting)
        if len(self._waiting) >= _BATCH or size > _BATCH_BYTES:
            self._flush()

    def remove(self, *keys: str) -> None:
        """Remove the entries under `keys`, in one step."""
        self._flush()
        self._change(_remove, keys)

    def keys_after(self, key: str, limit: int) -> list[str]:
        """The first `limit` keys that sort behind `key`."""
        self._flush()
        query = "SELECT key FROM entry WHERE key > ? AND typeof(key) = 'text' ORDER BY key LIMIT ?"
        with self._lock, suppress(sqlite3.Error):
            return [found for (found,) in self._opened().execute(query, (key, limit))]
        return []

    def is_fixed(self) -> bool:
        """Whether nothing can be added."""
        with self._lock, suppress(sqlite3.Error):
            return bool(self._opened().execute("PRAGMA query_only").fetchone()[0])
        return False

    def count(self) -> int:
        """How many entries the index holds; -1 if it cannot be read."""
        self._flush()
        with self._lock, suppress(sqlite3.Error):
            return int(self._opened().execute("SELECT count(*) FROM entry").fetchone()[0])
        return -1

    def shrink(self) -> None:
        """Give the space of removed entries back to the file system, if that is most of the file."""
        with self._lock, suppress(sqlite3.Error):
            connection = self._opened()
            pages, unused = (
                connection.execute(f"PRAGMA {name}").fetchone()[0]
                for name in ("page_count", "freelist_count")
            )
            if unused * 2 > pages:
                connection.execute("VACUUM")
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def nearest(self, wanted: Sketch, limit: int = 3) -> list[str]:
        """The keys of the entries most like `wanted`, best first.

        Entries with the same method, host and path come first; among them, those that share the most and the
        rarest features.
        """
        self._flush()
        with self._lock, suppress(sqlite3.Error):
            return _nearest(self._opened(), wanted, limit)
        return []

    def endpoints_of(self, host: str, limit: int = 5) -> HostEndpoints:
        """The most used endpoints of `host`, with the number of entries each."""
        query = (
            "SELECT endpoint, count(*) FROM entry WHERE host = ? AND endpoint NOT LIKE '- %'"
            " GROUP BY endpoint ORDER BY 2 DESC LIMIT ?"
        )
        self._flush()
        with self._lock, suppress(sqlite3.Error):
            return [(str(e)[:_KEY], int(n)) for e, n in self._opened().execute(query, (host, limit))]
        return []

    def close(self) -> None:
        """Close the index; the next call opens it again."""
        self._flush()
        with self._lock:
            if self._open is not None:
                self._open.close()
                self._open = None

    def __del__(self) -> None:
        # Nobody has to close a store in memory, so its index closes itself.
        if self._open is not None:
            self._open.close()

    def _flush(self) -> None:
        """Add what waits."""
        with self._flushing:  # what one thread adds late would bring back what another removes
            with self._lock:
                waiting, self._waiting = self._waiting, []
            if waiting:
                self._change(_add, [(key, sketch(label, request)) for key, label, request in waiting])

    def _change[T](self, work: Callable[[sqlite3.Connection, T], None], items: Iterable[T]) -> None:
        """Do `work` on all items in one transaction. If that fails, the index differs until `CatchUp` sees it."""
        with self._lock, suppress(sqlite3.Error):
            connection = self._opened()
            connection.execute("BEGIN IMMEDIATE")
            try:
                for item in items:
                    work(connection, item)
            finally:
                connection.execute("COMMIT")

    def _opened(self) -> sqlite3.Connection:
        if self._open is None:
            found = _open_to_read(self._path) if self._path is not None and self._read_only else None
            self._open = found or _open(None if self._read_only else self._path)
        return self._open


def _open(path: Path | None) -> sqlite3.Connection:
    if path is None:
        return _made(sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None))
    try:
        if not _plain(path):
            _clear(path)
        opened = _if_ours(_connect(path))
        if opened is None:
            logger.info("the index of requests is made again")
            _clear(path)
            opened = _if_ours(_connect(path))
    except OSError as error:
        raise sqlite3.OperationalError(str(error)) from error
    if opened is None:
        raise sqlite3.OperationalError("the index of requests cannot be made")
    return opened


def _open_to_read(path: Path) -> sqlite3.Connection | None:
    """The index at `path` if it is ours and can be read."""
    connection = None
    try:
        if not _plain(path) or not path.exists():
            return None
        log = Path(f"{path}-wal")
        how = "mode=ro" if log.exists() and log.stat().st_size else "immutable=1"  # as `connect_to_read` does
        connection = _connect(f"file:{quote(str(path))}?{how}")
        connection.execute("PRAGMA query_only = ON")
        if _has_our_schema(connection):
            return connection
    except (sqlite3.Error, OSError):
        pass
    if connection is not None:
        connection.close()
    return None


def _has_our_schema(connection: sqlite3.Connection) -> bool:
    rows = connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL LIMIT 16").fetchall()
    return {sql for (sql,) in rows} == set(_SCHEMA)


def _if_ours(connection: sqlite3.Connection) -> sqlite3.Connection | None:
    """The connection if its schema is ours or still empty; otherwise None, and the connection is closed.

    Raises OperationalError if the database is locked or cannot be written: a later call may succeed.
    """
    try:
        if not connection.execute("SELECT 1 FROM sqlite_master").fetchone():
            return _made(connection)
        if _has_our_schema(connection):
            connection.execute("PRAGMA synchronous = OFF")  # a crash loses hints only
            return connection
    except sqlite3.OperationalError:
        connection.close()
        raise
    except sqlite3.DatabaseError:
        pass  # not a database
    connection.close()
    return None


def _connect(path: Path | str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        path, timeout=_WAIT, check_same_thread=False, isolation_level=None, uri=isinstance(path, str)
    )
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA cell_size_check = ON")
    return connection


def _made(connection: sqlite3.Connection) -> sqlite3.Connection:
    connection.execute("PRAGMA journal_mode = wal")
    connection.execute("BEGIN IMMEDIATE")
    if not connection.execute("SELECT 1 FROM sqlite_master").fetchone():
        for statement in _SCHEMA:
            connection.execute(statement)
    connection.execute("COMMIT")
    connection.execute("PRAGMA synchronous = OFF")
    return connection


def _plain(path: Path) -> bool:
    """Whether all files are plain files. A rollback journal is never ours, and SQLite would act on it."""
    for suffix in _SIDE_FILES:
        try:
            mode = Path(f"{path}{suffix}").lstat().st_mode
        except FileNotFoundError:
            continue
        if not stat.S_ISREG(mode) or suffix == "-journal":
            return False
    return True


def _clear(path: Path) -> None:
    for suffix in _SIDE_FILES:
        Path(f"{path}{suffix}").unlink(missing_ok=True)


def _add(connection: sqlite3.Connection, item: tuple[str, Sketch]) -> None:
    key, sketched = item
    features = (*sketched.chain, *sketched.loose)
    row = connection.execute(
        "INSERT OR IGNORE INTO entry (key, host, endpoint, features) VALUES (?, ?, ?, ?) RETURNING id",
        (key, sketched.host, sketched.endpoint, struct.pack(f">{len(features)}q", *features)),
    ).fetchone()
    if row is not None:
        connection.executemany(_ADD_FEATURE, ((feature, row[0], feature) for feature in features))


def _remove(connection: sqlite3.Connection, key: str) -> None:
    row = connection.execute("SELECT id, features FROM entry WHERE key = ?", (key,)).fetchone()
    if row is None or not isinstance(row[1], bytes):
        return
    features = struct.unpack(f">{len(row[1]) // 8}q", row[1][: len(row[1]) // 8 * 8])
    pairs = ((feature, row[0]) for feature in features)
    connection.executemany("DELETE FROM feature WHERE feature = ? AND entry = ?", pairs)
    connection.execute("DELETE FROM entry WHERE id = ?", (row[0],))


def _nearest(connection: sqlite3.Connection, wanted: Sketch, limit: int) -> list[str]:
    scores = _scored(connection, wanted)
    latest = connection.execute(
        "SELECT id FROM entry WHERE host = ? AND endpoint = ? ORDER BY id DESC LIMIT ?",
        (wanted.host, wanted.endpoint, limit),
    )
    for (entry,) in latest:
        scores[entry] += 0
    ranked = []
    for entry in heapq.nlargest(_CANDIDATES, scores, key=scores.__getitem__):
        row = connection.execute("SELECT key, host, endpoint FROM entry WHERE id = ?", (entry,)).fetchone()
        if row is not None and _is_request(row):
            is_same = row[1:] == (wanted.host, wanted.endpoint)
            ranked.append((is_same, scores[entry], entry, row[0]))
    ranked.sort(reverse=True)
    return [key for *_, key in ranked[:limit]]


def _is_request(row: tuple[Any, ...]) -> bool:
    """Whether a row stands for a request; a row without a method is one of the cache's own notes."""
    key, _, endpoint = row
    return isinstance(key, str) and len(key) <= _KEY and not str(endpoint).startswith("- ")


def _scored(connection: sqlite3.Connection, wanted: Sketch) -> defaultdict[int, float]:
    """Candidates with their scores. The fewer entries have a feature, the more it counts."""
    scores: defaultdict[int, float] = defaultdict(float)
    newest = connection.execute("SELECT max(id) FROM entry").fetchone()[0]
    total = newest if type(newest) is int else 1
    for features, weight in ((wanted.chain, _CHAIN), (wanted.loose, 1.0)):
        for feature in features:
            entries = _entries_with(connection, feature)
            rarity = math.log((total + 1) / len(entries)) if 0 < len(entries) < _MAX_ENTRIES else 0.0
            for entry in entries:
                scores[entry] += weight * max(rarity, _COMMON)
    return scores


def _entries_with(connection: sqlite3.Connection, feature: int) -> list[int]:
    query = "SELECT entry FROM feature WHERE feature = ? LIMIT ?"
    return [entry for (entry,) in connection.execute(query, (feature, _MAX_ENTRIES)) if type(entry) is int]

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
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from cache_store.entry import Entry
from cache_store.errors import EntryError
from cache_store.nearest.sketch import Sketch, sketch
from cache_store.store import StoreStats

__all__ = ["INDEX", "HostEndpoints", "IndexedStore", "NearestIndex", "catch_up"]

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
_MAX_ENTRIES = 40  # entries read for one feature; a feature that more entries share says little
_CANDIDATES = 64
_COMMON = 0.1  # the weight of such a feature
_CHAIN = 3.0  # the weight of a shared beginning of the conversation, against 1 of any other feature
_KEY = 200  # longest key


class IndexedStore(Protocol):
    """A store whose entries an index follows."""

    def keys(self) -> Iterator[str]:
        """Every entry's key."""

    def head(self, key: str) -> Entry | None:
        """The entry under `key` without its body. Raises EntryError."""

    def stats(self) -> StoreStats:
        """How many entries there are."""


class NearestIndex:
    """The index in `directory`, or in memory if that is None. Its first use opens it. No method raises."""

    def __init__(self, directory: Path | None) -> None:
        self._open: sqlite3.Connection | None = None
        self._path = None if directory is None else directory / INDEX
        self._lock = threading.Lock()

    def add(self, entry: Entry) -> None:
        """Add `entry` unless its key is already there."""
        sketched = sketch(entry.label, entry.request_json)
        with self._lock, suppress(sqlite3.Error):
            _add(self._opened(), entry.key, sketched)

    def remove(self, key: str) -> None:
        """Remove the entry under `key`."""
        with self._lock, suppress(sqlite3.Error):
            _remove(self._opened(), key)

    def keys(self) -> set[str]:
        """Every key in the index."""
        with self._lock, suppress(sqlite3.Error):
            return {str(key) for (key,) in self._opened().execute("SELECT key FROM entry")}
        return set()

    def count(self) -> int:
        """How many entries the index holds; -1 if it cannot be read."""
        with self._lock, suppress(sqlite3.Error):
            return int(self._opened().execute("SELECT count(*) FROM entry").fetchone()[0])
        return -1

    def nearest(self, wanted: Sketch, limit: int = 3) -> list[str]:
        """The keys of the entries most like `wanted`, best first.

        Entries with the same method, host and path come first; among them, those that share the most and the
        rarest features.
        """
        with self._lock, suppress(sqlite3.Error):
            return _nearest(self._opened(), wanted, limit)
        return []

    def endpoints_of(self, host: str, limit: int = 5) -> HostEndpoints:
        """The most used endpoints of `host`, with the number of entries each."""
        query = (
            "SELECT endpoint, count(*) FROM entry WHERE host = ? AND endpoint NOT LIKE '- %'"
            " GROUP BY endpoint ORDER BY 2 DESC LIMIT ?"
        )
        with self._lock, suppress(sqlite3.Error):
            return [(str(e)[:_KEY], int(n)) for e, n in self._opened().execute(query, (host, limit))]
        return []

    def close(self) -> None:
        """Close the index; the next call opens it again."""
        with self._lock:
            if self._open is not None:
                self._open.close()
                self._open = None

    def __del__(self) -> None:
        # Nobody has to close a store in memory, so its index closes itself.
        if self._open is not None:
            self._open.close()

    def _opened(self) -> sqlite3.Connection:
        if self._open is None:
            self._open = _open(self._path)
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


def _if_ours(connection: sqlite3.Connection) -> sqlite3.Connection | None:
    """The connection if its schema is ours or still empty; otherwise None, and the connection is closed.

    Raises OperationalError if the database is locked or cannot be written: a later call may succeed.
    """
    try:
        if not connection.execute("SELECT 1 FROM sqlite_master").fetchone():
            return _made(connection)
        rows = connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL LIMIT 16").fetchall()
        if {sql for (sql,) in rows} == set(_SCHEMA):
            connection.execute("PRAGMA synchronous = OFF")  # a crash loses hints only
            return connection
    except sqlite3.OperationalError:
        connection.close()
        raise
    except sqlite3.DatabaseError:
        pass  # not a database
    connection.close()
    return None


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=_WAIT, check_same_thread=False, isolation_level=None)
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


def _add(connection: sqlite3.Connection, key: str, sketched: Sketch) -> None:
    features = (*sketched.chain, *sketched.loose)
    blob = struct.pack(f">{len(features)}q", *features)
    connection.execute("BEGIN IMMEDIATE")
    try:
        row = connection.execute(
            "INSERT OR IGNORE INTO entry (key, host, endpoint, features) VALUES (?, ?, ?, ?) RETURNING id",
            (key, sketched.host, sketched.endpoint, blob),
        ).fetchone()
        if row is not None:
            connection.executemany(
                "INSERT OR IGNORE INTO feature VALUES (?, ?)", ((feature, row[0]) for feature in features)
            )
    finally:
        connection.execute("COMMIT")


def _remove(connection: sqlite3.Connection, key: str) -> None:
    row = connection.execute("SELECT id, features FROM entry WHERE key = ?", (key,)).fetchone()
    if row is None or not isinstance(row[1], bytes):
        return
    features = struct.unpack(f">{len(row[1]) // 8}q", row[1][: len(row[1]) // 8 * 8])
    connection.execute("BEGIN IMMEDIATE")
    try:
        pairs = ((feature, row[0]) for feature in features)
        connection.executemany("DELETE FROM feature WHERE feature = ? AND entry = ?", pairs)
        connection.execute("DELETE FROM entry WHERE id = ?", (row[0],))
    finally:
        connection.execute("COMMIT")


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


def catch_up(index: NearestIndex, store: IndexedStore, seconds: float) -> bool:
    """Bring `index` in line with `store` for at most `seconds`; whether it is complete.

    They differ after a bulk load, a crash, or work by an older version.
    """
    until = time.monotonic() + seconds
    if store.stats().entries == index.count():
        return True
    indexed, stored = index.keys(), set(store.keys())
    for key in indexed - stored:
        index.remove(key)
    for key in stored - indexed:
        if time.monotonic() > until:
            return False
        with suppress(EntryError):
            if (entry := store.head(key)) is not None:
                index.add(entry)
    return True

"""Recordings that were set aside: out of the way of look-ups, never deleted, brought back by `restore`.

Each lies in the same database under a key that no look-up uses, `aside:KEY:NUMBER`. Its value is one line of JSON,
which says why, and the bytes of the entry. Moving an entry is one transaction, so a killed process loses nothing.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable
from typing import Any

from diskcache import Cache

from cache_store.disk.read_only_cache import ReadOnlyCache
from cache_store.disk.safe_disk import Pieces, SafeCache
from cache_store.entry import Entry, recorded_seconds
from cache_store.errors import CorruptEntry, EntryError
from cache_store.store import Aside

__all__ = ["entry_aside", "latest_aside", "list_aside", "restore", "rows_aside", "set_aside", "times_aside"]

_ROW = re.compile(r"aside:(.{1,1000}):([0-9]{6})", re.DOTALL)
_MAX_NOTE = 4096  # bytes of the first line


def rows_aside(cache: SafeCache | ReadOnlyCache, key: str = "") -> list[str]:
    """The rows of what was set aside, of all keys or of one; a few may belong to a key that `key` begins."""
    prefix = f"aside:{key}" if key else "aside"
    query = "SELECT key FROM Cache WHERE key > ? AND key < ? AND raw = 1 ORDER BY key"
    return [row for (row,) in cache.rows(query, f"{prefix}:", f"{prefix};")]


def set_aside(cache: Cache, keys: Iterable[str], why: str) -> list[str]:
    """Move the entries under `keys` out of the way, in the open transaction; the keys of those that were there."""
    moved = []
    for key in keys:
        data = cache.get(key)
        if data is not None and _move(cache, key, data, why):
            moved.append(key)
    return moved


def list_aside(cache: SafeCache | ReadOnlyCache, key: str = "") -> list[Aside]:
    """What was set aside, of all keys or of one, by key and then in the order in which it was set aside."""
    found = []
    for row in rows_aside(cache, key):
        match = _ROW.fullmatch(row)
        file = cache.get(row, read=True) if match is not None and key in ("", match[1]) else None
        if match is None or file is None:
            continue
        with file:
            note = _note(file.readline(_MAX_NOTE))
        now = time.time()
        recorded_at, at = (recorded_seconds(note.get(name), now) for name in ("recorded_at", "at"))
        found.append(Aside(row, match[1], str(note.get("why", "")), recorded_at, at))
    return found


def latest_aside(cache: SafeCache | ReadOnlyCache, key: str) -> Aside | None:
    """The recording of `key` that was recorded last among those that were set aside."""
    return max(list_aside(cache, key), key=lambda aside: aside.recorded_at, default=None)


def times_aside(cache: SafeCache | ReadOnlyCache) -> dict[str, float]:
    """When the latest recording of each key that was set aside was recorded: a merge must not bring it back."""
    times: dict[str, float] = {}
    for aside in list_aside(cache):
        times[aside.key] = max(aside.recorded_at, times.get(aside.key, 0.0))
    return times


def entry_aside(cache: SafeCache | ReadOnlyCache, aside: Aside) -> Entry:
    """The entry that was set aside. Raises EntryError if it cannot be used."""
    data = cache.get(aside.row)
    if data is None:
        raise CorruptEntry("an entry that was set aside has been removed")
    return _decoded(_encoded(data), aside.key)


def restore(cache: Cache, keys: Iterable[str] | None, *, replaces: bool) -> tuple[list[str], list[str]]:
    """Bring back the latest recording that was set aside of each of `keys` (None: of every key), in the open
    transaction.

    Where a newer recording lies under the key, it stays, or with `replaces` it is set aside in turn. Returns the
    keys that were brought back, and those that were not: of those, a recording may be unusable too.
    """
    wanted = None if keys is None else set(keys)
    back, kept = [], []
    for key in dict.fromkeys(aside.key for aside in list_aside(cache)):
        if wanted is not None and key not in wanted:
            continue
        aside = latest_aside(cache, key)
        there = cache.get(key)
        if aside is None or (there is not None and not replaces):
            kept.append(key)
            continue
        data = _encoded(cache.get(aside.row))
        try:
            _decoded(data, key)
        except EntryError:
            kept.append(key)
            continue
        if there is not None:
            _move(cache, key, there, "replaced by an earlier recording")
        _write(cache, key, (data,))
        cache.delete(aside.row)
        back.append(key)
    return back, kept


def _move(cache: Cache, key: str, data: bytes, why: str) -> bool:
    try:
        recorded_at = _decoded(data, key).recorded_at
    except EntryError:
        return False
    numbers = [int(match[2]) for row in rows_aside(cache, key) if (match := _ROW.fullmatch(row))]
    row = f"aside:{key}:{max(numbers, default=0) + 1:06}"
    if not _ROW.fullmatch(row):
        return False
    note = {"why": why[: _MAX_NOTE // 8], "recorded_at": recorded_at, "at": time.time()}
    _write(cache, row, (json.dumps(note).encode() + b"\n", data))
    cache.delete(key)
    return True


def _write(cache: Cache, key: str, pieces: tuple[bytes, ...]) -> None:
    if sum(map(len, pieces)) < cache.disk_min_file_size:
        cache.set(key, b"".join(pieces))
    else:
        cache.set(key, Pieces(pieces), read=True)


def _note(line: bytes) -> dict[str, Any]:
    """The first line of a value; {} if it is none of ours."""
    try:
        note = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return note if isinstance(note, dict) else {}


def _encoded(data: bytes) -> bytes:
    return data[data.find(b"\n", 0, _MAX_NOTE) + 1 :]


def _decoded(data: bytes, key: str) -> Entry:
    entry = Entry.decode(data)
    if entry.key != key:
        raise CorruptEntry("an entry lies under another entry's key")
    return entry

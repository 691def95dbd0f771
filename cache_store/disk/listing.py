"""Lists what a cache holds, a page at a time: by key, or from a place in the order of recording."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from diskcache.core import MODE_RAW

from cache_store.errors import CorruptEntry

__all__ = ["Recorded", "is_still_there", "keys_after", "recorded_after", "sizes", "stored_at"]

_FIRST, _END = "pp", "pq"  # our keys lie between them
_DIGEST = 32
_PAGE = 200
_ROWS = (
    f"SELECT rowid, key, mode, filename, substr(value, -{_DIGEST}) FROM Cache"  # noqa: S608 - constants
    f" WHERE rowid {{}} ? AND raw = 1 AND key > '{_FIRST}' AND key < '{_END}' ORDER BY rowid LIMIT {_PAGE}"
)


class Recorded(NamedTuple):
    """An entry's place in the order of recording, its key and its checksum.

    What is stored takes a place behind all others, also if it replaces another entry.
    """

    place: int
    key: str
    checksum: bytes


def keys_after(cache: Any, key: str, limit: int) -> list[str]:
    """The first `limit` keys that sort behind `key`."""
    query = "SELECT key FROM Cache WHERE key > ? AND key < ? AND raw = 1 ORDER BY key LIMIT ?"
    return [found for (found,) in cache.rows(query, max(key, _FIRST), _END, limit)]


def stored_at(cache: Any, key: str) -> float | None:
    """When the entry under `key` was stored, in Unix seconds; None if there is none."""
    rows = cache.rows("SELECT store_time FROM Cache WHERE key = ? AND raw = 1", key)
    return rows[0][0] if rows and isinstance(rows[0][0], float) else None


def sizes(cache: Any) -> dict[str, int]:
    """The stored size of each entry in bytes, by key."""
    query = (
        "SELECT key, CASE WHEN filename IS NULL THEN length(value) ELSE size END FROM Cache"
        " WHERE key > ? AND key < ? AND raw = 1"
    )
    return {key: int(size or 0) for key, size in cache.rows(query, _FIRST, _END)}


def recorded_after(cache: Any, place: int) -> Iterator[Recorded]:
    """The entries behind `place`, in the order of recording. Reads of each only its checksum."""
    while rows := cache.rows(_ROWS.format(">"), place):
        for row in rows:
            yield _recorded(cache, row)
        place = rows[-1][0]


def is_still_there(cache: Any, mark: Recorded) -> bool:
    """Whether `mark` is the entry at its place."""
    rows = cache.rows(_ROWS.format("="), mark.place)
    return bool(rows) and _recorded(cache, rows[0]) == mark


def _recorded(cache: Any, row: Any) -> Recorded:
    place, key, mode, filename, end = row
    try:
        if mode != MODE_RAW:
            with cache.disk.fetch(mode, filename, None, read=True) as file:
                file.seek(-_DIGEST, 2)
                end = file.read()
    except (OSError, CorruptEntry):
        end = b""  # reading the entry tells what is wrong with it
    return Recorded(place, key, end)

"""Entries in memory, least recently used out first: what `PROVIDER_PROXY_CACHE_DIR=:memory:` keeps."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Iterator

from cache_store.entry import Entry, is_expired
from cache_store.nearest.nearest_index import Held, NearestIndex
from cache_store.nearest.sketch import Sketch
from cache_store.store import StoreStats

__all__ = ["MemoryStore"]


class MemoryStore:
    """At most `max_entries` (at least 1) entries of one process.

    With `max_age` (seconds), an entry of that age or older is dropped when it is read.
    """

    def __init__(self, max_entries: int = 1000, max_age: float | None = None) -> None:
        self._max = max(1, max_entries)
        self._max_age = max_age
        self._entries: OrderedDict[str, Entry] = OrderedDict()
        self._lock = threading.Lock()
        self._index = NearestIndex(None)

    def open(self) -> None:
        """There is nothing to open."""

    def get(self, key: str) -> Entry | None:
        """The entry under `key`, now the most recently used."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                return None
            if is_expired(entry, self._max_age):
                del self._entries[key]
                self._index.remove(key)
                return None
            self._entries.move_to_end(key)
            return entry

    def head(self, key: str) -> Entry | None:
        """The same: its body is at hand."""
        return self.get(key)

    def put(self, entry: Entry, began_at: float | None = None) -> bool:
        """Store `entry`; False where one recorded after `began_at` (Unix seconds) was kept."""
        with self._lock:
            there = self._entries.get(entry.key)
            if there is not None and began_at is not None and began_at < there.recorded_at <= time.time():
                return False
            self._entries[entry.key] = entry
            self._entries.move_to_end(entry.key)
            while len(self._entries) > self._max:
                self._index.remove(self._entries.popitem(last=False)[0])
        self._index.add(entry)
        return True

    def remove(self, key: str) -> bool:
        """Remove the entry under `key`; True if there was one."""
        with self._lock:
            removed = self._entries.pop(key, None) is not None
        self._index.remove(key)
        return removed

    def clear(self) -> int:
        """Remove every entry; how many there were."""
        with self._lock:
            count = len(self._entries)
            self._entries.clear()
        self._index.close()  # it is in memory, too: the next one is empty
        return count

    def keys(self) -> Iterator[str]:
        """Every entry's key, least recently used first."""
        with self._lock:
            return iter(list(self._entries))

    def iterate(self) -> Iterator[Entry]:
        """Every entry, least recently used first."""
        with self._lock:
            return iter(list(self._entries.values()))

    def nearest(self, wanted: Sketch, most: int = 3) -> list[str]:
        """Keys of the entries most like `wanted`, best first."""
        return self._index.nearest(wanted, most)

    def held(self, host: str) -> Held:
        """What there is of `host`: its most used endpoints, with the number of entries each."""
        return self._index.held(host)

    def stats(self) -> StoreStats:
        """How many entries, and the bytes of their bodies."""
        with self._lock:
            return StoreStats(len(self._entries), sum(entry.size for entry in self._entries.values()))

    def close(self) -> None:
        """Entries go with the process."""
        self._index.close()

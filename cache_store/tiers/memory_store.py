"""Entries in memory, the least recently used dropped first: the store for `PROVIDER_PROXY_CACHE_DIR=:memory:`."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Iterator

from cache_store.entry import Entry, is_expired, wins
from cache_store.nearest.nearest_index import HostEndpoints, NearestIndex
from cache_store.nearest.sketch import Sketch
from cache_store.store import Store, StoreStats

__all__ = ["MemoryStore"]


class MemoryStore:
    """At most `max_entries` (at least 1) entries of one process.

    With `max_age` (seconds), an entry of that age or older is dropped when it is read.
    """

    def __init__(self, max_entries: int = 1000, max_age: float | None = None) -> None:
        self._max_entries = max(1, max_entries)
        self._max_age = max_age
        self._entries: OrderedDict[str, Entry] = OrderedDict()
        self._stored_at: dict[str, float] = {}
        self._lock = threading.Lock()
        self._index = NearestIndex(None)

    @property
    def local(self) -> Store:
        return self

    def open(self) -> None:
        """Nothing to open."""

    def get(self, key: str) -> Entry | None:
        """The entry under `key`, which becomes the most recently used."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                return None
            if is_expired(entry, self._max_age, self._stored_at.get):
                if entry.recorded_at <= time.time():  # otherwise a shared store would bring it back as new
                    self._drop(key)
                return None
            self._entries.move_to_end(key)
            return entry

    def head(self, key: str) -> Entry | None:
        """The entry under `key`, with its body: it is in memory anyway."""
        return self.get(key)

    def put(self, entry: Entry, began_at: float | None = None) -> bool:
        with self._lock:
            there = self._entries.get(entry.key)
            if there is not None and began_at is not None and began_at < there.recorded_at <= time.time():
                return False
            self._put(entry)
        self._index.add(entry)
        return True

    def put_newer(self, entries: Iterable[Entry]) -> list[Entry]:
        with self._lock:
            stored = []
            for entry in entries:
                if wins(entry, self._entries.get(entry.key), time.time()):
                    self._put(entry)
                    stored.append(entry)
        for entry in stored:
            self._index.add(entry)
        return stored

    def _put(self, entry: Entry) -> None:
        self._entries[entry.key] = entry
        self._entries.move_to_end(entry.key)
        self._stored_at[entry.key] = time.time()
        while len(self._entries) > self._max_entries:
            self._drop(next(iter(self._entries)))

    def _drop(self, key: str) -> bool:
        self._stored_at.pop(key, None)
        self._index.remove(key)
        return self._entries.pop(key, None) is not None

    def remove(self, key: str) -> bool:
        with self._lock:
            return self._drop(key)

    def clear(self) -> int:
        with self._lock:
            count = len(self._entries)
            self._entries.clear()
            self._stored_at.clear()
        self._index.close()  # the index is in memory too: the next one is empty
        return count

    def keys(self, prefix: str = "") -> Iterator[str]:
        """As in `Store`, the least recently used first."""
        with self._lock:
            return iter([key for key in self._entries if key.startswith(prefix)])

    def iterate(self) -> Iterator[Entry]:
        """Every entry, the least recently used first."""
        with self._lock:
            return iter(list(self._entries.values()))

    def nearest(self, wanted: Sketch, limit: int = 3) -> list[str]:
        return self._index.nearest(wanted, limit)

    def endpoints_of(self, host: str) -> HostEndpoints:
        return self._index.endpoints_of(host)

    def stored_at(self, key: str) -> float | None:
        return self._stored_at.get(key)

    def stats(self) -> StoreStats:
        """The number of entries, and the size of their bodies."""
        with self._lock:
            return StoreStats(len(self._entries), sum(entry.size for entry in self._entries.values()))

    def close(self) -> None:
        """Close the index. The entries stay until the process ends."""
        self._index.close()

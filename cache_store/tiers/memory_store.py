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
        self._lock = threading.Lock()
        self._index = NearestIndex(None)

    @property
    def local(self) -> Store:
        """This store."""
        return self

    def open(self) -> None:
        """Nothing to open."""

    def get(self, key: str) -> Entry | None:
        """The entry under `key`, which becomes the most recently used."""
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
        """The entry under `key`, with its body: it is in memory anyway."""
        return self.get(key)

    def put(self, entry: Entry, began_at: float | None = None) -> bool:
        """Store `entry`; False if the entry under its key was recorded after `began_at` (Unix seconds)."""
        with self._lock:
            there = self._entries.get(entry.key)
            if there is not None and began_at is not None and began_at < there.recorded_at <= time.time():
                return False
            self._put(entry)
        self._index.add(entry)
        return True

    def put_newer(self, entries: Iterable[Entry]) -> list[Entry]:
        """Store those of `entries` that win against the entries under their keys; the stored ones."""
        with self._lock:
            stored = [entry for entry in entries if self._put_if_it_wins(entry)]
        for entry in stored:
            self._index.add(entry)
        return stored

    def _put_if_it_wins(self, entry: Entry) -> bool:
        if not wins(entry, self._entries.get(entry.key), time.time()):
            return False
        self._put(entry)
        return True

    def _put(self, entry: Entry) -> None:
        self._entries[entry.key] = entry
        self._entries.move_to_end(entry.key)
        while len(self._entries) > self._max_entries:
            self._index.remove(self._entries.popitem(last=False)[0])

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
        self._index.close()  # the index is in memory too: the next one is empty
        return count

    def keys(self) -> Iterator[str]:
        """Every entry's key, the least recently used first."""
        with self._lock:
            return iter(list(self._entries))

    def iterate(self) -> Iterator[Entry]:
        """Every entry, the least recently used first."""
        with self._lock:
            return iter(list(self._entries.values()))

    def nearest(self, wanted: Sketch, limit: int = 3) -> list[str]:
        """The keys of the entries most like `wanted`, best first."""
        return self._index.nearest(wanted, limit)

    def endpoints_of(self, host: str) -> HostEndpoints:
        """The most used endpoints of `host`, with the number of entries each."""
        return self._index.endpoints_of(host)

    def stats(self) -> StoreStats:
        """The number of entries, and the size of their bodies."""
        with self._lock:
            return StoreStats(len(self._entries), sum(entry.size for entry in self._entries.values()))

    def close(self) -> None:
        """Close the index. The entries stay until the process ends."""
        self._index.close()

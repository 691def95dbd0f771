"""Entries from elsewhere into a store: the newer recording wins."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import batched

from cache_store.disk.disk_store import DiskStore
from cache_store.entry import Entry
from cache_store.store import Store
from cache_store.tiers.tiered_store import TieredStore

__all__ = ["Merged", "merge"]

# A running proxy's write waits for a batch; it gives up after 2 s.
_BATCH = 200


@dataclass(slots=True)
class Merged:
    """How many entries were stored, and how many were not newer than what was there."""

    stored: int = 0
    kept: int = 0


def merge(store: Store, entries: Iterable[Entry]) -> Merged:
    """Store what is newer than what is there, in the tier of this machine. Raises StoreUnavailable."""
    target = store.near if isinstance(store, TieredStore) else store
    merged = Merged()
    for batch in batched(entries, _BATCH):
        stored = target.put_newer(batch) if isinstance(target, DiskStore) else _one_by_one(target, batch)
        merged.stored += stored
        merged.kept += len(batch) - stored
    return merged


def _one_by_one(store: Store, entries: Iterable[Entry]) -> int:
    return sum(store.put(entry, entry.recorded_at) for entry in entries)

"""Merges entries from elsewhere into a store: the newer recording wins."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import batched

from cache_store.entry import Entry
from cache_store.store import Store

__all__ = ["Merged", "merge"]

# A running proxy's write waits for one batch, and gives up after 2 s.
_BATCH = 200


@dataclass(slots=True)
class Merged:
    """How many entries were stored, and how many were not newer than the entry under their key."""

    stored: int = 0
    kept: int = 0


def merge(store: Store, entries: Iterable[Entry]) -> Merged:
    """Store the entries that are newer than those under their keys, in the tier of this machine.

    Raises StoreUnavailable.
    """
    merged = Merged()
    for batch in batched(entries, _BATCH):
        stored = len(store.local.put_newer(batch))
        merged.stored += stored
        merged.kept += len(batch) - stored
    return merged

"""Closes the holes in sequences of equal requests at the end of a run."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace

from addon.policy.variants import nth_key
from cache_store.entry import Entry
from cache_store.errors import EntryError
from cache_store.store import Store

__all__ = ["close_holes"]


def close_holes(store: Store, used: Iterable[str]) -> dict[str, str]:
    """Renumber the entries of each sequence in `used`, in order; returns the new key of each one that moved.

    Of requests in flight together, one may have had no answer to keep: a replay would miss at its number. `used`
    are the keys that the run stored or served. Raises StoreError.
    """
    highest: dict[str, int] = {}
    for key in used:
        base, _, number = key.rpartition(".")
        if base and number.isdecimal():
            highest[base] = max(highest.get(base, 1), int(number))
    moved = {}
    for base, top in highest.items():
        free = 1
        for n in range(1, top + 1):
            entry = _get(store, nth_key(base, n))
            if entry is None:
                continue
            if n > free:
                moved[entry.key] = nth_key(base, free)
                store.put(replace(entry, key=moved[entry.key]))
                store.remove(entry.key)
            free += 1
    return moved


def _get(store: Store, key: str) -> Entry | None:
    with suppress(EntryError):
        return store.get(key)
    return None

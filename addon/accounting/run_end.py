"""Looks at the entries that a run used, once it has ended."""

from __future__ import annotations

import time
from dataclasses import dataclass

from addon.accounting.costs import billed_entry
from addon.accounting.counts import RunCounts
from cache_store.entry import Entry
from cache_store.errors import EntryError
from cache_store.store import Store

__all__ = ["EndOfRun", "UsedEntry"]


@dataclass(frozen=True, slots=True)
class UsedEntry:
    """An entry that a run used. `digest` is the SHA-256 in hex of the stored entry, '' if the entry is gone.

    `recorded_at` is Unix seconds, `label` the request in one line.
    """

    key: str
    digest: str
    recorded_at: float
    label: str


@dataclass(slots=True)
class EndOfRun:
    """Looks at the entries that a run used; with `unused`, it lists the keys of all others, too."""

    unused: bool = False
    used: tuple[UsedEntry, ...] = ()

    def look(self, store: Store, counts: RunCounts) -> None:
        """Read each used entry once, for its cost and its digest. Raises StoreError."""
        self.used = tuple(self._used(store, counts, key, times) for key, times in sorted(counts.used.items()))
        counts.spent.settle()
        counts.saved.settle()
        if self.unused:
            keys = list(store.keys())
            counts.unused = [key for key in keys if key not in counts.used and _is_answer(store, key)]
        counts.ended_at = time.time()

    def _used(self, store: Store, counts: RunCounts, key: str, times: int) -> UsedEntry:
        entry = _read(store, key)
        if entry is None:
            return UsedEntry(key, "", 0.0, "")
        if times and (billed := billed_entry(entry)) is not None:
            counts.saved.add(*billed, times)
        return UsedEntry(key, entry.encode()[-32:].hex(), entry.recorded_at, _label(entry))


def _label(entry: Entry) -> str:
    method, host, path, model = (entry.label.get(name, "") for name in ("method", "host", "path", "model"))
    text = f"{method} {host}{path} {model}"
    return "".join(c if c.isprintable() else "?" for c in text).strip()


def _is_answer(store: Store, key: str) -> bool:
    """Whether the entry is an answer, not one of the cache's own notes."""
    entry = _read(store, key)
    return entry is not None and entry.label.get("method") != "-"


def _read(store: Store, key: str) -> Entry | None:
    try:
        return store.get(key)
    except EntryError:
        return None

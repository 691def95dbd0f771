"""Looks at the entries that a run used, once it has ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

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
    """Looks at the entries that a run used; with `unused`, it lists the keys of all others, too.

    `ran` are the tests that ran to their end, None if the run knows no tests, and `used_by` has the tests that have
    ever used an entry. In a run of some tests, an entry counts as unused only if all tests that ever used it ran.
    """

    unused: bool = False
    used: tuple[UsedEntry, ...] = ()
    ran: AbstractSet[str] | None = None
    used_by: Mapping[str, AbstractSet[str]] = field(default_factory=dict)

    def look(self, store: Store, counts: RunCounts) -> None:
        """Read each used entry once, for its cost and its digest. Raises StoreError."""
        self.used = tuple(self._used(store, counts, key, times) for key, times in sorted(counts.used.items()))
        counts.spent.settle()
        counts.saved.settle()
        if self.unused:
            owned = self._owned_by_the_run()
            keys = list(store.keys())
            unused = (key for key in keys if key not in counts.used and owned(key))
            counts.unused = [key for key in unused if _is_answer(store, key)]
        counts.ended_at = time.time()

    def _owned_by_the_run(self) -> Callable[[str], bool]:
        """Tells whether no test needs an entry but those that ran, as far as that is known."""
        ran, used_by = self.ran, self.used_by
        if ran is None:
            return lambda _: True  # the run is taken for a whole one
        is_whole = all(tests <= ran for tests in used_by.values())
        return lambda key: used_by[key] <= ran if key in used_by else is_whole

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

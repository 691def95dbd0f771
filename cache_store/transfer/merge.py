"""Merges entries from elsewhere into a store: the newer recording wins."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import batched

from cache_store.entry import Entry
from cache_store.errors import EntryError
from cache_store.store import Store

__all__ = ["Merged", "admitted", "merge"]

# A running proxy's write waits for one batch, and gives up after 2 s.
_BATCH = 200


@dataclass(slots=True)
class Merged:
    """Under how many keys an entry was stored, and how many entries were not newer than the one under their key."""

    stored: int = 0
    kept: int = 0


def admitted(
    entries: Iterable[Entry], source: str, admit: Callable[[Entry], Entry], refused: list[str]
) -> Iterator[Entry]:
    """The entries of `source` as `admit` returns them. For each one that it refuses, a line goes to `refused`."""
    for entry in entries:
        try:
            yield admit(entry)
        except EntryError as error:
            refused.append(f"{source}: entry {entry.key[:16]}: {error}")


def merge(store: Store, entries: Iterable[Entry], advance: Callable[[int], None] = lambda _: None) -> Merged:
    """Store the entries that win against those under their keys, in the tier of this machine.

    `advance` is called with the number of each further ones. Raises StoreUnavailable.
    """
    keys: set[str] = set()
    kept = 0
    for batch in batched(entries, _BATCH):
        stored = store.local.put_newer(batch)
        keys.update(entry.key for entry in stored)
        kept += len(batch) - len(stored)
        advance(len(batch))
    return Merged(len(keys), kept)

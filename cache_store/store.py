"""What every store can do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from cache_store.entry import Entry

__all__ = ["Store", "StoreStats"]


@dataclass(frozen=True, slots=True)
class StoreStats:
    """What a store holds: entries, and the bytes that they take."""

    entries: int
    bytes: int


class Store(Protocol):
    """Entries by key. Every method may raise StoreUnavailable, and `get` an EntryError."""

    def open(self) -> None:
        """Make it ready; does nothing where it is."""

    def get(self, key: str) -> Entry | None:
        """The entry under `key`."""

    def put(self, entry: Entry, began_at: float | None = None) -> bool:
        """Store `entry`; False where a newer one than `began_at` (Unix seconds) was kept."""

    def remove(self, key: str) -> bool:
        """Remove the entry under `key`; True if there was one."""

    def clear(self) -> int:
        """Remove every entry; how many there were."""

    def keys(self) -> Iterator[str]:
        """Every entry's key."""

    def iterate(self) -> Iterator[Entry]:
        """Every entry that can be used."""

    def stats(self) -> StoreStats:
        """What it holds."""

    def close(self) -> None:
        """Let go of files and connections."""

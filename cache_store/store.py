"""The interface of every store."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from cache_store.entry import Entry

__all__ = ["Aside", "KeepsAside", "Store", "StoreStats"]


@dataclass(frozen=True, slots=True)
class StoreStats:
    """The number of entries in a store, and the bytes that they take."""

    entries: int
    bytes: int


class Store(Protocol):
    """Entries by key. Every method may raise StoreUnavailable, and `get` an EntryError.

    The stores' own docstrings say only how they differ from this.
    """

    @property
    def local(self) -> Store:
        """The tier on this machine: the store itself, unless other machines share a tier behind it."""

    def open(self) -> None:
        """Make the store ready; does nothing if it is."""

    def get(self, key: str) -> Entry | None:
        """The entry under `key`."""

    def put(self, entry: Entry, began_at: float | None = None) -> bool:
        """Store `entry`; False if an entry newer than `began_at` (Unix seconds) was kept."""

    def put_newer(self, entries: Iterable[Entry]) -> list[Entry]:
        """Store those of `entries` that win (`cache_store.entry.wins`) against the entries under their keys.

        Returns the stored ones, maybe without their bodies.
        """

    def remove(self, key: str) -> bool:
        """Remove the entry under `key`; True if there was one."""

    def clear(self) -> int:
        """Remove every entry; how many there were."""

    def keys(self, prefix: str = "") -> Iterator[str]:
        """The key of every entry, or of those whose keys begin with `prefix`, in any order."""

    def iterate(self) -> Iterator[Entry]:
        """Every entry that can be used."""

    def stored_at(self, key: str) -> float | None:
        """When the entry under `key` was stored here, in Unix seconds; None if that is not known. Never raises."""

    def stats(self) -> StoreStats:
        """What the store holds."""

    def close(self) -> None:
        """Release files and connections."""


@dataclass(frozen=True, slots=True)
class Aside:
    """One recording that was set aside: its key, why, and in Unix seconds when it was recorded and set aside.

    `row` is the key of its row.
    """

    row: str
    key: str
    why: str
    recorded_at: float
    at: float


@runtime_checkable
class KeepsAside(Protocol):
    """A store that can set entries aside. Every method may raise StoreUnavailable."""

    def set_aside(self, keys: Iterable[str], why: str) -> list[str]:
        """Set the entries under `keys` aside; the keys of those that were there."""

    def latest_aside(self, key: str) -> Aside | None:
        """The latest recording under `key` that was set aside."""

    def entries_aside(self) -> Iterable[Entry]:
        """Every recording that was set aside and can be used, each key's latest last."""

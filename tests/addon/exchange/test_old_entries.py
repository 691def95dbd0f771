"""The note about entries of an older key version."""

from __future__ import annotations

from addon.exchange.old_entries import old_entries_note
from cache_store.entry import Entry
from cache_store.errors import StoreUnavailable
from cache_store.tiers.memory_store import MemoryStore


def _store(*keys: str) -> MemoryStore:
    store = MemoryStore()
    store.open()
    for key in keys:
        store.put(Entry(key, 200, "OK", (), b"", 1.0, 0.1, "run"))
    return store


def test_old_entries_are_counted() -> None:
    """Only entries of version 1 count; without any there is nothing to say."""
    assert old_entries_note(_store("pp2-a", "pp2-b.2")) == ""
    assert old_entries_note(_store("pp1-a", "pp2-b")) == (
        "1 entry was recorded by an earlier version and is never found: run `provider-proxy rekey`"
    )
    assert old_entries_note(_store("pp1-a", "pp1-a.2", "pp2-b")).startswith("2 entries were recorded")


def test_a_store_that_cannot_be_read_says_nothing() -> None:
    """A cache that fails at the start is reported elsewhere, and must not stop it."""

    class Failing(MemoryStore):
        def keys(self):  # type: ignore[no-untyped-def]
            raise StoreUnavailable("locked")

    assert old_entries_note(Failing()) == ""

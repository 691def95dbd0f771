"""Sequences have no holes when a run has ended."""

from __future__ import annotations

from addon.exchange.repeats import close_holes
from cache_store.entry import Entry
from cache_store.tiers.memory_store import MemoryStore


def _stored(*keys: str) -> MemoryStore:
    store = MemoryStore()
    for key in keys:
        store.put(Entry(key, 200, "OK", (), key.encode(), 1.0, 1.0, "run"))
    return store


def _bodies(store: MemoryStore) -> dict[str, bytes]:
    return {entry.key: entry.body for entry in store.iterate()}


def test_entries_move_up_in_order() -> None:
    """The order of the answers stays, and the first has the plain key."""
    store = _stored("pp2-a.2", "pp2-a.4", "pp2-a.5", "pp2-b")
    moved = close_holes(store, ["pp2-a.2", "pp2-a.4", "pp2-a.5", "pp2-b"])
    assert moved == {"pp2-a.2": "pp2-a", "pp2-a.4": "pp2-a.2", "pp2-a.5": "pp2-a.3"}
    assert _bodies(store) == {
        "pp2-a": b"pp2-a.2",
        "pp2-a.2": b"pp2-a.4",
        "pp2-a.3": b"pp2-a.5",
        "pp2-b": b"pp2-b",
    }


def test_a_sequence_without_holes_stays() -> None:
    """Entries that the run did not use belong to the sequence as well, up to the last that it used."""
    store = _stored("pp2-a", "pp2-a.2", "pp2-a.3", "pp2-a.5")
    assert close_holes(store, ["pp2-a.3"]) == {}
    assert sorted(_bodies(store)) == ["pp2-a", "pp2-a.2", "pp2-a.3", "pp2-a.5"]


def test_a_test_id_in_a_key_is_not_a_number() -> None:
    """Keys per test have their number behind the test."""
    test = "pp2-a@" + "0" * 32
    store = _stored(f"{test}.3", "pp2-a.b")
    assert close_holes(store, [f"{test}.3", "pp2-a.b"]) == {f"{test}.3": test}

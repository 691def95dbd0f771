"""Entries in memory."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from cache_store.entry import Entry
from cache_store.store import StoreStats
from cache_store.tiers.memory_store import MemoryStore


def _entry(key: str, recorded_at: float = 1000.0, body: bytes = b"12345") -> Entry:
    return Entry(key, 200, "OK", (), body, recorded_at, 0.1, "run")


@pytest.fixture
def make() -> Iterator[Callable[..., MemoryStore]]:
    """Makes stores, and closes them after the test."""
    made: list[MemoryStore] = []

    def new(**limits: int) -> MemoryStore:
        made.append(MemoryStore(**limits))
        return made[-1]

    yield new
    for store in made:
        store.close()


def test_what_is_put_is_got(make: Callable[..., MemoryStore]) -> None:
    """An entry comes back under its key, and nothing under another."""
    store = make()
    store.open()
    entry = _entry("pp1-a")
    assert store.put(entry) is True
    assert store.get("pp1-a") == entry
    assert store.get("pp1-b") is None


def test_the_least_recently_used_goes_first(make: Callable[..., MemoryStore]) -> None:
    """Past the limit, what was neither got nor put for the longest time is forgotten."""
    store = make(max_entries=2)
    store.put(_entry("pp1-a"))
    store.put(_entry("pp1-b"))
    store.get("pp1-a")
    store.put(_entry("pp1-c"))
    assert list(store.keys()) == ["pp1-a", "pp1-c"]
    store.put(_entry("pp1-a", body=b"new"))
    store.put(_entry("pp1-d"))
    assert [entry.key for entry in store.iterate()] == ["pp1-a", "pp1-d"]


@pytest.mark.parametrize("limit", [0, -5])
def test_it_holds_at_least_one_entry(make: Callable[..., MemoryStore], limit: int) -> None:
    """A limit below 1 counts as 1, so that an answer is there for the very next request."""
    store = make(max_entries=limit)
    store.put(_entry("pp1-a"))
    store.put(_entry("pp1-b"))
    assert list(store.keys()) == ["pp1-b"]


def test_a_slow_old_request_does_not_beat_a_newer_answer(make: Callable[..., MemoryStore]) -> None:
    """An entry recorded after `began_at` stays; without `began_at`, or where it is older, it is replaced."""
    store = make()
    now = time.time()
    store.put(_entry("pp1-a", now - 10, b"new"))
    assert store.put(_entry("pp1-a", now, b"late"), began_at=now - 20) is False
    assert store.get("pp1-a") == _entry("pp1-a", now - 10, b"new")
    assert store.put(_entry("pp1-a", now, b"later"), began_at=now - 5) is True
    assert store.put(_entry("pp1-a", now - 99, b"forced")) is True
    assert store.get("pp1-a") == _entry("pp1-a", now - 99, b"forced")


def test_an_entry_from_the_future_counts_as_old(make: Callable[..., MemoryStore]) -> None:
    """A clock that was set back does not protect an entry for ever."""
    store = make()
    store.put(_entry("pp1-a", time.time() + 3600))
    assert store.put(_entry("pp1-a", body=b"new"), began_at=time.time() - 20) is True


def test_entries_are_removed_and_counted(make: Callable[..., MemoryStore]) -> None:
    """`remove` and `clear` say what they did, and `stats` what is left."""
    store = make()
    for key in ("pp1-a", "pp1-b", "pp1-c"):
        store.put(_entry(key))
    assert store.stats() == StoreStats(entries=3, bytes=15)
    assert store.remove("pp1-a") is True
    assert store.remove("pp1-a") is False
    assert store.clear() == 2
    assert store.stats() == StoreStats(entries=0, bytes=0)


def test_closing_forgets_nothing(make: Callable[..., MemoryStore]) -> None:
    """`close` and another `open` leave the entries of the process where they are."""
    store = make()
    store.put(_entry("pp1-a"))
    store.close()
    store.open()
    assert store.get("pp1-a") is not None


def test_listing_while_another_thread_writes(make: Callable[..., MemoryStore]) -> None:
    """Keys and entries are listed from a copy: a write meanwhile disturbs nobody."""
    store = make(max_entries=50)
    stop = threading.Event()

    def write() -> None:
        n = 0
        while not stop.is_set():
            store.put(_entry(f"pp1-{n % 100}"))
            n += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(300):
            assert all(key.startswith("pp1-") for key in list(store.keys()))
            assert all(entry.status == 200 for entry in store.iterate())
    finally:
        stop.set()
        writer.join()

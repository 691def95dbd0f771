"""Merging: the newer recording wins."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from cache_store.disk.disk_store import DiskStore
from cache_store.entry import Entry
from cache_store.tiers.memory_store import MemoryStore
from cache_store.tiers.tiered_store import TieredStore
from cache_store.transfer.merge import merge


def _entry(key: str, recorded_at: float, body: bytes = b"x") -> Entry:
    return Entry(key, 200, "OK", (), body, recorded_at, 0.1, "run")


@pytest.mark.parametrize("kind", ["disk", "memory", "tiered"])
def test_the_newer_recording_wins(tmp_path: Path, kind: str) -> None:
    """What is newer or lacking is stored, what is older is kept; the entry's own time decides."""
    disk = DiskStore(tmp_path / "cache")
    memory, far = MemoryStore(), MemoryStore()
    store = {"disk": disk, "memory": memory, "tiered": TieredStore(disk, far)}[kind]
    with contextlib.closing(disk), contextlib.closing(memory), contextlib.closing(far):
        store.open()
        store.put(_entry("pp1-a", 1000.0))
        store.put(_entry("pp1-b", 1000.0))
        done = merge(
            store, [_entry("pp1-a", 2000.0, b"new"), _entry("pp1-b", 500.0, b"old"), _entry("pp1-c", 1.0)]
        )
        assert (done.stored, done.kept) == (2, 1)
        assert store.get("pp1-a") == _entry("pp1-a", 2000.0, b"new")
        assert store.get("pp1-b") == _entry("pp1-b", 1000.0)
        assert store.get("pp1-c") == _entry("pp1-c", 1.0)


def test_many_are_merged_in_batches(tmp_path: Path) -> None:
    """More than one batch arrives whole, and twice the same stores nothing the second time."""
    store = DiskStore(tmp_path / "cache")
    entries = [_entry(f"pp1-{number}", 5.0) for number in range(450)]
    with contextlib.closing(store):
        assert merge(store, entries).stored == 450
        again = merge(store, entries)
        assert (again.stored, again.kept) == (0, 450)
        assert store.stats().entries == 450

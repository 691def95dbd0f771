"""Recordings that are set aside: nothing finds them, nothing deletes them, and `restore` brings them back."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from cache_store.disk.disk_store import DiskStore
from cache_store.disk.staged_store import StagedStore
from cache_store.entry import Entry
from cache_store.nearest.nearest_index import NearestIndex

RUN = "0123456789abcdef0123456789abcdef"


def _entry(key: str, body: bytes = b'{"id": "asst_12"}', recorded_at: float = 1_790_000_000.0) -> Entry:
    return Entry(key, 200, "OK", (), body, recorded_at, 0.5, "run-1", {"host": "h"}, "json", b"{}")


@pytest.mark.parametrize("body", [b'{"id": "asst_12"}', os.urandom(2**20 + 1)], ids=["row", "file"])
def test_an_entry_that_was_set_aside_is_not_found_and_comes_back_unchanged(
    store: DiskStore, body: bytes
) -> None:
    """No look-up, list or count shows it, also where its answer lies in a file; its key and its reason are kept."""
    entry = _entry("pp2-a", body)
    store.put(entry)
    store.put(_entry("pp2-b"))
    assert store.set_aside(["pp2-a", "pp2-missing"], "the provider no longer knows it") == ["pp2-a"]
    assert store.get("pp2-a") is None
    assert list(store.keys()) == ["pp2-b"]
    assert store.stats().entries == 1
    (aside,) = store.all_aside()
    assert (aside.key, aside.why, aside.recorded_at) == (
        "pp2-a",
        "the provider no longer knows it",
        1_790_000_000.0,
    )
    assert store.latest_aside("pp2-a") == aside
    assert list(store.entries_aside()) == [entry]
    assert store.restore(None) == (["pp2-a"], [])
    assert store.get("pp2-a") == entry
    assert not store.all_aside()
    store.close()
    index = NearestIndex(store.directory)
    assert index.keys_after("", 9) == ["pp2-a", "pp2-b"]
    index.close()


def test_a_newer_recording_stays_unless_it_is_to_be_replaced(store: DiskStore) -> None:
    """`restore` never deletes: the newer recording is set aside where the earlier one takes its place."""
    old, new = _entry("pp2-a"), _entry("pp2-a", b'{"id": "asst_13"}', 1_790_000_100.0)
    store.put(old)
    store.set_aside(["pp2-a"], "unknown")
    store.put(new)
    assert store.restore(["pp2-a"]) == ([], ["pp2-a"])
    assert store.get("pp2-a") == new
    assert store.restore(["pp2-a"], replaces=True) == (["pp2-a"], [])
    assert store.get("pp2-a") == old
    assert list(store.entries_aside()) == [new]


def test_what_is_set_aside_twice_is_kept_twice(store: DiskStore) -> None:
    """A later recording of the same request does not overwrite the earlier one; the latest comes back first."""
    old, new = _entry("pp2-a"), _entry("pp2-a", b'{"id": "asst_13"}', 1_790_000_100.0)
    for entry in (old, new):
        store.put(entry)
        store.set_aside(["pp2-a"], "unknown")
    assert list(store.entries_aside()) == [old, new]
    assert store.restore(None) == (["pp2-a"], [])
    assert store.get("pp2-a") == new
    assert list(store.entries_aside()) == [old]


def test_a_merge_does_not_bring_it_back(store: DiskStore) -> None:
    """A pull or an import of the same recording is not newer; a later recording is stored."""
    old, new = _entry("pp2-a"), _entry("pp2-a", recorded_at=1_790_000_100.0)
    store.put(old)
    store.set_aside(["pp2-a"], "unknown")
    assert store.put_newer([old]) == []
    assert [entry.recorded_at for entry in store.put_newer([new])] == [new.recorded_at]


def test_one_key_is_not_taken_for_another_that_it_begins(store: DiskStore) -> None:
    """Keys may contain colons and line ends; each has its own recordings."""
    for key in ("pp2-a", "pp2-a:b", "pp2-a:b\n:000001"):
        store.put(_entry(key, key.encode()))
        store.set_aside([key], "unknown")
    assert store.restore(["pp2-a:b"]) == (["pp2-a:b"], [])
    found = store.get("pp2-a:b")
    assert found is not None
    assert found.body == b"pp2-a:b"
    assert sorted(aside.key for aside in store.all_aside()) == ["pp2-a", "pp2-a:b\n:000001"]


def test_clear_removes_what_was_set_aside(store: DiskStore) -> None:
    """Who empties a cache because of a secret in it must not leave the secret behind."""
    store.put(_entry("pp2-a"))
    store.set_aside(["pp2-a"], "unknown")
    assert store.clear() == 0
    assert not store.all_aside()


@pytest.mark.parametrize("ends", [StagedStore.commit, StagedStore.discard], ids=["commit", "discard"])
def test_a_staged_run_sets_aside_when_it_is_committed(
    store: DiskStore, ends: Callable[[StagedStore], object]
) -> None:
    """The run itself no longer sees the entry; the cache changes only if the run counts."""
    entry = _entry("pp2-a")
    store.put(entry)
    staged = StagedStore(store, RUN)
    staged.open()
    assert staged.set_aside(["pp2-a", "pp2-b"], "unknown") == ["pp2-a"]
    assert staged.get("pp2-a") is None
    ends(staged)
    committed = ends is StagedStore.commit
    assert store.get("pp2-a") == (None if committed else entry)
    assert [aside.why for aside in store.all_aside()] == (["unknown"] if committed else [])


def test_foreign_rows_are_passed_over(store: DiskStore, folder: Path) -> None:
    """A cache from elsewhere may hold any row: one without a note or an entry neither lists nor restores garbage."""
    store.put(replace(_entry("pp2-a")))
    store.set_aside(["pp2-a"], "unknown")
    store._write(lambda cache: cache.set("aside:pp2-x:1", b"no note"))
    store._write(lambda cache: cache.set("aside:pp2-y:000001", b"[1]\nno entry"))
    assert [(aside.key, aside.why) for aside in store.all_aside()] == [("pp2-a", "unknown"), ("pp2-y", "")]
    assert [entry.key for entry in store.entries_aside()] == ["pp2-a"]
    assert store.restore(None) == (["pp2-a"], ["pp2-y"])
    assert folder.is_dir()

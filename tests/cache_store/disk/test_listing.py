"""Entries in the order of recording, from a place on: what was stored since, and nothing that was there before."""

from __future__ import annotations

import os
from dataclasses import replace

from cache_store.disk.disk_store import DiskStore
from cache_store.disk.listing import Recorded
from cache_store.entry import Entry

ENTRY = Entry("pp2-a", 200, "OK", (), b"{}", 1000.0, 0.25, "run-1", {"method": "POST"}, "chat", b"{}")


def since(store: DiskStore, mark: Recorded | None) -> list[str]:
    """The keys of what was stored after it."""
    return [recorded.key for recorded in store.recorded_after(mark)]


def test_only_what_was_stored_since_is_listed(store: DiskStore) -> None:
    """New entries are, in a row or in a file, and those that replace an older one; the others are not."""
    for name in "abc":
        store.put(replace(ENTRY, key=f"pp2-{name}"))
    mark = list(store.recorded_after(None))[-1]
    assert (mark.key, since(store, mark)) == ("pp2-c", [])
    long = replace(ENTRY, key="pp2-d", body=os.urandom(2**20 + 1))
    store.put(long)
    store.put(replace(ENTRY, key="pp2-a", body=b"again"))
    store.put_newer([replace(ENTRY, key="pp2-b", recorded_at=2000.0), replace(ENTRY, key="pp2-c")])
    assert since(store, mark) == ["pp2-d", "pp2-a", "pp2-b"]
    checksums = {each.key: each.checksum for each in store.recorded_after(None)}
    assert checksums["pp2-d"] == long.encode()[-32:]
    assert checksums["pp2-c"] == replace(ENTRY, key="pp2-c").encode()[-32:]


def test_a_mark_that_is_gone_lists_everything(store: DiskStore) -> None:
    """A place may be taken again by another entry, or by the same key with another answer."""
    store.put(ENTRY)
    store.put(replace(ENTRY, key="pp2-b"))
    mark = list(store.recorded_after(None))[-1]
    store.remove("pp2-b")
    assert since(store, mark) == ["pp2-a"]
    store.put(replace(ENTRY, key="pp2-b", body=b"another"))
    assert list(store.recorded_after(None))[-1].place == mark.place
    assert since(store, mark) == ["pp2-a", "pp2-b"]


def test_a_value_file_that_is_gone_has_no_checksum(store: DiskStore) -> None:
    """It is listed: whoever reads the entry learns that it is damaged."""
    store.put(replace(ENTRY, body=os.urandom(2**20 + 1)))
    for path in store.directory.rglob("*.val"):
        path.unlink()
    assert [each.checksum for each in store.recorded_after(None)] == [b""]


def test_keys_come_in_their_order_a_page_at_a_time(store: DiskStore) -> None:
    """Our own format row is not among them."""
    for name in "cab":
        store.put(replace(ENTRY, key=f"pp2-{name}"))
    assert store.keys_after("", 2) == ["pp2-a", "pp2-b"]
    assert store.keys_after("pp2-b", 2) == ["pp2-c"]
    assert store.keys_after("pp2-c", 2) == []


def test_keys_that_begin_alike_are_found_without_the_others(store: DiskStore) -> None:
    """Those before and behind them are not among them, however many they are."""
    store.put_newer(
        replace(ENTRY, key=f"{version}-{n:04d}") for version in ("pp1", "pp2") for n in range(1200)
    )
    assert list(store.keys("pp1-")) == [f"pp1-{n:04d}" for n in range(1200)]
    assert list(store.keys("pp2-11")) == [f"pp2-{n}" for n in range(1100, 1200)]
    assert list(store.keys("pp3-")) == []

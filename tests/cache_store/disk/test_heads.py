"""An entry's head: all but its body, for those who compare requests."""

from __future__ import annotations

import json
import time
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest

from addon.diagnosis import diagnose
from cache_store.disk.disk_store import DiskStore
from cache_store.disk.staged_store import StagedStore
from cache_store.entry import Entry
from cache_store.errors import CorruptEntry, EntryError, UnknownSchema
from cache_store.tiers.memory_store import MemoryStore

LARGE = bytes(8 * 2**20)
ENTRY = Entry(
    "pp1-a", 200, "OK", ((b"x-a", b"1"),), b"short", 1.0, 0.25, "run-1",
    label={"method": "POST", "host": "h", "path": "/v1"}, request_json=b'{"host":"h","path":"/v1","body":null}',
)  # fmt: skip


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DiskStore]:
    """An open store."""
    opened = DiskStore(tmp_path / "cache")
    yield opened
    opened.close()


@pytest.mark.parametrize("body", [b"short", LARGE])
def test_it_is_the_entry_without_its_body(store: DiskStore, body: bytes) -> None:
    """Whether the answer lies in its row or in a file; where there is no entry there is no head."""
    store.put(replace(ENTRY, body=body))
    assert store.head("pp1-a") == replace(ENTRY, body=b"")
    assert store.head("pp1-b") is None


def test_a_directory_that_cannot_be_written_has_heads(
    store: DiskStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading them needs no more than reading entries."""
    store.put(replace(ENTRY, body=LARGE))
    store.close()
    monkeypatch.setattr("cache_store.disk.cache_handles.is_writable", lambda _: False)
    monkeypatch.setattr("cache_store.disk.read_only_cache.is_writable", lambda _: False)
    assert store.head("pp1-a") == replace(ENTRY, body=b"")


def test_a_long_body_is_not_read(store: DiskStore) -> None:
    """Neither by asking for the head, nor to explain a miss beside it, nor to see which recording is newer."""
    store.put(replace(ENTRY, body=LARGE))
    wanted = json.dumps({"host": "h", "path": "/v1", "body": {"kind": "text", "value": "x"}}).encode()
    tracemalloc.start()
    try:
        store.head("pp1-a")
        found = diagnose("pp1-b", wanted, ENTRY.label, store)
        store.put(ENTRY, began_at=2.0)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found.nearest == "pp1-a"
    assert peak < 2**20


@pytest.mark.parametrize(
    ("damage", "error"),
    [
        (lambda data: data[:10], CorruptEntry),
        (lambda data: data[:60], CorruptEntry),
        (lambda data: b"", CorruptEntry),
        (lambda data: b"x" + data[1:], CorruptEntry),
        (lambda data: data[:3] + b"\x63" + data[4:], UnknownSchema),
        (lambda data: data[:4] + b"\xff" * 8 + data[12:], CorruptEntry),
        (lambda data: data.replace(b'"status"', b'"sta!us"'), CorruptEntry),
    ],
)
def test_what_has_no_sound_head_is_corrupt(damage, error) -> None:  # type: ignore[no-untyped-def]  # any damage
    """Cut short, not ours, of another schema, with lengths that do not hold, or with a description that is none."""
    with pytest.raises(error):
        Entry.read_head(BytesIO(damage(ENTRY.encode())))


def test_a_head_under_another_key_is_corrupt(store: DiskStore) -> None:
    """As the whole entry would be."""
    store.put(ENTRY)
    store._handles.writer().set("pp1-b", ENTRY.encode())
    with pytest.raises(EntryError):
        store.head("pp1-b")


def test_a_newer_recording_that_cannot_be_used_is_in_nobodys_way(store: DiskStore) -> None:
    """A sound head is not enough to keep a whole answer out."""
    newer = replace(ENTRY, recorded_at=time.time() - 1)
    store.put(newer)
    damaged = bytearray(newer.encode())
    damaged[-40] ^= 1
    assert store.put(ENTRY, began_at=5.0) is False
    store._handles.writer().set("pp1-a", bytes(damaged))
    assert store.put(ENTRY, began_at=5.0) is True
    assert store.get("pp1-a") == ENTRY


def test_other_stores_have_heads_too(tmp_path: Path) -> None:
    """Memory hands out what it has; a staged run looks at its own entries first."""
    memory = MemoryStore()
    memory.put(ENTRY)
    assert memory.head("pp1-a") == ENTRY
    staged = StagedStore(DiskStore(tmp_path / "base"), "0" * 32)
    staged.open()
    staged.base.put(replace(ENTRY, run="before"))
    assert staged.head("pp1-a") == replace(ENTRY, run="before", body=b"")
    staged.put(replace(ENTRY, body=LARGE))
    assert staged.head("pp1-a") == replace(ENTRY, body=b"")
    staged.remove("pp1-a")
    assert staged.head("pp1-a") is None
    staged.close()

"""Many entries in one transaction, and which of two recordings is kept."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cache_store.disk.disk_store import DiskStore
from cache_store.entry import Entry

ENTRY = Entry(
    key="pp1-a",
    status=200,
    reason="OK",
    headers=((b"Content-Type", b"application/json"), (b"x-a", b"1"), (b"x-a", b"\xff")),
    body=b'{"a": 1}',
    recorded_at=1_790_000_000.5,
    elapsed=0.25,
    run="run-1",
    label={"method": "POST"},
    judged="chat",
    request_json=b'{"method": "POST"}',
)


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*.val") if path.is_file()]


def test_a_batch_that_fails_leaves_what_was_there(store: DiskStore) -> None:
    """No row of it is stored, and no file is gone that a row names; one that succeeds leaves no file behind."""
    long = replace(ENTRY, body=os.urandom(2**20 + 1), recorded_at=1000.0)
    newer = replace(long, body=os.urandom(2**20 + 2), recorded_at=2000.0)
    store.put(long)

    def broken() -> Iterator[Entry]:
        yield newer
        raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError):
        store.put_newer(broken())
    assert store.get(ENTRY.key) == long
    assert len(store.put_newer([newer])) == 1
    assert store.get(ENTRY.key) == newer
    assert len(_files(store.directory)) == 1


def test_a_batch_that_fails_takes_no_other_threads_file_along(store: DiskStore) -> None:
    """What another thread stores while the batch waits for its turn is not the batch's."""
    long = replace(ENTRY, body=os.urandom(2**20 + 1))
    assert store.put_newer([]) == []

    def meanwhile() -> None:
        other = threading.Thread(target=lambda: (store.put(long), store.close()))
        other.start()
        other.join()
        raise RuntimeError("no turn came")

    with pytest.raises(RuntimeError), store._handles.writer().disk.removing_later():
        meanwhile()
    assert store.get(ENTRY.key) == long


def test_the_newer_recording_wins_within_one_batch(store: DiskStore) -> None:
    """In either order: an entry is compared with what the same transaction has written before."""
    old, new = (replace(ENTRY, recorded_at=at, body=b"%d" % at) for at in (1000, 2000))
    for key, entries in (("pp1-a", [old, new]), ("pp1-b", [new, old])):
        stored = store.put_newer(replace(entry, key=key) for entry in entries)
        assert len(stored) == (2 if key == "pp1-a" else 1)
        kept = store.get(key)
        assert kept is not None
        assert kept.body == b"2000"


@pytest.mark.parametrize(
    "times", [(1000.0, 1000.0), (2.0**36, 2.0**36), (2.0**36, 2.0**35), (2.0**36, 1000.0)]
)
def test_merging_converges(tmp_path: Path, times: tuple[float, float]) -> None:
    """Two machines that merge the same recordings in different orders keep the same one, whatever their times."""
    entries = [
        replace(ENTRY, recorded_at=at, body=body) for at, body in zip(times, (b"x", b"y"), strict=True)
    ]
    kept = []
    for name, order in (("one", entries), ("two", entries[::-1])):
        store = DiskStore(tmp_path / name)
        for entry in order:
            store.put_newer([entry])
        kept.append(store.get(ENTRY.key))
        store.close()
    assert kept[0] is not None
    assert kept[0] == kept[1]


def test_an_entry_that_cannot_be_used_is_replaced_by_an_older_one(store: DiskStore) -> None:
    """Its recording time says nothing then."""
    store.put(replace(ENTRY, recorded_at=2000.0))
    with contextlib.closing(sqlite3.connect(store.directory / "cache.db")) as connection, connection:
        connection.execute(
            "UPDATE Cache SET value = CAST(substr(value, 1, length(value) - 1) || x'00' AS BLOB) WHERE key = 'pp1-a'"
        )
    assert store.put_newer([replace(ENTRY, recorded_at=1000.0)]) != []
    assert store.get(ENTRY.key) == replace(ENTRY, recorded_at=1000.0)

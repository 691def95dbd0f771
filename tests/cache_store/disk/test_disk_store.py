"""Entries in a diskcache directory."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import diskcache
import pytest

from cache_store.disk.database_check import DATABASE
from cache_store.disk.disk_store import DiskStore
from cache_store.disk.safe_disk import SETTINGS, SafeDisk
from cache_store.entry import Entry
from cache_store.errors import CorruptEntry, StoreUnavailable

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


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Another connection holds the database."""
    with contextlib.closing(sqlite3.connect(folder / DATABASE, isolation_level=None)) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        try:
            yield
        finally:
            holder.execute("ROLLBACK")


def _seconds(act: Callable[[], object]) -> float:
    started = time.monotonic()
    with pytest.raises(StoreUnavailable):
        act()
    return time.monotonic() - started


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*.val") if path.is_file()]


# -- entries ------------------------------------------------------------------


def test_what_is_put_is_got(store: DiskStore) -> None:
    """An entry comes back as it was, from this store and from another on the same directory."""
    assert store.put(ENTRY) is True
    assert store.get(ENTRY.key) == ENTRY
    other = DiskStore(store.directory)
    assert other.get(ENTRY.key) == ENTRY
    other.close()


def test_an_unknown_key_is_no_entry(store: DiskStore) -> None:
    """Nothing is under a key that was never put, and removing it says so."""
    assert store.get("pp1-none") is None
    assert store.remove("pp1-none") is False


def test_entries_are_listed_removed_and_counted(store: DiskStore) -> None:
    """Keys come in the order of recording; our own format row is not among them."""
    for name in "bca":
        store.put(replace(ENTRY, key=f"pp1-{name}"))
    store.put(replace(ENTRY, key="pp1-b", body=b"again"))
    assert list(store.keys()) == ["pp1-c", "pp1-a", "pp1-b"]
    assert [entry.key for entry in store.iterate()] == ["pp1-c", "pp1-a", "pp1-b"]
    assert store.stats().entries == 3
    assert store.remove("pp1-c") is True
    assert store.stats().entries == 2
    assert store.clear() == 2
    assert (list(store.keys()), store.stats().entries) == ([], 0)
    assert store.put(ENTRY) is True


def test_the_bytes_that_the_directory_takes_are_counted(store: DiskStore) -> None:
    """`stats` grows by about what is stored, in the database or in a file."""
    before = store.stats().bytes
    store.put(replace(ENTRY, body=os.urandom(500_000)))
    store.put(replace(ENTRY, key="pp1-b", body=os.urandom(2_000_000)))
    assert 2_400_000 < store.stats().bytes - before < 3_000_000


def test_an_entry_under_another_entrys_key_is_corrupt(store: DiskStore) -> None:
    """A row that was moved to another key would be a wrong hit: it is refused."""
    store.put(ENTRY)
    with contextlib.closing(sqlite3.connect(store.directory / DATABASE, isolation_level=None)) as connection:
        connection.execute("UPDATE Cache SET key = 'pp1-b' WHERE key = 'pp1-a'")
    with pytest.raises(CorruptEntry):
        store.get("pp1-b")


def test_a_corrupt_entry_is_skipped_and_can_be_replaced(store: DiskStore) -> None:
    """Damage to one entry is that entry's alone, and does not count as newer than anything."""
    store.put(ENTRY)
    store.put(replace(ENTRY, key="pp1-b"))
    with contextlib.closing(sqlite3.connect(store.directory / DATABASE, isolation_level=None)) as connection:
        connection.execute("UPDATE Cache SET value = x'00' WHERE key = 'pp1-a'")
    with pytest.raises(CorruptEntry):
        store.get("pp1-a")
    assert [entry.key for entry in store.iterate()] == ["pp1-b"]
    assert store.put(ENTRY, began_at=0.0) is True
    assert store.get("pp1-a") == ENTRY


def test_a_long_answer_lies_in_a_file_that_goes_with_its_row(store: DiskStore) -> None:
    """A body over 1 MiB round trips through a file; replacing and removing it leave no file behind."""
    long = replace(ENTRY, body=os.urandom(2**20 + 1))
    store.put(long)
    assert len(_files(store.directory)) == 1
    assert store.get(ENTRY.key) == long
    store.put(replace(long, body=os.urandom(2**20 + 2)))
    assert len(_files(store.directory)) == 1
    assert store.remove(ENTRY.key) is True
    assert _files(store.directory) == []


def test_a_long_answer_is_not_copied_to_be_stored(store: DiskStore) -> None:
    """It goes from where it is to its file."""
    body = b"x" * (16 * 2**20)
    entry = replace(ENTRY, body=body)
    tracemalloc.start()
    try:
        store.put(entry)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2**20
    assert store.get(entry.key) == entry


def test_a_value_file_that_is_gone_is_a_miss(store: DiskStore) -> None:
    """Somebody removed the file: there is no entry, and a new one can be put."""
    long = replace(ENTRY, body=os.urandom(2**20 + 1))
    store.put(long)
    _files(store.directory)[0].unlink()
    assert store.get(ENTRY.key) is None
    assert store.put(long, began_at=0.0) is True
    assert store.get(ENTRY.key) == long


def test_nothing_is_ever_evicted(store: DiskStore) -> None:
    """Thousands of entries, far beyond diskcache's default limits set small, are all still there."""
    with diskcache.Cache(str(store.directory), disk=SafeDisk) as cache:
        assert (cache.size_limit, cache.cull_limit, cache.eviction_policy) == (2**62, 0, "none")
    for n in range(3000):
        store.put(replace(ENTRY, key=f"pp1-{n}"))
    assert store.stats().entries == 3000
    assert sum(1 for _ in store.iterate()) == 3000


def test_settings_of_an_existing_directory_are_set_right(store: DiskStore) -> None:
    """diskcache keeps settings in the database: limits that somebody left there do not evict anything."""
    store.put(ENTRY)
    store.close()
    loose = {
        "eviction_policy": "least-recently-stored",
        "size_limit": 1,
        "cull_limit": 10,
        "statistics": 1,
        "tag_index": 1,
        "disk_min_file_size": 1,
        "sqlite_mmap_size": 2**26,
    }
    diskcache.Cache(str(store.directory), disk=SafeDisk, **loose).close()
    for n in range(20):
        store.put(replace(ENTRY, key=f"pp1-{n}"))
    assert store.stats().entries == 21
    with contextlib.closing(sqlite3.connect(store.directory / DATABASE)) as connection:
        settings = dict(connection.execute("SELECT key, value FROM Settings"))
    assert {name: settings[name] for name in SETTINGS} == SETTINGS
    assert _files(store.directory) == []


# -- newer and older ----------------------------------------------------------


def test_a_slow_old_request_does_not_beat_a_newer_answer(store: DiskStore) -> None:
    """An entry that was recorded after the request of another began is kept."""
    now = time.time()
    newer = replace(ENTRY, recorded_at=now - 10, body=b"newer")
    store.put(newer)
    assert store.put(replace(ENTRY, recorded_at=now, body=b"late"), began_at=now - 20) is False
    assert store.get(ENTRY.key) == newer
    assert store.put(replace(ENTRY, recorded_at=now, body=b"next"), began_at=now - 5) is True
    assert store.get(ENTRY.key) == replace(ENTRY, recorded_at=now, body=b"next")


def test_a_long_answer_that_loses_leaves_no_file(store: DiskStore) -> None:
    """What is not stored because a newer entry is there takes no place."""
    now = time.time()
    store.put(replace(ENTRY, recorded_at=now - 10))
    assert store.put(replace(ENTRY, body=os.urandom(2**21)), began_at=now - 20) is False
    assert _files(store.directory) == []


def test_an_entry_from_the_future_counts_as_old(store: DiskStore) -> None:
    """Where the clock was set back, an entry of the hour that is to come again is replaced."""
    store.put(replace(ENTRY, recorded_at=time.time() + 3600))
    assert store.put(replace(ENTRY, body=b"now"), began_at=time.time() - 1) is True
    found = store.get(ENTRY.key)
    assert found is not None
    assert found.body == b"now"


def test_without_a_beginning_an_entry_is_always_replaced(store: DiskStore) -> None:
    """An import says no `began_at`: what it brings wins."""
    store.put(replace(ENTRY, recorded_at=time.time()))
    assert store.put(ENTRY) is True
    assert store.get(ENTRY.key) == ENTRY


# -- processes ----------------------------------------------------------------

_WRITER = """
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any
from cache_store.disk.disk_store import DiskStore
from cache_store.entry import Entry

folder, name, count = sys.argv[1:]
store = DiskStore(Path(folder))
n = 0
while n < int(count):
    key = f"pp1-{name}-{n}" if n % 2 else f"pp1-shared-{n}"
    body = key.encode() * (1 if n % 10 else 40_000)  # each tenth over 1 MiB with the longer name
    store.put(Entry(key, 200, "OK", (), body, 1000.0, 0.1, name))
    n += 1
    print(n, flush=True)
"""


def _writer(folder: Path, name: str, count: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", _WRITER, str(folder), name, str(count)],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).resolve().parents[2],
    )


def test_two_processes_write_at_once(folder: Path) -> None:
    """Both start on a directory that is not there yet; every entry of both is whole afterwards."""
    writers = [_writer(folder, name, 60) for name in ("first-one-here", "second-one-here")]
    assert [(writer.communicate(timeout=60), writer.returncode)[1] for writer in writers] == [0, 0]
    store = DiskStore(folder)
    entries = list(store.iterate())
    store.close()
    assert len(entries) == 30 + 2 * 30
    assert all(entry.body.startswith(entry.key.encode()) for entry in entries)


def test_a_kill_between_puts_leaves_a_clean_store(folder: Path) -> None:
    """After SIGKILL in the middle of writing, every entry that was put is there and whole, and writing goes on."""
    writer = _writer(folder, "killed-in-the-middle-of-it", 1_000_000)
    assert writer.stdout is not None
    done = 0
    while done < 60:
        done = int(writer.stdout.readline())
    writer.send_signal(signal.SIGKILL)
    rest = writer.stdout.read()  # not communicate(): it does not see what readline() has read ahead
    writer.communicate(timeout=30)
    done = max([done, *(int(line) for line in rest.split(b"\n")[:-1] if line)])
    store = DiskStore(folder)
    keys = list(store.keys())
    assert done <= len(keys) <= done + 1
    assert [entry.key for entry in store.iterate()] == keys
    assert store.put(ENTRY) is True
    with contextlib.closing(sqlite3.connect(folder / DATABASE)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    store.close()


def test_a_connection_from_before_the_directory_could_be_written_is_replaced(
    store: DiskStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite opens a database that cannot be written for reading, for as long as the connection lives."""
    store.put(ENTRY)
    connect = sqlite3.connect

    def read_only(path: str, *args: Any, **kwargs: Any) -> sqlite3.Connection:
        return connect(f"file:{path}?mode=ro", *args, **kwargs, uri=True)

    store._handles.writer().close()  # this thread connects again
    with monkeypatch.context() as patched:
        patched.setattr(sqlite3, "connect", read_only)
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            store._handles.writer()._sql("DELETE FROM Cache")
    assert store.put(replace(ENTRY, body=b"after")) is True
    assert store.get(ENTRY.key) == replace(ENTRY, body=b"after")


def test_a_transaction_that_cannot_begin_on_such_a_connection_is_begun_on_a_new_one(
    store: DiskStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """diskcache says Timeout then; of a lock it says the same, and that is not tried again."""
    store.put(ENTRY)
    begin = diskcache.Cache._transact
    errors = ["SQLITE_READONLY", "SQLITE_BUSY"]

    @contextlib.contextmanager
    def refused(cache: Any, *args: Any, **kwargs: Any) -> Iterator[Any]:
        if errors:
            try:
                error = sqlite3.OperationalError(errors[0])
                error.sqlite_errorname = errors.pop(0)
                raise error
            except sqlite3.OperationalError:
                raise diskcache.Timeout from None
        with begin(cache, *args, **kwargs) as transaction:
            yield transaction

    monkeypatch.setattr(diskcache.Cache, "_transact", refused)
    with pytest.raises(StoreUnavailable, match="locked"):
        store.put(
            replace(ENTRY, body=b"busy")
        )  # begun anew after the first error, and given up after the second
    assert errors == []
    errors[:] = ["SQLITE_READONLY"]
    assert store.put(replace(ENTRY, body=b"after")) is True
    assert store.get(ENTRY.key) == replace(ENTRY, body=b"after")
    errors[:] = ["SQLITE_BUSY", "SQLITE_BUSY"]
    with pytest.raises(StoreUnavailable, match="locked"):
        store.put(ENTRY)
    assert errors == ["SQLITE_BUSY"]

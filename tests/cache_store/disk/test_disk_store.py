"""Entries in a diskcache directory."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import diskcache
import pytest

from cache_store.disk.disk_store import READ_SECONDS, WRITE_SECONDS, DiskStore
from cache_store.disk.safe_disk import DATABASE, SETTINGS, SafeDisk
from cache_store.entry import Entry
from cache_store.errors import CorruptEntry, StoreUnavailable, UsageError

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


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the cache of a test lies; not there yet."""
    return tmp_path / "cache"


@pytest.fixture
def store(folder: Path) -> Iterator[DiskStore]:
    """An open store."""
    store = DiskStore(folder)
    store.open()
    yield store
    store.close()


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
    """Keys come in the order of first recording; our own format row is not among them."""
    for name in "bca":
        store.put(replace(ENTRY, key=f"pp1-{name}"))
    store.put(replace(ENTRY, key="pp1-b", body=b"again"))
    assert list(store.keys()) == ["pp1-b", "pp1-c", "pp1-a"]
    assert [entry.key for entry in store.iterate()] == ["pp1-b", "pp1-c", "pp1-a"]
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
    assert store.put_newer([newer]) == 1
    assert store.get(ENTRY.key) == newer
    assert len(_files(store.directory)) == 1


def test_a_batch_that_fails_takes_no_other_threads_file_along(store: DiskStore) -> None:
    """What another thread stores while the batch waits for its turn is not the batch's."""
    long = replace(ENTRY, body=os.urandom(2**20 + 1))
    assert store.put_newer([]) == 0

    def meanwhile() -> None:
        other = threading.Thread(target=lambda: (store.put(long), store.close()))
        other.start()
        other.join()
        raise RuntimeError("no turn came")

    with pytest.raises(RuntimeError), store._opened()[1].disk.removing_later():
        meanwhile()
    assert store.get(ENTRY.key) == long


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


# -- the directory ------------------------------------------------------------


def test_the_directory_is_made_for_its_user_alone(tmp_path: Path) -> None:
    """The directory is 0700 whatever the umask."""
    before = os.umask(0)
    try:
        store = DiskStore(tmp_path / "deep" / "cache")
        store.open()
        store.close()
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "deep" / "cache").stat().st_mode) == 0o700


def test_a_file_in_the_place_of_the_directory_is_wrong_use(tmp_path: Path) -> None:
    """A cache path that is a file, or lies below one, is one line that names the variable; the file stays."""
    (tmp_path / "file").write_bytes(b"mine")
    for path in (tmp_path / "file", tmp_path / "file" / "cache"):
        with pytest.raises(UsageError, match="PROVIDER_PROXY_CACHE_DIR"):
            DiskStore(path).open()
    assert (tmp_path / "file").read_bytes() == b"mine"


def test_a_name_that_diskcache_would_expand_is_expanded_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """diskcache expands variables in its directory: what is checked must be what is opened."""
    monkeypatch.setenv("CACHE_OF_TEST", "real")
    store = DiskStore(tmp_path / "$CACHE_OF_TEST")
    store.put(ENTRY)
    store.close()
    assert (tmp_path / "real" / DATABASE).exists()
    assert not (tmp_path / "$CACHE_OF_TEST").exists()


def test_an_unreadable_directory_is_wrong_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory that may not be entered is named, with the variable that chooses another."""
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(UsageError, match="cannot be read"):
        DiskStore(tmp_path / "cache").open()


@pytest.mark.parametrize("what", ["database", "directory"])
def test_a_database_that_was_deleted_while_open_is_made_again(store: DiskStore, what: str) -> None:
    """The next call after a deletion works on a new database, not on the deleted one."""
    store.put(ENTRY)
    if what == "database":
        for path in store.directory.glob(f"{DATABASE}*"):
            path.unlink()
    else:
        for path in store.directory.iterdir():
            path.unlink()
        store.directory.rmdir()
    assert store.get(ENTRY.key) is None
    assert store.put(ENTRY) is True
    other = DiskStore(store.directory)
    assert other.get(ENTRY.key) == ENTRY
    other.close()


def test_a_directory_that_somebody_replaced_is_looked_at_again(store: DiskStore, tmp_path: Path) -> None:
    """Another database in the place of ours is served from, after the same checks."""
    other = DiskStore(tmp_path / "other")
    other.put(replace(ENTRY, body=b"other"))
    other.close()
    store.put(ENTRY)
    for path in store.directory.iterdir():
        path.unlink()
    (tmp_path / "other" / DATABASE).rename(store.directory / DATABASE)
    assert store.get(ENTRY.key) == replace(ENTRY, body=b"other")


def test_a_closed_store_opens_again(store: DiskStore) -> None:
    """`close` ends with nothing lost; twice does no harm."""
    store.put(ENTRY)
    store.close()
    store.close()
    assert store.get(ENTRY.key) == ENTRY


# -- locks --------------------------------------------------------------------


def test_a_locked_database_gives_up_soon_and_works_again_after(store: DiskStore) -> None:
    """A write waits 2 s at most; once the lock is gone everything works again."""
    store.put(ENTRY)
    with _locked(store.directory):
        assert store.get(ENTRY.key) == ENTRY  # a lock for writing does not keep readers out (WAL)
        assert WRITE_SECONDS * 0.8 < _seconds(lambda: store.put(ENTRY)) < WRITE_SECONDS + 1
    assert store.put(replace(ENTRY, body=b"after")) is True
    assert store.remove(ENTRY.key) is True


def test_a_read_never_waits_long(store: DiskStore) -> None:
    """Opening for a read waits 50 ms at most where another process holds the database."""
    store.put(ENTRY)
    store.close()
    with _locked(store.directory):
        for _ in range(3):
            assert _seconds(lambda: store.get(ENTRY.key)) < READ_SECONDS + 0.25
    assert store.get(ENTRY.key) == ENTRY


def test_a_read_does_not_wait_for_a_write_that_opens(store: DiskStore) -> None:
    """While a writer's thread waits for the lock, a read in the event loop's thread gives up by itself."""
    store.close()
    with _locked(store.directory):
        writer = threading.Thread(target=lambda: _seconds(lambda: store.put(ENTRY)))
        writer.start()
        time.sleep(0.2)
        assert _seconds(lambda: store.get(ENTRY.key)) < READ_SECONDS + 0.25
        writer.join()


def test_what_is_only_a_hint_holds_up_no_write(store: DiskStore) -> None:
    """While somebody asks what is like a request, a write to a locked database gives up as soon as alone."""
    store.close()
    with _locked(store.directory):
        asking = threading.Thread(target=lambda: _seconds(lambda: store.held("host")))
        asking.start()
        time.sleep(0.01)
        assert _seconds(lambda: store.put(ENTRY)) < WRITE_SECONDS + 0.5
        asking.join()


def test_a_full_disk_is_unavailable(store: DiskStore) -> None:
    """What SQLite cannot write is StoreUnavailable, and what was there stays."""
    store.put(ENTRY)
    pages = _pragma(store, "page_count")
    _pragma(store, f"max_page_count = {pages}")
    with pytest.raises(StoreUnavailable, match="full"):
        store.put(replace(ENTRY, key="pp1-b", body=os.urandom(500_000)))
    _pragma(store, "max_page_count = 1000000")
    assert store.get(ENTRY.key) == ENTRY
    assert store.put(replace(ENTRY, key="pp1-b")) is True


def _pragma(store: DiskStore, pragma: str) -> Any:
    return store._opened()[1]._sql(f"PRAGMA {pragma}").fetchone()[0]


# -- processes ----------------------------------------------------------------

_WRITER = """
import sys
from dataclasses import replace
from pathlib import Path
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

"""Opening a cache directory, and opening it again."""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cache_store.disk import cache_handles
from cache_store.disk.cache_handles import WRITE_SECONDS
from cache_store.disk.database_check import DATABASE
from cache_store.disk.disk_store import DiskStore
from cache_store.entry import Entry
from cache_store.errors import DamagedStore, StoreUnavailable, UsageError

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
        assert _seconds(lambda: store.put(ENTRY)) > WRITE_SECONDS * 0.8
    assert store.put(replace(ENTRY, body=b"after")) is True
    assert store.remove(ENTRY.key) is True


def test_a_read_never_waits_long(store: DiskStore) -> None:
    """Opening for a read waits 50 ms at most where another process holds the database."""
    store.put(ENTRY)
    store.close()
    with _locked(store.directory):
        for _ in range(3):
            assert _seconds(lambda: store.get(ENTRY.key)) < WRITE_SECONDS * 0.8
    assert store.get(ENTRY.key) == ENTRY


def test_a_read_does_not_wait_for_a_write_that_opens(store: DiskStore) -> None:
    """While a writer's thread waits for the lock, a read in the event loop's thread gives up by itself."""
    store.close()
    with _locked(store.directory):
        writer = threading.Thread(target=lambda: _seconds(lambda: store.put(ENTRY)))
        writer.start()
        time.sleep(0.2)
        assert _seconds(lambda: store.get(ENTRY.key)) < WRITE_SECONDS * 0.8
        writer.join()


def test_what_is_only_a_hint_holds_up_no_write(store: DiskStore) -> None:
    """While somebody asks what is like a request, a write to a locked database gives up as soon as alone."""
    store.close()
    with _locked(store.directory):
        asking = threading.Thread(target=lambda: _seconds(lambda: store.endpoints_of("host")))
        asking.start()
        time.sleep(0.01)
        assert _seconds(lambda: store.put(ENTRY)) < WRITE_SECONDS * 1.9  # in turn they would wait twice that
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
    return store._handles.opened().patient._sql(f"PRAGMA {pragma}").fetchone()[0]


def test_a_damaged_database_is_replaced_where_that_is_wanted(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """An empty cache takes its place, the damaged file is kept, and the log says so."""
    folder.mkdir()
    (folder / DATABASE).write_bytes(b"garbage" * 1000)
    with pytest.raises(DamagedStore):
        DiskStore(folder).open()
    store = DiskStore(folder, replaces_damaged=True)
    store.put(ENTRY)
    assert store.get(ENTRY.key) == ENTRY
    store.close()
    (aside,) = folder.glob(f"{DATABASE}.damaged-*")
    assert aside.read_bytes() == b"garbage" * 1000
    assert aside.name in caplog.text


_ON_A_FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from cache_store.disk.disk_store import DiskStore
from cache_store.errors import StoreUnavailable

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))  # no file can grow
store = DiskStore(Path(sys.argv[1]))
entry = store.get("pp1-a")
assert entry is not None
try:
    store.put(entry)
except StoreUnavailable as error:
    print(error)
assert store.get("pp1-a") == entry
"""


def test_a_cache_on_a_full_disk_is_served(folder: Path) -> None:
    """Opening it needs no room; storing is refused in words."""
    store = DiskStore(folder)
    store.put(ENTRY)
    store.close()
    done = subprocess.run(
        [sys.executable, "-c", _ON_A_FULL_DISK, str(folder)],
        capture_output=True, text=True, check=False, cwd=Path(__file__).resolve().parents[3],
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "cannot be written" in done.stdout


def test_a_disk_that_has_room_again_is_written(
    store: DiskStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A write tries at once, and a read after a few seconds."""
    store.put(ENTRY)
    store.close()
    with monkeypatch.context() as patched:

        def full(*_: object) -> None:
            raise sqlite3.OperationalError from OSError(errno.ENOSPC, "no space")

        patched.setattr(cache_handles, "SafeCache", full)
        assert store.get(ENTRY.key) == ENTRY
        with pytest.raises(StoreUnavailable):
            store.put(ENTRY)
        assert caplog.text.count("on a full disk") == 1
    assert store.put(replace(ENTRY, body=b"after")) is True

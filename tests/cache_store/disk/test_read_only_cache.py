"""A cache directory that cannot be written."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from cache_store.disk import read_only_cache
from cache_store.disk.database_check import DATABASE
from cache_store.disk.disk_store import DiskStore
from cache_store.entry import Entry
from cache_store.errors import ForeignStore, StoreUnavailable
from cache_store.nearest.sketch import sketch

ENTRY = Entry("pp1-a", 200, "OK", (), b'{"a": 1}', 1.0, 0.25, "run-1", {"method": "POST"})
KEY_2 = "pp1-b"
NOBODY = 65534


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DiskStore]:
    """An open store."""
    store = DiskStore(tmp_path / "cache")
    store.open()
    yield store
    store.close()


@contextlib.contextmanager
def _not_allowed_to_write(folder: Path) -> Iterator[None]:
    root = os.geteuid() == 0
    paths = [folder, *folder.iterdir()]
    for path in paths:
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        if root:  # permissions say nothing to root
            for parent in folder.parents[:4]:
                parent.chmod(parent.stat().st_mode | 0o011)
            os.seteuid(NOBODY)
        yield
    finally:
        if root:
            os.seteuid(0)
        for path in paths:
            path.chmod(0o700)


def test_a_read_only_directory_is_served_from(store: DiskStore) -> None:
    """Where nothing can be written what is there is read, and each write says so in one line."""
    long = replace(ENTRY, key=KEY_2, body=b"x" * 2_000_000)
    store.put(ENTRY)
    store.put(long)
    store.close()
    with _not_allowed_to_write(store.directory):
        assert store.get(ENTRY.key) == ENTRY
        assert store.get(long.key) == long
        assert store.get("pp1-none") is None
        assert list(store.keys()) == [ENTRY.key, long.key]
        assert store.stats().entries == 2
        assert store.stats().bytes > 2_000_000
        for write in (
            lambda: store.put(ENTRY), lambda: store.remove(ENTRY.key), lambda: store.put_newer([ENTRY]),
            lambda: store.merge([ENTRY], []), store.clear,
        ):  # fmt: skip
            with pytest.raises(StoreUnavailable, match="cannot be written"):
                write()


def test_a_read_only_directory_tells_which_entries_are_like_a_request(store: DiskStore) -> None:
    """A miss is explained where the index beside the cache cannot be opened."""
    store.put(ENTRY)
    store.close()
    with _not_allowed_to_write(store.directory):
        assert store.nearest(sketch(ENTRY.label, ENTRY.request_json)) == [ENTRY.key]


def test_a_read_only_directory_that_can_be_written_again_is_written(store: DiskStore) -> None:
    """The store notices by itself, both ways of its own."""
    store.put(ENTRY)
    store.close()
    with _not_allowed_to_write(store.directory):
        assert store.get(ENTRY.key) == ENTRY
    assert store.put(replace(ENTRY, key=KEY_2)) is True
    assert store.get(KEY_2) is not None


def test_what_waits_in_a_read_only_log_is_read(store: DiskStore, tmp_path: Path) -> None:
    """A cache whose last run was killed has its newest entries in the log beside it: they count."""
    store.put(ENTRY)
    shutil.copytree(store.directory, tmp_path / "copy")  # as a kill leaves it
    assert (tmp_path / "copy" / f"{DATABASE}-wal").stat().st_size
    other = DiskStore(tmp_path / "copy")
    with _not_allowed_to_write(other.directory):
        assert other.get(ENTRY.key) == ENTRY
        other.close()


def test_a_log_that_begins_where_another_writes_is_read(
    store: DiskStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is read-only here may be written by somebody else: their entries are seen."""
    store.put(ENTRY)
    store.close()
    other = DiskStore(store.directory)
    with monkeypatch.context() as patched:
        patched.setattr(read_only_cache, "_may_write", lambda _: False)
        assert other.get(KEY_2) is None
    store.put(replace(ENTRY, key=KEY_2))
    with monkeypatch.context() as patched:
        patched.setattr(read_only_cache, "_may_write", lambda _: False)
        assert other.get(KEY_2) is not None
        other.close()


def test_a_read_only_directory_is_checked_like_any(store: DiskStore, tmp_path: Path) -> None:
    """Where nothing can be written, no cache and a foreign one are refused all the same."""
    (tmp_path / "empty").mkdir()
    with _not_allowed_to_write(tmp_path / "empty"), pytest.raises(StoreUnavailable, match="holds no cache"):
        DiskStore(tmp_path / "empty").open()
    store.put(ENTRY)
    store.close()
    with closing(sqlite3.connect(store.directory / DATABASE)) as database, database:
        database.execute("INSERT INTO Settings VALUES ('sqlite_evil', 1)")
    with _not_allowed_to_write(store.directory), pytest.raises(ForeignStore):
        store.get(ENTRY.key)


def test_a_cache_that_is_only_looked_at_stays_as_it_is(store: DiskStore, tmp_path: Path) -> None:
    """Byte for byte, though it could be written; what another process writes meanwhile is seen."""
    store.put(ENTRY)
    store.close()
    before = {path: path.read_bytes() for path in (tmp_path / "cache").iterdir()}
    looking = DiskStore(tmp_path / "cache", read_only=True)
    looking.open()
    with closing(looking):
        assert looking.get(ENTRY.key) == ENTRY
        assert [entry.key for entry in looking.iterate()] == [ENTRY.key]
        with pytest.raises(StoreUnavailable, match="cannot be written"):
            looking.put(replace(ENTRY, key=KEY_2))
        assert {path: path.read_bytes() for path in (tmp_path / "cache").iterdir()} == before
        store.open()
        store.put(replace(ENTRY, key=KEY_2))
        assert looking.get(KEY_2) is not None

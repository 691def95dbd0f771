"""A database is checked from outside before diskcache acts on it, and a damaged one is moved aside."""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import diskcache
import pytest
from diskcache.core import DEFAULT_SETTINGS

from cache_store.disk.database_check import (
    DATABASE,
    FORMAT_KEY,
    check_database,
    is_disk_full,
    set_damaged_aside,
)
from cache_store.disk.disk_store import DiskStore
from cache_store.disk.safe_disk import SETTINGS, SafeDisk
from cache_store.entry import Entry
from cache_store.errors import DamagedStore, ForeignStore, NewerStore, StoreUnavailable

KEY = "pp1-a"


def _entry(key: str = KEY, body: bytes = b"body") -> Entry:
    return Entry(key, 200, "OK", (), body, 1000.0, 0.1, "run")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A cache directory of ours with one entry, closed."""
    store = DiskStore(tmp_path / "cache")
    store.put(_entry())
    store.close()
    return tmp_path / "cache"


def _sql(folder: Path, statement: str, *values: Any) -> None:
    with contextlib.closing(sqlite3.connect(folder / DATABASE, isolation_level=None)) as connection:
        connection.execute(statement, values)


def _refused(folder: Path) -> str:
    with pytest.raises(ForeignStore) as refused:
        DiskStore(folder).open()
    return str(refused.value)


def test_a_directory_of_ours_passes(folder: Path, tmp_path: Path) -> None:
    """The check accepts what we write, what is not there yet, and an empty file."""
    check_database(folder)
    check_database(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / DATABASE).touch()
    check_database(tmp_path / "empty")


def test_the_settings_cover_all_of_diskcaches() -> None:
    """A setting of diskcache's that we do not set would be taken from the directory."""
    assert set(SETTINGS) == set(DEFAULT_SETTINGS)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("sqlite_load_extension", "/tmp/evil.so"),
        ("sqlite_temp_store_directory", "'/tmp'"),
        ("sqlite_journal_mode", "wal; DROP TABLE Cache"),
        ("sqlite_cache_size", "1); ATTACH 'x' AS y"),
        ("disk_compress_level", 1),
        ("disk_min_file_size", "0"),
        ("size_limit", 0.5),
        ("count", "many"),
        ("eviction_policy", 5),
        (b"blob", 1),
        ("another", None),
    ],
)
def test_a_foreign_setting_is_refused(folder: Path, key: object, value: object) -> None:
    """diskcache runs stored `sqlite_*` settings as PRAGMAs and hands `disk_*` ones to its Disk."""
    _sql(folder, "INSERT OR REPLACE INTO Settings VALUES (?, ?)", key, value)
    assert "never writes" in _refused(folder)


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE other (x)",
        "CREATE VIEW other AS SELECT 1",
        "CREATE VIRTUAL TABLE other USING fts5(x)",
        "CREATE INDEX other ON Cache (abs(size))",
        "CREATE TRIGGER other AFTER INSERT ON Cache BEGIN DELETE FROM Cache; END",
        "CREATE TRIGGER Settings_hits_insert AFTER INSERT ON Cache BEGIN DELETE FROM Cache; END",
    ],
)
def test_a_foreign_part_of_the_schema_is_refused(folder: Path, statement: str) -> None:
    """Tables, views, indexes and triggers that diskcache does not make are refused."""
    _sql(folder, statement)
    assert "never writes" in _refused(folder)


def test_a_trigger_with_a_known_name_and_more_in_its_body_is_refused(folder: Path) -> None:
    """A schema is compared by its whole text: a statement hidden behind a genuine one is noticed."""
    _sql(folder, "DROP TRIGGER Settings_count_insert")
    _sql(
        folder,
        "CREATE TRIGGER Settings_count_insert AFTER INSERT ON Cache FOR EACH ROW BEGIN"
        ' UPDATE Settings SET value = value + 1 WHERE key = "count";'
        " UPDATE Cache SET value = x'00' WHERE rowid != NEW.rowid; END",
    )
    _refused(folder)


def test_a_view_in_the_place_of_a_table_is_refused(folder: Path) -> None:
    """A view named as one of the tables is no table."""
    _sql(folder, "ALTER TABLE Cache RENAME TO Other")
    _sql(folder, "CREATE VIEW Cache AS SELECT * FROM Other")
    _refused(folder)


def test_a_table_with_computed_columns_is_refused(tmp_path: Path) -> None:
    """A table with a known name and other columns is refused: SQLite would compute them."""
    _sql(tmp_path, "CREATE TABLE Settings (key TEXT, value AS (abs(-5)))")
    _refused(tmp_path)


def test_a_directory_that_diskcache_made_with_other_settings_is_not_mistaken(tmp_path: Path) -> None:
    """The indexes that diskcache adds under its other settings are known, so the format decides."""
    for policy in ("least-recently-stored", "least-recently-used", "least-frequently-used"):
        folder = tmp_path / policy
        with diskcache.Cache(str(folder), disk=SafeDisk, eviction_policy=policy, tag_index=1) as cache:
            cache.set(FORMAT_KEY, b"1")
        check_database(folder)


def test_another_programs_diskcache_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    """A diskcache without our format row belongs to somebody else."""
    with diskcache.Cache(str(tmp_path)) as cache:
        cache.set("pp1-a", b"value")
    assert "another program" in _refused(tmp_path)
    with diskcache.Cache(str(tmp_path)) as cache:
        assert cache.get("pp1-a") == b"value"
        assert cache.eviction_policy == "least-recently-stored"


def test_a_newer_format_is_named_as_such(folder: Path) -> None:
    """A directory of a newer version is refused with the way out."""
    _sql(folder, "UPDATE Cache SET value = x'32' WHERE key = ?", FORMAT_KEY)
    with pytest.raises(NewerStore, match="upgrade"):
        DiskStore(folder).open()


@pytest.mark.parametrize(
    "content", [b"garbage" * 1000, b"SQLite format 3\0" + b"\0" * 4080, os.urandom(8192)]
)
def test_a_damaged_database_is_refused_and_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    """A file that SQLite cannot read is not overwritten."""
    (tmp_path / DATABASE).write_bytes(content)
    with pytest.raises(DamagedStore, match="move it away"):
        DiskStore(tmp_path).open()
    assert (tmp_path / DATABASE).read_bytes() == content


def test_a_damaged_database_is_moved_aside_whole(tmp_path: Path) -> None:
    """The file and its log keep their content under another name; a sound database stays where it is."""
    (tmp_path / DATABASE).write_bytes(b"garbage" * 1000)
    (tmp_path / f"{DATABASE}-wal").write_bytes(b"log")
    aside = set_damaged_aside(tmp_path)
    assert aside is not None
    assert aside.read_bytes() == b"garbage" * 1000
    assert aside.with_name(f"{aside.name}-wal").read_bytes() == b"log"
    assert not (tmp_path / DATABASE).exists()
    store = DiskStore(tmp_path)
    store.put(_entry())
    store.close()
    assert set_damaged_aside(tmp_path) is None
    assert (tmp_path / DATABASE).exists()


def test_a_full_disk_is_told_from_other_faults() -> None:
    """By the error itself, or by the error that caused it."""
    full = OSError(errno.ENOSPC, "no space")
    assert is_disk_full(full)
    wrapped = StoreUnavailable("cannot be used")
    wrapped.__cause__ = full
    assert is_disk_full(wrapped)
    assert not is_disk_full(OSError(errno.EACCES, "denied"))
    assert not is_disk_full(sqlite3.OperationalError("locked"))
    assert not is_disk_full(None)


def _link(path: Path) -> None:
    path.symlink_to(path.parent.parent / "elsewhere")


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo, _link])
@pytest.mark.parametrize("name", [DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm", f"{DATABASE}-journal"])
def test_what_is_no_plain_file_is_refused(folder: Path, make: Callable[[Path], None], name: str) -> None:
    """A directory, a pipe or a link in the place of one of SQLite's files is refused, and nothing is made."""
    (folder / name).unlink(missing_ok=True)
    make(folder / name)
    assert "plain file" in _refused(folder)
    assert not (folder.parent / "elsewhere").exists()


def test_a_journal_that_names_another_file_does_not_remove_it(folder: Path, tmp_path: Path) -> None:
    """SQLite removes the super-journal that a hostile hot journal names: such a directory is refused."""
    victim = tmp_path / "victim.txt"
    victim.write_bytes(b"precious")
    name = os.fsencode(victim)
    magic = bytes.fromhex("d9d505f920a163d7")
    pages = (folder / DATABASE).stat().st_size // 4096
    header = (magic + struct.pack(">5I", 0, 0, pages, 512, 4096)).ljust(512, b"\0")
    pointer = (
        struct.pack(">I", 0x40000000 // 4096 + 1) + name + struct.pack(">2I", len(name), sum(name)) + magic
    )
    (folder / f"{DATABASE}-journal").write_bytes(header + pointer)
    _refused(folder)
    assert victim.read_bytes() == b"precious"


def test_a_left_over_journal_of_our_own_is_rolled_back(folder: Path) -> None:
    """A journal without a super-journal is what a kill leaves behind: it does not stop the start."""
    magic = bytes.fromhex("d9d505f920a163d7")
    pages = (folder / DATABASE).stat().st_size // 4096
    header = (magic + struct.pack(">5I", 0, 0, pages, 512, 4096)).ljust(512, b"\0")
    (folder / f"{DATABASE}-journal").write_bytes(header)
    store = DiskStore(folder)
    assert store.get(KEY) == _entry()
    store.close()


def test_the_check_waits_no_longer_than_it_may(folder: Path) -> None:
    """A locked database is StoreUnavailable, not foreign."""
    holder = sqlite3.connect(folder / DATABASE, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable):
        check_database(folder, timeout=0.01)
    holder.execute("ROLLBACK")
    holder.close()
    check_database(folder, timeout=0.01)

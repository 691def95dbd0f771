"""A cache directory is untrusted input: nothing in it runs code, and no file outside of it is read or removed."""

from __future__ import annotations

import contextlib
import os
import pickle
import sqlite3
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import diskcache
import pytest
from diskcache.core import DEFAULT_SETTINGS, MODE_BINARY, MODE_PICKLE, MODE_RAW, MODE_TEXT

from cache_store.disk.disk_store import DiskStore
from cache_store.disk.safe_disk import DATABASE, FORMAT_KEY, SETTINGS, SafeDisk, check_database
from cache_store.entry import Entry
from cache_store.errors import CorruptEntry, EntryError, ForeignStore, NewerStore, StoreUnavailable

KEY = "pp1-a"
FILENAME = "ab/cd/" + "0" * 28 + ".val"


class _Bomb:
    """Unpickling it makes a file."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> Any:
        return (Path.touch, (self.marker,))


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


# -- pickles ------------------------------------------------------------------


def test_the_bomb_of_these_tests_goes_off(tmp_path: Path) -> None:
    """Unpickling the value that the next tests plant does make its file."""
    pickle.loads(pickle.dumps(_Bomb(tmp_path / "marker")))
    assert (tmp_path / "marker").exists()


def test_a_directory_with_a_pickled_value_is_refused(folder: Path, tmp_path: Path) -> None:
    """A value that diskcache would unpickle stops the opening, unread."""
    data = pickle.dumps(_Bomb(tmp_path / "marker"))
    _sql(folder, "UPDATE Cache SET mode = ?, value = ? WHERE key = ?", MODE_PICKLE, data, KEY)
    assert "never writes" in _refused(folder)
    assert not (tmp_path / "marker").exists()


def test_a_pickled_value_that_comes_later_is_a_corrupt_entry(folder: Path, tmp_path: Path) -> None:
    """Planted while the store is open it is not unpickled either; removing and replacing it works."""
    store = DiskStore(folder)
    store.open()
    data = pickle.dumps(_Bomb(tmp_path / "marker"))
    _sql(folder, "UPDATE Cache SET mode = ?, value = ? WHERE key = ?", MODE_PICKLE, data, KEY)
    with pytest.raises(CorruptEntry):
        store.get(KEY)
    assert list(store.iterate()) == []
    assert store.put(_entry(), began_at=0.0) is True
    assert store.get(KEY) == _entry()
    assert not (tmp_path / "marker").exists()
    store.close()


def test_a_directory_with_a_pickled_key_is_refused(folder: Path, tmp_path: Path) -> None:
    """So is a key that diskcache would unpickle, at the start and while running."""
    store = DiskStore(folder)
    store.open()
    data = pickle.dumps(_Bomb(tmp_path / "marker"))
    _sql(folder, "INSERT INTO Cache(key, raw, mode, value) VALUES (?, 0, ?, x'00')", data, MODE_RAW)
    with pytest.raises(ForeignStore):
        list(store.keys())
    store.close()
    _refused(folder)
    assert not (tmp_path / "marker").exists()


def test_a_pickle_in_a_file_is_not_read(folder: Path, tmp_path: Path) -> None:
    """A pickled value in a value file is refused by its mode."""
    store = DiskStore(folder)
    store.open()
    path = folder / FILENAME
    path.parent.mkdir(parents=True)
    path.write_bytes(pickle.dumps(_Bomb(tmp_path / "marker")))
    _sql(folder, "UPDATE Cache SET mode = ?, value = NULL, filename = ?", MODE_PICKLE, FILENAME)
    with pytest.raises(CorruptEntry):
        store.get(KEY)
    store.close()
    assert not (tmp_path / "marker").exists()


@pytest.mark.parametrize("value", ["text", 5, 5.0, None, bytearray(b"x"), {"a": 1}, object()])
def test_nothing_but_bytes_is_stored(folder: Path, value: object) -> None:
    """SafeDisk refuses every value that diskcache would pickle or guess the type of."""
    disk = SafeDisk(str(folder))
    with pytest.raises(TypeError):
        disk.store(value, False)
    with pytest.raises(TypeError):
        disk.store(b"bytes", True)


@pytest.mark.parametrize("key", [b"bytes", 5, 5.0, None, ("a",)])
def test_nothing_but_text_is_a_key(folder: Path, key: object) -> None:
    """SafeDisk refuses keys that diskcache would pickle, or that two spellings would share."""
    with pytest.raises(TypeError):
        SafeDisk(str(folder)).put(key)
    with pytest.raises(ForeignStore):
        SafeDisk(str(folder)).get(key, True)


# -- files --------------------------------------------------------------------


@pytest.mark.parametrize(
    "filename",
    [
        "../secret.txt",
        "ab/cd/../../../secret.txt",
        "{tmp}/secret.txt",
        "cache.db",
        "ab/cd/" + "0" * 28 + ".val\n",
        "AB/CD/" + "0" * 28 + ".val",
        "./" + FILENAME,
        "",
    ],
)
@pytest.mark.parametrize("as_blob", [False, True])
def test_a_file_name_that_points_elsewhere_is_neither_read_nor_removed(
    folder: Path, tmp_path: Path, filename: str, as_blob: bool
) -> None:
    """Only diskcache's own pattern is ever opened; getting, replacing and removing leave the file alone."""
    secret = tmp_path / "secret.txt"
    secret.write_bytes(_entry().encode())
    name: str | bytes = filename.format(tmp=tmp_path)
    name = os.fsencode(name) if as_blob else name
    store = DiskStore(folder)
    store.open()
    plant = "UPDATE Cache SET mode = ?, value = NULL, filename = ? WHERE key = ?"
    for act in (store.remove, lambda _: store.put(_entry(), began_at=0.0)):
        store.put(_entry())
        _sql(folder, plant, MODE_BINARY, name, KEY)
        with pytest.raises(EntryError):
            store.get(KEY)
        act(KEY)
        assert secret.read_bytes() == _entry().encode()
        assert (folder / DATABASE).exists()
    _sql(folder, plant, MODE_BINARY, name, KEY)
    store.close()
    _refused(folder)
    assert secret.exists()


def test_a_good_file_name_of_the_wrong_type_is_a_corrupt_entry(folder: Path) -> None:
    """The database's columns have no types: a name that is bytes raises CorruptEntry, not TypeError."""
    store = DiskStore(folder)
    store.open()
    _sql(folder, "UPDATE Cache SET mode = ?, value = NULL, filename = ?", MODE_BINARY, FILENAME.encode())
    with pytest.raises(CorruptEntry):
        store.get(KEY)
    assert store.remove(KEY) is True
    store.close()


@pytest.mark.parametrize("linked", ["ab", "ab/cd", FILENAME])
def test_a_link_in_the_directory_is_not_followed(folder: Path, tmp_path: Path, linked: str) -> None:
    """A link at any part of a value file's path is refused, and what it points to stays."""
    outside = tmp_path / "outside"
    target = outside / FILENAME.removeprefix(linked).lstrip("/") if linked != FILENAME else outside
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(_entry().encode())
    link = folder / linked
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(outside)
    store = DiskStore(folder)
    store.open()
    _sql(
        folder,
        "UPDATE Cache SET mode = ?, value = NULL, filename = ? WHERE key = ?",
        MODE_BINARY,
        FILENAME,
        KEY,
    )
    assert (folder / FILENAME).read_bytes() == _entry().encode()
    with pytest.raises(CorruptEntry):
        store.get(KEY)
    assert store.remove(KEY) is True
    assert target.read_bytes() == _entry().encode()
    store.close()


def test_a_pipe_in_the_place_of_a_value_file_does_not_hold_us_up(folder: Path) -> None:
    """A named pipe is refused before it is opened, which would wait for a writer for ever."""
    (folder / FILENAME).parent.mkdir(parents=True)
    os.mkfifo(folder / FILENAME)
    store = DiskStore(folder)
    store.open()
    _sql(
        folder,
        "UPDATE Cache SET mode = ?, value = NULL, filename = ? WHERE key = ?",
        MODE_BINARY,
        FILENAME,
        KEY,
    )
    with pytest.raises(CorruptEntry):
        store.get(KEY)
    store.close()


def test_a_row_of_a_kind_that_we_never_write_is_a_corrupt_entry(folder: Path) -> None:
    """Text, numbers, and a value beside a file name are refused."""
    store = DiskStore(folder)
    store.open()
    for mode, value, filename in (
        (MODE_RAW, "text", None),
        (MODE_RAW, 5, None),
        (MODE_RAW, None, None),
        (MODE_TEXT, None, FILENAME),
        (MODE_BINARY, b"value", FILENAME),
        (MODE_BINARY, None, None),
        (None, b"value", None),
        (99, b"value", None),
    ):
        _sql(
            folder,
            "UPDATE Cache SET mode = ?, value = ?, filename = ? WHERE key = ?",
            mode,
            value,
            filename,
            KEY,
        )
        with pytest.raises(CorruptEntry):
            store.get(KEY)
    store.close()


# -- the database -------------------------------------------------------------


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
def test_garbage_is_refused_and_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    """A file that is no database is not overwritten."""
    (tmp_path / DATABASE).write_bytes(content)
    _refused(tmp_path)
    assert (tmp_path / DATABASE).read_bytes() == content


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

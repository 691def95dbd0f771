"""A cache directory is untrusted input: nothing in it runs code, and no file outside of it is read or removed."""

from __future__ import annotations

import contextlib
import os
import pickle
import sqlite3
import threading
from pathlib import Path
from typing import Any

import pytest
from diskcache.core import MODE_BINARY, MODE_PICKLE, MODE_RAW, MODE_TEXT

from cache_store.disk.database_check import DATABASE
from cache_store.disk.disk_store import DiskStore
from cache_store.disk.safe_disk import SafeCache, SafeDisk
from cache_store.entry import Entry
from cache_store.errors import CorruptEntry, EntryError, ForeignStore

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


# -- connections --------------------------------------------------------------


def _open_files(path: Path) -> int:
    return sum(os.stat(handle).st_ino == path.stat().st_ino for handle in _handles())  # noqa: PTH116 - a number


def _handles() -> list[int]:
    """Of this process; the one that lists them is gone by then."""
    found = [int(handle.name) for handle in Path("/proc/self/fd").iterdir()]
    return [handle for handle in found if Path(f"/proc/self/fd/{handle}").exists()]


def test_a_threads_connection_ends_with_it(tmp_path: Path) -> None:
    """A cache that many short threads use has no more files open than one of them needs."""
    cache = SafeCache(tmp_path, 1.0)
    before = _open_files(tmp_path / DATABASE)
    during: list[int] = []

    def use() -> None:
        cache.get("pp1-a")
        during.append(_open_files(tmp_path / DATABASE))

    for _ in range(5):
        thread = threading.Thread(target=use)
        thread.start()
        thread.join()
    cache.close()
    # SQLite keeps the file of a closed connection for the next, where the process has the database open still.
    assert during == [before + 1] * 5


@pytest.mark.parametrize("size", [100, 5000, 100_000])
def test_what_is_removed_is_gone(size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of a removed value is left in the file, whatever the default that SQLite was built with."""
    connect = sqlite3.connect

    def as_most_build_it(*args: Any, **kwargs: Any) -> sqlite3.Connection:
        connection = connect(*args, **kwargs)
        connection.execute("PRAGMA secure_delete = OFF")
        return connection

    monkeypatch.setattr(sqlite3, "connect", as_most_build_it)
    cache = SafeCache(tmp_path, 1.0)
    for number in range(20):
        cache.set(f"pp1-{number}", b"SECRET" + b"x" * size)
    for number in range(0, 20, 2):
        cache.delete(f"pp1-{number}")
    cache.close()
    files = [path.read_bytes() for path in tmp_path.iterdir() if path.is_file()]
    assert sum(data.count(b"SECRET") for data in files) == 10

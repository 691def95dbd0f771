"""Value files that no row names."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from cache_store.disk.database_check import DATABASE
from cache_store.disk.disk_store import DiskStore
from cache_store.disk.orphans import _GRACE, find_orphans, remove_orphans
from cache_store.entry import Entry
from cache_store.errors import StoreUnavailable

LEFT = "ab/cd/" + "0" * 28 + ".val"
LARGE = b"x" * 2**21


def _old(path: Path, content: bytes = b"abc") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        path.write_bytes(content)
    os.utime(path, (time.time() - _GRACE - 60,) * 2)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A cache with one entry, in a file that is as old as an orphan has to be."""
    store = DiskStore(tmp_path)
    store.put(Entry("pp1-" + "a" * 64, 200, "OK", (), LARGE, 1.0, 0.1, "run"))
    store.close()
    for path in tmp_path.rglob("*.val"):
        _old(path)
    return tmp_path


def test_what_a_killed_process_left_is_found_and_removed(folder: Path) -> None:
    """A file without a row goes; the entry's own file stays, and so does the entry."""
    left = _old(folder / LEFT)
    assert find_orphans(folder) == {LEFT: 3}
    assert left.exists()
    assert remove_orphans(folder) == {LEFT: 3}
    assert not left.exists()
    assert find_orphans(folder) == {}
    store = DiskStore(folder)
    found = store.get("pp1-" + "a" * 64)
    store.close()
    assert found is not None
    assert found.body == LARGE


def test_a_young_file_is_left_alone(folder: Path) -> None:
    """Its row may be about to come."""
    (folder / LEFT).parent.mkdir(parents=True)
    (folder / LEFT).write_bytes(b"abc")
    assert remove_orphans(folder) == {}
    assert (folder / LEFT).exists()


@pytest.mark.parametrize(
    "name", ["ab/cd/notes.txt", "ab/x.val", "abc/cd/" + "0" * 28 + ".val", "ab/cd/" + "0" * 27 + ".val"]
)
def test_other_files_are_none_of_ours(folder: Path, name: str) -> None:
    """What is not named as diskcache names its files stays."""
    other = _old(folder / name)
    assert remove_orphans(folder) == {}
    assert other.exists()


def test_links_are_not_followed(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A directory from elsewhere cannot have files outside of it removed."""
    outside = tmp_path_factory.mktemp("outside")
    victim = _old(outside / "cd" / LEFT.rpartition("/")[2])
    (folder / "ab").symlink_to(outside)
    (folder / "ef" / "cd").mkdir(parents=True)
    (folder / "ef" / "cd" / victim.name).symlink_to(victim)
    assert remove_orphans(folder) == {}
    assert victim.exists()


def test_an_unreadable_database_removes_nothing(folder: Path) -> None:
    """Without the rows nothing is known to be an orphan."""
    left = _old(folder / LEFT)
    (folder / DATABASE).write_bytes(b"no database" * 1000)
    for look in (find_orphans, remove_orphans):
        with pytest.raises(StoreUnavailable, match="cannot be searched"):
            look(folder)
    assert left.exists()


def test_a_file_that_cannot_be_removed_is_told_in_one_line(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A directory of somebody else's is no reason for a traceback."""
    _old(folder / LEFT)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(StoreUnavailable, match="Permission denied"):
        remove_orphans(folder)


def test_folders_may_go_while_they_are_looked_through(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A running proxy removes a replaced answer's file, and the folders that are empty then."""
    _old(folder / LEFT)
    scandir = os.scandir

    def gone(path: Path) -> object:
        found = list(scandir(path))
        if path == folder:
            (folder / LEFT).unlink()
            (folder / LEFT).parent.rmdir()
        return found

    monkeypatch.setattr(os, "scandir", gone)
    assert find_orphans(folder) == {}


def test_nobody_writes_while_files_are_removed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row that names a file cannot come between the look at the rows and the removal."""
    left = _old(folder / LEFT)
    writes = []
    unlink = Path.unlink

    def unlinked(path: Path, missing_ok: bool = False) -> None:
        with (
            closing(sqlite3.connect(folder / DATABASE, timeout=0)) as other,
            pytest.raises(sqlite3.OperationalError, match="locked"),
        ):
            other.execute("DELETE FROM Cache")
        writes.append(path)
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", unlinked)
    remove_orphans(folder)
    assert writes == [left]
    store = DiskStore(folder)
    assert store.put(Entry("pp1-b", 200, "OK", (), b"", 1.0, 0.1, "run"))
    store.close()

"""Writing files in one step."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from cache_store.atomic_file import create_file, replace_file, replacing


def test_replace_file(tmp_path: Path) -> None:
    """The content and the mode are as asked, and no temporary file stays."""
    path = tmp_path / "f"
    replace_file(path, b"one", 0o640)
    replace_file(path, b"two", 0o640)
    assert path.read_bytes() == b"two"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert list(tmp_path.iterdir()) == [path]


def test_unchanged_is_left_alone(tmp_path: Path) -> None:
    """A file that holds the data already is not written again."""
    path = tmp_path / "f"
    replace_file(path, b"one")
    before = path.stat().st_ino
    replace_file(path, b"one")
    assert path.stat().st_ino == before
    replace_file(path, b"two")
    assert path.stat().st_ino != before


def test_a_failure_leaves_the_old_content(tmp_path: Path) -> None:
    """If writing fails, the old file stays and the temporary one goes."""
    (tmp_path / "f").write_bytes(b"old")
    with pytest.raises(RuntimeError), replacing(tmp_path / "f") as file:
        raise RuntimeError(file.write(b"half of the n"))
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old"]


def test_create_file_never_replaces(tmp_path: Path) -> None:
    """The first of several processes wins, and the mode is as asked."""
    path = tmp_path / "f"
    create_file(path, b"one", 0o600)
    create_file(path, b"two", 0o600)
    assert path.read_bytes() == b"one"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_directory_in_the_way(tmp_path: Path) -> None:
    """What cannot be replaced raises OSError and leaves no temporary file."""
    (tmp_path / "f" / "g").mkdir(parents=True)
    with pytest.raises(OSError, match="f"):
        replace_file(tmp_path / "f", b"x")
    assert [p.name for p in tmp_path.iterdir()] == ["f"]

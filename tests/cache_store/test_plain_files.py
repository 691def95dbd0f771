"""Small files of the cache directory, where anything may lie under their names."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

from cache_store import plain_files
from cache_store.plain_files import locked, read_plain


def test_only_plain_files_are_read_and_locked(tmp_path: Path) -> None:
    """A pipe would block its reader forever. A link to a file may be read, but no lock file is made behind one."""
    file, pipe, link = tmp_path / "file", tmp_path / "pipe", tmp_path / "link"
    file.write_bytes(b"12345")
    os.mkfifo(pipe)
    link.symlink_to(file)
    assert read_plain(file, 5) == read_plain(link, 5) == b"12345"
    for path, most in ((pipe, 5), (tmp_path, 5), (Path("/dev/zero"), 5), (tmp_path / "none", 5), (file, 4)):
        with pytest.raises(OSError, match=r"plain file|too large|No such file"):
            read_plain(path, most)
    for path in (pipe, tmp_path, link):
        with pytest.raises(OSError, match=r"plain file|Is a directory|symbolic"), locked(path):
            pytest.fail(f"{path} was locked")


def test_a_lock_is_waited_for_with_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another program may hold it for as long as it runs."""
    monkeypatch.setattr(plain_files, "_LOCK_SECONDS", 0.05)
    path = tmp_path / "lock"
    with locked(path), pytest.raises(TimeoutError), locked(path):
        pytest.fail("it was locked twice")
    with locked(path), path.open("rb") as other, pytest.raises(BlockingIOError):
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)

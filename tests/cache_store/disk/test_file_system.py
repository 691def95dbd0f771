"""Directories in which SQLite cannot keep a database."""

from __future__ import annotations

import errno
import mmap
from pathlib import Path
from typing import NoReturn

import pytest

from cache_store.disk.disk_store import DiskStore
from cache_store.disk.file_system import check_file_system
from cache_store.errors import UsageError


def test_the_longest_path_works_and_one_more_byte_is_refused(tmp_path: Path) -> None:
    """SQLite would say that it cannot open the file, at every request."""
    room = 494 - len(str(tmp_path))
    folder = tmp_path / "/".join("d" * (room // 4 - 1) for _ in range(4))
    fits = folder.with_name(folder.name + "e" * (494 - len(str(folder))))
    store = DiskStore(fits)
    store.open()
    assert store.stats().entries == 0
    store.close()
    with pytest.raises(UsageError, match="takes 494 bytes; set PROVIDER_PROXY_CACHE_DIR to a shorter one"):
        DiskStore(fits.with_name(fits.name + "e")).open()


def test_a_file_system_without_shared_memory_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what to do instead; where nothing can be tried, SQLite decides."""

    def refuse(*_: object) -> NoReturn:
        raise OSError(errno.ENODEV, "No such device")

    monkeypatch.setattr(mmap, "mmap", refuse)
    with pytest.raises(UsageError, match="lacks shared memory mappings"):
        check_file_system(tmp_path)
    assert list(tmp_path.iterdir()) == []
    check_file_system(tmp_path / "missing")

"""The connections of diskcache's `Cache`, one for each thread."""

from __future__ import annotations

import os
import sqlite3
import threading
from pathlib import Path
from typing import Any

import pytest

from cache_store.disk.closing_cache import ClosingCache
from cache_store.disk.safe_disk import DATABASE, SETTINGS, SafeDisk


def _open_files(path: Path) -> int:
    return sum(os.stat(handle).st_ino == path.stat().st_ino for handle in _handles())  # noqa: PTH116 - a number


def _handles() -> list[int]:
    """Of this process; the one that lists them is gone by then."""
    found = [int(handle.name) for handle in Path("/proc/self/fd").iterdir()]
    return [handle for handle in found if Path(f"/proc/self/fd/{handle}").exists()]


def test_a_threads_connection_ends_with_it(tmp_path: Path) -> None:
    """A cache that many short threads use has no more files open than one of them needs."""
    cache = ClosingCache(str(tmp_path), disk=SafeDisk, **SETTINGS)
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
    cache = ClosingCache(str(tmp_path), disk=SafeDisk, **SETTINGS)
    for number in range(20):
        cache.set(f"pp1-{number}", b"SECRET" + b"x" * size)
    for number in range(0, 20, 2):
        cache.delete(f"pp1-{number}")
    cache.close()
    files = [path.read_bytes() for path in tmp_path.iterdir() if path.is_file()]
    assert sum(data.count(b"SECRET") for data in files) == 10

"""The connections of diskcache's `Cache`, one for each thread."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from cache_store.closing_cache import ClosingCache
from cache_store.safe_disk import DATABASE, SETTINGS, SafeDisk


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

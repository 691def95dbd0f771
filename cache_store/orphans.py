"""Value files that no row names: a process that is killed between a large answer's file and its row leaves one."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from cache_store.errors import StoreUnavailable
from cache_store.safe_disk import VALUE_FILE, connect_to_read

__all__ = ["GRACE", "find_orphans", "remove_orphans"]

GRACE = 24 * 60 * 60.0
"""Seconds; a younger file may be about to get its row, at the end of a long merge for instance."""

_LOCK_SECONDS = 30.0


def find_orphans(directory: Path) -> dict[str, int]:
    """The files' paths inside `directory`, and their sizes in bytes.

    Links are not followed, and a file that has not such a name as diskcache gives is none of ours. Raises
    StoreUnavailable where the database cannot be read.
    """
    before = time.time() - GRACE
    found = {}
    for path, status in _files(directory):
        if status.st_mtime < before and VALUE_FILE.fullmatch(path):
            found[path] = status.st_size
    # Rows are read last: one that came in the meantime names its file.
    named = _named(directory) if found else set()
    return {path: size for path, size in found.items() if path not in named}


def remove_orphans(directory: Path) -> dict[str, int]:
    """Removes them; what `find_orphans` says."""
    found = find_orphans(directory)
    for path in found:
        (directory / path).unlink(missing_ok=True)
    return found


def _files(directory: Path, inside: str = "", levels: int = 2) -> Iterator[tuple[str, os.stat_result]]:
    for item in sorted(os.scandir(directory / inside), key=lambda item: item.name):
        path = f"{inside}{item.name}"
        if levels and item.is_dir(follow_symlinks=False) and len(item.name) == 2:
            yield from _files(directory, f"{path}/", levels - 1)
        elif not levels and item.is_file(follow_symlinks=False):
            yield path, item.stat(follow_symlinks=False)


def _named(directory: Path) -> set[str]:
    try:
        with closing(connect_to_read(directory, _LOCK_SECONDS)) as connection:
            return {name for (name,) in connection.execute("SELECT filename FROM Cache")}
    except sqlite3.Error as error:
        raise StoreUnavailable(f"the cache in {directory} cannot be read: {error}") from error

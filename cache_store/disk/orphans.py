"""Value files that no row names: a process that is killed between a large answer's file and its row leaves one."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from cache_store.disk.database_check import DATABASE, connect_to_read
from cache_store.disk.safe_disk import VALUE_FILE
from cache_store.errors import StoreUnavailable

__all__ = ["GRACE", "find_orphans", "remove_orphans"]

GRACE = 24 * 60 * 60.0
"""Seconds; a younger file may be about to get its row, at the end of a long merge for instance."""

_LOCK_SECONDS = 30.0


def find_orphans(directory: Path) -> dict[str, int]:
    """The files' paths inside `directory`, and their sizes in bytes.

    Links are not followed, and a file that has not such a name as diskcache gives is none of ours. Raises
    StoreUnavailable where the directory or its database cannot be read.
    """
    with _faults(directory), closing(connect_to_read(directory, _LOCK_SECONDS)) as connection:
        return _found(directory, connection)


def remove_orphans(directory: Path) -> dict[str, int]:
    """Removes them; what `find_orphans` says and raises. Nobody else writes meanwhile."""
    with (
        _faults(directory),
        closing(sqlite3.connect(directory / DATABASE, _LOCK_SECONDS, isolation_level=None)) as connection,
    ):
        connection.execute("BEGIN IMMEDIATE")
        found = _found(directory, connection)
        for path in found:
            (directory / path).unlink(missing_ok=True)
        return found


@contextmanager
def _faults(directory: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise StoreUnavailable(f"the cache in {directory} cannot be looked through: {error}") from error


def _found(directory: Path, connection: sqlite3.Connection) -> dict[str, int]:
    before = time.time() - GRACE
    found = {
        path: status.st_size
        for path, status in _files(directory)
        if status.st_mtime < before and VALUE_FILE.fullmatch(path)
    }
    # Rows are read last: one that came in the meantime names its file.
    named = {name for (name,) in connection.execute("SELECT filename FROM Cache")} if found else set()
    return {path: size for path, size in found.items() if path not in named}


def _files(directory: Path, inside: str = "", levels: int = 2) -> Iterator[tuple[str, os.stat_result]]:
    # A running proxy removes what it replaces, and the folders that are empty then.
    with suppress(FileNotFoundError):
        for item in sorted(os.scandir(directory / inside), key=lambda item: item.name):
            path = f"{inside}{item.name}"
            if levels and item.is_dir(follow_symlinks=False) and len(item.name) == 2:
                yield from _files(directory, f"{path}/", levels - 1)
            elif not levels and item.is_file(follow_symlinks=False):
                with suppress(FileNotFoundError):
                    yield path, item.stat(follow_symlinks=False)

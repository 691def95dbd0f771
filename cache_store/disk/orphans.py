"""Finds value files that no row names. A process killed between writing a file and its row leaves one."""

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

__all__ = ["find_orphans", "remove_orphans"]

# Seconds. A younger file may be about to get its row, for example at the end of a long merge.
_GRACE = 24 * 60 * 60.0

_LOCK_SECONDS = 30.0


def find_orphans(directory: Path) -> dict[str, int]:
    """The files' sizes in bytes, by their paths inside `directory`.

    Links are not followed, and files without one of diskcache's names are ignored. Raises StoreUnavailable if the
    directory or its database cannot be read.
    """
    with _faults(directory), closing(connect_to_read(directory, _LOCK_SECONDS)) as connection:
        return _orphans(directory, connection)


def remove_orphans(directory: Path) -> dict[str, int]:
    """Remove the files while nobody else writes; returns and raises what `find_orphans` does."""
    with (
        _faults(directory),
        closing(sqlite3.connect(directory / DATABASE, _LOCK_SECONDS, isolation_level=None)) as connection,
    ):
        connection.execute("BEGIN IMMEDIATE")
        orphans = _orphans(directory, connection)
        for path in orphans:
            (directory / path).unlink(missing_ok=True)
        return orphans


@contextmanager
def _faults(directory: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise StoreUnavailable(f"the cache in {directory} cannot be searched: {error}") from error


def _orphans(directory: Path, connection: sqlite3.Connection) -> dict[str, int]:
    before = time.time() - _GRACE
    old = {
        path: status.st_size
        for path, status in _files(directory)
        if status.st_mtime < before and VALUE_FILE.fullmatch(path)
    }
    # Rows are read last, so that a row written meanwhile names its file.
    named = {name for (name,) in connection.execute("SELECT filename FROM Cache")} if old else set()
    return {path: size for path, size in old.items() if path not in named}


def _files(directory: Path, inside: str = "", levels: int = 2) -> Iterator[tuple[str, os.stat_result]]:
    # A running proxy removes replaced files and the folders that become empty.
    with suppress(FileNotFoundError):
        for item in sorted(os.scandir(directory / inside), key=lambda item: item.name):
            path = f"{inside}{item.name}"
            if levels and item.is_dir(follow_symlinks=False) and len(item.name) == 2:
                yield from _files(directory, f"{path}/", levels - 1)
            elif not levels and item.is_file(follow_symlinks=False):
                with suppress(FileNotFoundError):
                    yield path, item.stat(follow_symlinks=False)

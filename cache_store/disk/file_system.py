"""Refuses directories in which SQLite cannot keep a database, before every write to it fails."""

from __future__ import annotations

import mmap
import os
import tempfile
from contextlib import suppress
from pathlib import Path

from cache_store.disk.database_check import DATABASE
from cache_store.errors import UsageError

__all__ = ["check_file_system"]

_LONGEST = 512 - 1 - len("-journal")
"""Bytes of the database's path: SQLite's Unix layer takes 512 for each of its files (MAX_PATHNAME in os_unix.c)."""


def check_file_system(directory: Path) -> None:
    """Raise UsageError if a database in the existing, writable `directory` could not be opened or written."""
    if len(os.fsencode(directory.absolute() / DATABASE)) > _LONGEST:
        raise UsageError(
            f"the path of the cache directory is too long for SQLite, which takes {_LONGEST - len(DATABASE) - 1} "
            "bytes; set PROVIDER_PROXY_CACHE_DIR to a shorter one"
        )
    if not _has_shared_memory(directory):
        raise UsageError(
            f"the file system of {directory} lacks shared memory mappings, as some network file systems do, and "
            "the database needs them; set PROVIDER_PROXY_CACHE_DIR to a local disk and share with `push` and `pull`"
        )


def _has_shared_memory(directory: Path) -> bool:
    """Whether a file in `directory` can be mapped into shared memory; also true if that cannot be tried."""
    with suppress(OSError), tempfile.TemporaryFile(dir=directory) as file:
        file.truncate(mmap.PAGESIZE)
        try:
            mmap.mmap(file.fileno(), mmap.PAGESIZE).close()
        except OSError:
            return False
    return True

"""Writes files that others may read at any time: they see the old content or the new, never a part."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from cache_store.plain_files import read_plain

__all__ = ["create_file", "replace_file", "replacing"]


def replace_file(path: Path, data: bytes, mode: int = 0o644) -> None:
    """Make `data` the content of `path` in one step. A file that already holds it is left alone.

    Raises OSError.
    """
    try:
        if read_plain(path, len(data)) == data:
            return
    except OSError:
        pass  # missing, unreadable or longer: replace it
    with replacing(path, mode) as file:
        file.write(data)


@contextmanager
def replacing(path: Path, mode: int = 0o644) -> Iterator[IO[bytes]]:
    """A file to write to; it becomes `path` when the block ends, and is removed if the block raises.

    Raises OSError.
    """
    with _temporary(path, mode) as (file, name):
        yield file
        _sync(file)
        name.replace(path)


def create_file(path: Path, data: bytes, mode: int) -> None:
    """Make `path` with `data` unless it exists: of several processes at once, the first wins. Raises OSError."""
    with _temporary(path, mode) as (file, name):
        file.write(data)
        _sync(file)
        try:
            os.link(name, path)  # unlike a rename, this fails where the file exists
        except FileExistsError:
            pass


@contextmanager
def _temporary(beside: Path, mode: int) -> Iterator[tuple[IO[bytes], Path]]:
    # The directory is the same, so that the rename stays within one file system.
    descriptor, name = tempfile.mkstemp(dir=beside.parent, prefix=f".{beside.name[:80]}.")
    try:
        os.fchmod(descriptor, mode)
        with os.fdopen(descriptor, "wb") as file:
            yield file, Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


def _sync(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())

"""Files that others may read while they are written."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["new_file", "replace_file"]


def replace_file(path: Path, data: bytes, mode: int = 0o644) -> None:
    """Makes `data` the content of `path` in one step; a file that holds it already is left alone.

    Raises OSError.
    """
    try:
        if path.read_bytes() == data:
            return
    except OSError:
        pass  # not there, or not readable: replaced all the same
    with new_file(path, data, mode) as written:
        written.replace(path)


@contextmanager
def new_file(beside: Path, data: bytes, mode: int) -> Iterator[Path]:
    """A file with `data`, safely on disk, in the directory of `beside`; gone afterwards unless renamed.

    Raises OSError.
    """
    descriptor, name = tempfile.mkstemp(dir=beside.parent, prefix=f".{beside.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(mode)
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)

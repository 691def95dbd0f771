"""Reads and locks small files of the cache directory.

The directory may come from anybody, and other programs may use it: nothing here waits without a limit.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["lock", "locked", "read_plain"]

_LOCK_SECONDS = 2.0  # the end of a run waits for another that writes the same note
_PAUSE = 0.01


def read_plain(path: Path, most: int) -> bytes:
    """The content of a regular file of at most `most` bytes. Raises OSError, also for any other file."""
    with os.fdopen(_opened(path, os.O_RDONLY), "rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), str(path))
    return data


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock on the file `path`, which is created if it is missing.

    Raises OSError; TimeoutError if another program holds the lock for _LOCK_SECONDS.
    """
    handle = _opened(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW)
    try:
        lock(handle, _LOCK_SECONDS)
        yield
    finally:
        os.close(handle)


def lock(handle: int, seconds: float) -> None:
    """Lock an open file or directory. Raises OSError; TimeoutError if another holds the lock for `seconds`."""
    until = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                raise TimeoutError(errno.ETIMEDOUT, "another program holds its lock") from None
            time.sleep(_PAUSE)
        else:
            return


def _opened(path: Path, flags: int) -> int:
    # O_NONBLOCK: opening a pipe would wait for somebody at its other end.
    handle = os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    if stat.S_ISREG(os.fstat(handle).st_mode):
        return handle
    os.close(handle)
    raise OSError(errno.EINVAL, "it is not a plain file", str(path))

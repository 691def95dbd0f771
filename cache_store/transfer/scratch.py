"""Temporary folders of transfers. A folder is locked while its process lives; an unlocked one is left over."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cache_store.errors import TransferError

__all__ = ["scratch_folder"]

_PREFIX = "provider-proxy-transfer-"


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """An empty folder that is removed at the end. Removes first what killed transfers of this user left.

    Raises TransferError if no folder can be made.
    """
    _remove_left()
    try:
        folder, lock = _made()
    except OSError as error:
        raise TransferError(f"no temporary folder can be created: {error.strerror}") from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _made() -> tuple[Path, int]:
    while True:
        # Until it is locked, another process may take the folder for one that was left, and remove it.
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
        try:
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:
            continue
        fcntl.flock(lock, fcntl.LOCK_EX)
        if folder.exists():
            return folder, lock
        os.close(lock)


def _remove_left() -> None:
    with suppress(OSError):
        for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
            with suppress(OSError):
                if folder.lstat().st_uid != os.geteuid():
                    continue
                lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(folder, ignore_errors=True)
                finally:
                    os.close(lock)

"""The background proxy of `ci`: its state file, which its process locks as long as it lives."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from cache_store.errors import UsageError

__all__ = ["Background", "claim", "forget", "is_claimed", "read_background", "take_dead"]

_NAME = "ci.json"
_LOCK_SECONDS = 0.5  # a reader of the state holds its lock for an instant


@dataclass(frozen=True)
class Background:
    """A running background proxy: its process, its URL, and the variables that `stop` restores.

    These may contain the password of a company's proxy, so they are saved only under GitHub Actions.
    """

    pid: int
    url: str
    before: dict[str, str]


def claim(folder: Path, background: Background) -> int:
    """Write the state and lock it; the lock ends with the process. Returns the file descriptor.

    Raises UsageError if another background proxy has locked it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder / _NAME, os.O_RDWR | os.O_CREAT, 0o600)
    if not _lock(handle, _LOCK_SECONDS):
        os.close(handle)
        raise UsageError("a background proxy is already running here; stop it with `provider-proxy stop`")
    os.ftruncate(handle, 0)
    os.write(handle, json.dumps(asdict(background)).encode())
    return handle


def forget(handle: int) -> None:
    """Empty the state of a proxy that ends normally; the lock ends with its process."""
    os.ftruncate(handle, 0)


def read_background(folder: Path) -> Background | None:
    """The background proxy that runs in `folder`, or None."""
    with _opened(folder) as handle:
        return None if handle is None or _lock(handle, 0) else _parsed(handle)


def is_claimed(folder: Path) -> bool:
    """Whether the process of a background proxy lives in `folder`, even if it has emptied its state."""
    with _opened(folder) as handle:
        return handle is not None and not _lock(handle, 0)


def take_dead(folder: Path, *, keep: bool = False) -> Background | None:
    """The background proxy that died in `folder` without `forget`, or None. Its state is emptied unless `keep`."""
    with _opened(folder) as handle:
        if handle is None or not _lock(handle, 0):
            return None
        dead = _parsed(handle)
        if not keep:
            forget(handle)
        return dead


@contextlib.contextmanager
def _opened(folder: Path) -> Iterator[int | None]:
    try:
        handle = os.open(folder / _NAME, os.O_RDWR)
    except OSError:
        yield None
        return
    try:
        yield handle
    finally:
        os.close(handle)


def _parsed(handle: int) -> Background | None:
    try:
        return Background(**json.loads(os.read(handle, 65536)))
    except (ValueError, TypeError):
        return None


def _lock(handle: int, seconds: float) -> bool:
    until = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if time.monotonic() >= until:
                return False
            time.sleep(0.01)
        else:
            return True

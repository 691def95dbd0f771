"""The background proxy of `ci`: its state file, which its process keeps locked while it lives."""

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
_PATIENCE = 0.5  # seconds; who reads the state holds its lock for an instant


@dataclass(frozen=True)
class Background:
    """A running background proxy: its process, where it listens, and the variables that its end sets back.

    These may hold a company proxy's password, so they are there only where somebody asks for them.
    """

    pid: int
    url: str
    before: dict[str, str]


def claim(folder: Path, background: Background) -> int:
    """Write the state and hold its lock; the lock ends with the process. Returns the open file.

    Raises UsageError where another background proxy holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder / _NAME, os.O_RDWR | os.O_CREAT, 0o600)
    if not _lock(handle, _PATIENCE):
        os.close(handle)
        raise UsageError("a background proxy runs here already; stop it with `provider-proxy stop`")
    os.ftruncate(handle, 0)
    os.write(handle, json.dumps(asdict(background)).encode())
    return handle


def forget(handle: int) -> None:
    """Empty the state of a proxy that ends as it should; its lock ends with its process."""
    os.ftruncate(handle, 0)


def read_background(folder: Path) -> Background | None:
    """The background proxy that runs in `folder`; None where none does."""
    with _opened(folder) as handle:
        return None if handle is None or _lock(handle, 0) else _parsed(handle)


def is_claimed(folder: Path) -> bool:
    """Whether a background proxy's process lives in `folder`, though it may have forgotten its state."""
    with _opened(folder) as handle:
        return handle is not None and not _lock(handle, 0)


def take_dead(folder: Path, *, keep: bool = False) -> Background | None:
    """The background proxy that died in `folder` without `forget`, which is done here, unless it is to be kept for
    a later call; None where none did.
    """
    with _opened(folder) as handle:
        if handle is None or not _lock(handle, 0):
            return None
        found = _parsed(handle)
        if not keep:
            forget(handle)
        return found


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


def _lock(handle: int, patience: float) -> bool:
    until = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if time.monotonic() >= until:
                return False
            time.sleep(0.01)
        else:
            return True

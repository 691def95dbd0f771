"""The background proxy of `ci`: its state file, which its process keeps locked while it lives."""

from __future__ import annotations

import fcntl
import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from cache_store.errors import UsageError

__all__ = ["Background", "claim", "read_background"]

_NAME = "ci.json"
_PATIENCE = 0.5  # seconds; who reads the state holds its lock for an instant


@dataclass(frozen=True)
class Background:
    """A running background proxy: its process, where it listens, and the proxy variables at its start."""

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


def read_background(folder: Path) -> Background | None:
    """The background proxy that runs in `folder`; None where none does."""
    try:
        handle = os.open(folder / _NAME, os.O_RDWR)
    except OSError:
        return None
    try:
        return None if _lock(handle, 0) else Background(**json.loads(os.read(handle, 65536)))
    except (ValueError, TypeError):
        return None
    finally:
        os.close(handle)


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

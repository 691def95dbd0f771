"""When each entry was last used, written once at a run's end, for `prune --unused-since`."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterable
from pathlib import Path

from cache_store.atomic_file import replace_file

__all__ = ["note_used", "read_last_used"]

_NAME = "last-used.json"
_MOST = 2**28


def note_used(cache_dir: Path, keys: Iterable[str], now: float) -> None:
    """Add that `keys` were used at `now` (Unix seconds); runs that end at once wait for one another.

    Where it cannot be written nothing fails: their recording's time counts then.
    """
    new = dict.fromkeys(keys, int(now))
    if not new:
        return
    try:
        handle = os.open(cache_dir / f"{_NAME}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            used = read_last_used(cache_dir)
            replace_file(cache_dir / _NAME, json.dumps(used | new, separators=(",", ":")).encode(), 0o600)
        finally:
            os.close(handle)
    except OSError:
        pass  # a full or read-only disk; there is no harm but an entry that is pruned sooner


def read_last_used(cache_dir: Path) -> dict[str, int]:
    """Unix seconds by key; what cannot be read was never used."""
    path = cache_dir / _NAME
    try:
        if path.stat().st_size > _MOST:
            return {}
        found = json.loads(path.read_bytes())
        return {key: value for key, value in found.items() if type(value) is int}
    except (OSError, ValueError, AttributeError, RecursionError):
        return {}

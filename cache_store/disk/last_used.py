"""Notes at a run's end when each entry was last used, for `prune --unused-since`."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from pathlib import Path

from cache_store.atomic_file import replace_file
from cache_store.plain_files import locked, read_plain

__all__ = ["forget_last_used", "note_used", "read_last_used"]

_NAME = "last-used.json"
_MAX_FILE = 2**28  # bytes

logger = logging.getLogger(__name__)


def note_used(cache_dir: Path, keys: Iterable[str], now: float) -> None:
    """Note that `keys` were used at `now` (Unix seconds). Runs that end at the same time wait for one another,
    for a short time.

    Nothing fails if the note cannot be written: the recording time counts then.
    """
    new = dict.fromkeys(keys, int(now))
    if new:
        _change(cache_dir, lambda used: used | new)


def forget_last_used(cache_dir: Path, keys: AbstractSet[str]) -> None:
    """Forget `keys`, which were removed. Nothing fails if the note cannot be written."""
    if (cache_dir / _NAME).exists():
        _change(cache_dir, lambda used: {key: at for key, at in used.items() if key not in keys})


def _change(cache_dir: Path, change: Callable[[dict[str, int]], dict[str, int]]) -> None:
    try:
        with locked(cache_dir / f"{_NAME}.lock"):
            used = change(read_last_used(cache_dir))
            replace_file(cache_dir / _NAME, json.dumps(used, separators=(",", ":")).encode(), 0o600)
    except TimeoutError:
        logger.warning("%s was not updated: another program holds its lock", cache_dir / _NAME)
    except OSError:
        pass  # a full or read-only disk: an entry may be pruned sooner


def read_last_used(cache_dir: Path) -> dict[str, int]:
    """When each key was last used, in Unix seconds; {} if the note cannot be read."""
    try:
        noted = json.loads(read_plain(cache_dir / _NAME, _MAX_FILE))
        return {key: value for key, value in noted.items() if type(value) is int}
    except (OSError, ValueError, AttributeError, RecursionError):
        return {}

"""How old an entry is."""

from __future__ import annotations

import time

from cache_store.entry import Entry

__all__ = ["is_expired"]


def is_expired(entry: Entry, max_age: float | None) -> bool:
    """Whether `entry` is `max_age` seconds old or older. A negative age (a clock set back) counts as 0."""
    return max_age is not None and max(0.0, time.time() - entry.recorded_at) >= max_age

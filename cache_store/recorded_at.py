"""When a foreign entry was recorded: one reading of the ways in which others write it."""

from __future__ import annotations

import math

__all__ = ["recorded_seconds"]

_MILLISECONDS = 1e12  # as seconds, the year 33658; as milliseconds, 2001


def recorded_seconds(raw: object, now: float) -> float:
    """Unix seconds. Beyond 1e12 `raw` is milliseconds; missing, non-finite or non-positive means `now`.

    The rule of llmix-rs' two-tier cache, whose older writers used milliseconds.
    """
    if isinstance(raw, bool) or not isinstance(raw, int | float):
        return now
    try:
        value = float(raw)
    except OverflowError:
        return now
    if not math.isfinite(value) or value <= 0:
        return now
    return value / 1000 if value > _MILLISECONDS else value

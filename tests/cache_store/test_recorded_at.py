"""Reading a foreign time of recording."""

from __future__ import annotations

import math

import pytest

from cache_store.recorded_at import recorded_seconds


@pytest.mark.parametrize(
    ("raw", "seconds"),
    [
        (1_700_000_000, 1_700_000_000.0),
        (1_700_000_000.5, 1_700_000_000.5),
        (1_700_000_000_123, 1_700_000_000.123),
        (1e12, 1e12),
        (None, 50.0),
        (0, 50.0),
        (-5, 50.0),
        (math.nan, 50.0),
        (math.inf, 50.0),
        (-math.inf, 50.0),
        (10**400, 50.0),
        ("1700000000", 50.0),
        (True, 50.0),
    ],
)
def test_foreign_times_are_read_as_seconds(raw: object, seconds: float) -> None:
    """Beyond 1e12 a time is milliseconds; what is no time is now."""
    assert recorded_seconds(raw, now=50.0) == seconds

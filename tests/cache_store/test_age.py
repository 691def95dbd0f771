"""How old an entry is."""

from __future__ import annotations

import time

import pytest

from cache_store.age import is_expired
from cache_store.entry import Entry


@pytest.mark.parametrize(
    ("age", "max_age", "expired"),
    [
        (100.0, None, False),
        (100.0, 100.0, True),
        (99.0, 100.0, False),
        (-50.0, 1.0, False),
        (-50.0, 0.0, True),
    ],
)
def test_an_entry_expires_at_its_age(
    monkeypatch: pytest.MonkeyPatch, age: float, max_age: float | None, expired: bool
) -> None:
    """The limit itself is too old, without a limit nothing is, and a time in the future counts as now."""
    monkeypatch.setattr(time, "time", lambda: 5000.0)
    assert is_expired(Entry("pp1-a", 200, "", (), b"", 5000.0 - age, 0.0, "run"), max_age) is expired

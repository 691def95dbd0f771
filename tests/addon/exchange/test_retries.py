"""Telling a retry from a new request."""

from __future__ import annotations

import pytest

from addon.exchange import retries
from addon.exchange.retries import Retries


def test_a_request_that_is_refused_again_within_seconds_is_a_retry() -> None:
    """The pause counts from the last try, and other keys are others."""
    now = 0.0
    asked = Retries(lambda: now)
    assert not asked.is_retry("a")
    for now in (20.0, 50.0):
        assert asked.is_retry("a")
        assert not asked.is_retry(f"b{now}")
    now = 80.1
    assert not asked.is_retry("a")


def test_the_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of too many keys the one that was refused longest ago is forgotten."""
    monkeypatch.setattr(retries, "_MOST", 2)
    asked = Retries(lambda: 0.0)
    assert [asked.is_retry(key) for key in ("a", "b", "a", "c", "a", "b")] == [
        False, False, True, False, True, False,
    ]  # fmt: skip

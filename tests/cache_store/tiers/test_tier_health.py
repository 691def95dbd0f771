"""Whether a second tier is asked."""

from __future__ import annotations

import time

import pytest

from cache_store.tiers.tier_health import Kind, TierHealth


@pytest.mark.parametrize("kind", list(Kind))
def test_the_third_failure_in_a_row_marks_it_unhealthy(kind: Kind) -> None:
    """Two failures change nothing, the third does."""
    health = TierHealth()
    for _ in range(2):
        health.failed(kind)
        assert health.healthy
        assert health.allows(kind)
    health.failed(kind)
    assert not health.healthy
    assert not health.allows(kind)


def test_a_success_between_starts_the_count_anew() -> None:
    """Failures count only in a row."""
    health = TierHealth()
    for _ in range(4):
        health.failed(Kind.WRITE)
        health.failed(Kind.WRITE)
        health.succeeded(Kind.WRITE)
    assert health.healthy


def test_reads_do_not_hide_failing_writes() -> None:
    """A tier that reads well and refuses to write is asked for reads alone."""
    health = TierHealth()
    for _ in range(3):
        health.succeeded(Kind.READ)
        health.failed(Kind.WRITE)
    assert not health.healthy
    assert health.allows(Kind.READ)
    assert not health.allows(Kind.WRITE)


def test_a_slow_tier_is_left_alone_at_once() -> None:
    """Whatever it was asked for: the next caller would wait as long."""
    health = TierHealth()
    health.was_slow()
    assert not health.healthy
    assert not any(health.allows(kind) for kind in Kind)


def test_an_unhealthy_tier_is_tried_by_one_caller_every_five_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is skipped for 5 s, then one call may try; one success and it is asked as before."""
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    health = TierHealth()
    for _ in range(3):
        health.failed(Kind.WRITE)
    now = 1004.9
    assert not health.allows(Kind.WRITE)
    now = 1005.0
    assert [health.allows(Kind.WRITE), health.allows(Kind.WRITE)] == [True, False]
    health.failed(Kind.WRITE)
    now = 1009.9
    assert not health.allows(Kind.WRITE)
    now = 1010.0
    assert health.allows(Kind.WRITE)
    health.succeeded(Kind.WRITE)
    assert health.healthy
    assert [health.allows(Kind.WRITE), health.allows(Kind.WRITE)] == [True, True]

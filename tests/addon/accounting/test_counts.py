"""What a run counts."""

from __future__ import annotations

import json

import pytest

from addon.accounting.counts import RunCounts, worse_tier
from addon.judging.reasons import NotStored


def _counts() -> RunCounts:
    counts = RunCounts(run="r", mode="read-only", started_at=5.0)
    a, b = counts.host("b.example"), counts.host("a.example")
    a.requests, a.hits, a.saved_seconds = 3, 2, 1.5
    b.requests, b.misses, b.saved_seconds = 1, 1, 0.5
    a.not_stored[NotStored.STATUS] += 2
    b.not_stored[NotStored.STATUS] += 1
    b.not_stored[NotStored.MODE] += 1
    counts.tunnelled["x.example"] += 4
    counts.tls_refused["y.example"] += 1
    counts.cache_faults["read"] += 1
    return counts


def test_a_host_is_counted_under_its_name() -> None:
    """The same name gives the same counts."""
    counts = RunCounts(run="r", mode="off")
    assert counts.host("a") is counts.host("a")
    assert counts.host("a") is not counts.host("b")


def test_the_total_is_the_sum() -> None:
    """Every number of every host, reasons included; counting on does not change a total that was taken."""
    counts = _counts()
    total = counts.total()
    counts.host("a.example").not_stored[NotStored.STATUS] += 1
    assert (total.requests, total.hits, total.misses, total.saved_seconds) == (4, 2, 1, 2.0)
    assert total.not_stored == {NotStored.STATUS: 3, NotStored.MODE: 1}
    assert counts.host("b.example").not_stored == {NotStored.STATUS: 2}


def test_it_becomes_json() -> None:
    """As JSON it has everything, hosts in order."""
    found = json.loads(json.dumps(_counts().as_dict()))
    assert list(found["hosts"]) == ["a.example", "b.example"]
    assert found["hosts"]["b.example"] == {
        "requests": 3,
        "hits": 2,
        "misses": 0,
        "retried": 0,
        "stored": 0,
        "refused": 0,
        "bypassed": 0,
        "live": 0,
        "errors": 0,
        "hit_bytes": 0,
        "live_bytes": 0,
        "saved_seconds": 1.5,
        "live_seconds": 0.0,
        "failures": {},
        "rebound": {},
        "not_stored": {"status": 2},
    }
    assert found["total"]["requests"] == 4
    assert (found["run"], found["mode"], found["started_at"]) == ("r", "read-only", 5.0)
    assert found["tunnelled"] == {"x.example": 4}
    assert found["tls_refused"] == {"y.example": 1}
    assert found["cache_faults"] == {"read": 1}


def test_nothing_counted_is_zeros() -> None:
    """A run without requests has a total."""
    assert RunCounts(run="r", mode="off").total().requests == 0


@pytest.mark.parametrize(("one", "other", "worse"), [
    ("", "", ""), ("", "healthy", "healthy"), ("unhealthy", "healthy", "unhealthy"),
    ("unhealthy", "blocked until it is cleared", "blocked until it is cleared"),
])  # fmt: skip
def test_the_worse_of_two_words_for_a_tier(one: str, other: str, worse: str) -> None:
    """Whichever comes first."""
    assert worse_tier(one, other) == worse_tier(other, one) == worse

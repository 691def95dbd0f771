"""Counts of several processes as one run's."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from addon.accounting.counts import _MOST_MISSED, HostCounts, RunCounts
from addon.workers.counting import Reported, add, changes_of, hosts_of, whole

# What only the process that reports knows.
OWN = {
    "run",
    "mode",
    "started_at",
    "ended_at",
    "unused",
    "saved",
    "failed_gates",
    "notes",
    "workers_replaced",
    "tests_elsewhere",
    "rechunk",  # a setting
}


def _busy(number: int) -> RunCounts:
    """Counts in which every member that is sent has something."""
    counts = RunCounts("run", "read-write")
    for host in ("a", f"own-{number}"):
        row = counts.host(host)
        for place, name in enumerate(HostCounts.__slots__):
            if name not in ("not_stored", "failures", "rebound"):
                setattr(row, name, number * (place + 1))
        row.not_stored.update({"secret": number, f"why-{number}": 1})
        row.failures.update({"429": number, f"50{number}": 1})
    for counter in (
        counts.tunnelled,
        counts.tls_refused,
        counts.tls_left,
        counts.cache_faults,
        counts.read_on,
    ):
        counter.update({"x": number, f"y-{number}": 2})
    counts.add_stale_id(f"s-{number}", "GET h/x", f"line {number}")
    counts.second_tier = ("", "healthy", "unhealthy")[number]
    counts.connections, counts.over_budget, counts.unexplained = number, number + 1, number + 2
    counts.used = {"k": number, f"k-{number}": 0}
    for key in ("m", "m", f"m-{number}"):
        counts.miss(key, {"key": key}, f"line {number}")
        counts.not_kept(key, "place", "failed", "advice", number)
    counts.miss("n", {}, "", root="m")
    counts.spent.add("api.openai.com", "gpt-4.1", {"prompt_tokens": 1000, "completion_tokens": number}, 2)
    counts.spent.add("h", f"unknown-{number}", None)
    for test in ("t", f"t-{number}"):
        verdict = counts.verdict("gw0", test, 1)
        assert verdict is not None
        verdict.hits, verdict.live = number, 1
        verdict.use("k", number)
        verdict.miss(f"m-{number}")("a line", "/messages/0", folded=False)
        verdict.end("secret")
    return counts


def _sent(*news: dict[str, Any]) -> Reported:
    sent = Reported()
    for one in news:
        sent.update(json.loads(json.dumps(one)))
    return sent


def _twice() -> RunCounts:
    """All that was counted in both, counted in one place."""
    counts = _busy(1)
    other = _busy(2)
    add(counts, _sent(changes_of(other, prices=False)))
    return counts


def test_every_member_is_sent_or_is_the_reporters_own() -> None:
    """None is forgotten when a new one is counted."""
    sent = set(changes_of(_busy(1), prices=False))
    assert sent | OWN == set(RunCounts.__slots__) | {"unpriced"}
    assert not sent & OWN


def test_two_processes_are_the_sum() -> None:
    """Every figure of the report."""
    counts = _twice()
    assert set(counts.hosts) == {"a", "own-1", "own-2"}
    for place, name in enumerate(HostCounts.__slots__):
        if name not in ("not_stored", "failures", "rebound"):
            assert getattr(counts.hosts["a"], name) == 3 * (place + 1), name
    assert counts.hosts["a"].not_stored == {"secret": 3, "why-1": 1, "why-2": 1}
    assert counts.hosts["a"].failures == {"429": 3, "501": 1, "502": 1}
    for counter in (
        counts.tunnelled,
        counts.tls_refused,
        counts.tls_left,
        counts.cache_faults,
        counts.read_on,
    ):
        assert counter == {"x": 3, "y-1": 2, "y-2": 2}
    assert counts.second_tier == "unhealthy"
    assert (counts.connections, counts.over_budget, counts.unexplained) == (3, 5, 7)
    assert counts.used == {"k": 3, "k-1": 0, "k-2": 0}
    assert {key: item.times for key, item in counts.refused_answers.items()} == {"m": 6, "m-1": 1, "m-2": 2}
    assert {key: (m.times, m.follows) for key, m in counts.missed.items()} == {
        "m": (4, 2),
        "m-1": (1, 0),
        "m-2": (1, 0),
    }
    assert counts.missed["m-2"].line == "line 2"
    assert counts.as_dict()["stale_ids"] == ["GET h/x: line 1", "GET h/x: line 2"]


def test_tests_are_the_sum() -> None:
    """A test that asked in both processes is one row; each later report of a process replaces its earlier one."""
    rows = {row["test"]: row for row in _twice().as_dict()["tests"]}
    assert set(rows) == {"t", "t-1", "t-2"}
    assert (rows["t"]["hits"], rows["t"]["live"], rows["t"]["entries"]) == (3, 2, {"k": 3})
    assert [miss["key"] for miss in rows["t"]["misses"]] == ["m-1", "m-2"]
    assert rows["t"]["not_stored"] == {"secret": 2}
    counts = _busy(1)
    first = changes_of(counts, prices=False)
    assert changes_of(counts, prices=False)["tests"] == []
    counts.tests["gw0", "t", 1].end(None)
    again = _sent(first, changes_of(counts, prices=False))
    assert again.tests[0]["stored"] == 1
    assert again.tests[0]["hits"] == 1
    assert len(whole(counts, [again]).as_dict()["tests"]) == 2


def test_costs_are_the_sum_and_priced_at_the_end() -> None:
    """Tokens at once; money when the reporter settles, as if all had been counted in one process."""
    pytest.importorskip("genai_prices")
    counts = _twice()
    row = counts.spent.models["gpt-4.1"]
    assert (row.answers, row.unknown, row.input_tokens, row.output_tokens) == (4, 4, 4000, 6)
    counts.spent.settle()
    assert row.unknown == 0
    alone = _busy(1)
    alone.spent.settle()
    other = _busy(2)
    other.spent.settle()
    assert counts.spent.usd == alone.spent.usd + other.spent.usd > 0


def test_prices_that_were_looked_up_are_sent() -> None:
    """A process that looks them up itself sends money, and keeps what it has not looked up yet."""
    counts = _busy(1)
    counts.spent.models["gpt-4.1"].usd = Decimal("0.125")
    news = changes_of(counts, prices=True)
    assert news["unpriced"] == []
    assert counts.spent.hand_over()
    total = RunCounts("run", "x")
    add(total, _sent(news))
    assert total.spent.usd == Decimal("0.125")


def test_later_news_replace_totals_and_add_to_what_was_used() -> None:
    """Used keys and answers without a price are sent once, everything else as it is now."""
    counts = _busy(1)
    first = changes_of(counts, prices=False)
    assert counts.used == {}
    counts.used["k"] = 5
    counts.host("a").hits += 10
    second = changes_of(counts, prices=False)
    assert second["unpriced"] == []
    sent = _sent(first, second)
    assert sent.used == {"k": 6, "k-1": 0}
    assert len(sent.unpriced) == 1
    total = RunCounts("run", "x")
    add(total, sent)
    assert total.hosts["a"].hits == first["hosts"]["a"]["hits"] + 10
    assert sent.requests == total.total().requests == 2


def test_figures_of_a_run_that_goes_on() -> None:
    """They are all that is known now, and change nothing."""
    counts = _busy(1)
    counts.workers_replaced = 1
    before = counts.as_dict()
    together = whole(counts, [_sent(changes_of(_busy(2), prices=False)), Reported()])
    assert counts.as_dict() == before
    assert counts.used == {"k": 1, "k-1": 0}
    expected = _twice().as_dict() | {"started_at": counts.started_at, "workers_replaced": 1}
    assert together.as_dict() == expected
    assert (together.run, together.mode) == ("run", "read-write")


def test_one_that_never_said_anything_counts_nothing() -> None:
    """A process may die before it can."""
    counts = RunCounts("run", "x")
    empty = counts.as_dict()
    add(counts, Reported())
    assert counts.as_dict() == empty


def test_too_many_misses_are_counted_as_unexplained() -> None:
    """The list keeps its bound; their number is not lost."""
    counts = RunCounts("run", "x")
    for n in range(_MOST_MISSED):
        counts.miss(f"k{n}", {}, "")
    other = RunCounts("run", "x")
    for _ in range(3):
        other.miss("new", {}, "")
    other.miss("later", {}, "", root="new")
    add(counts, _sent(changes_of(other, prices=False)))
    assert len(counts.missed) == _MOST_MISSED
    assert counts.unexplained == 4


def test_news_may_leave_out_what_has_not_changed() -> None:
    """The rest is as it was sent before; a process that only ever sent its requests counts these."""
    first = changes_of(_busy(1), prices=False)
    sent = _sent(first, {"hosts": {}, "connections": 9})
    total = RunCounts("run", "x")
    add(total, sent)
    assert (total.hosts, total.connections, total.over_budget) == ({}, 9, 2)
    total = RunCounts("run", "x")
    add(total, _sent({"hosts": hosts_of(_busy(2))}))
    assert total.total().requests == 4

"""Figures as they are read."""

from __future__ import annotations

from addon.accounting.counts import RunCounts
from addon.report.words import cost_lines, hit_rate, side_lines


def test_the_hit_rate() -> None:
    """There is no rate without look-ups."""
    assert hit_rate({"hits": 0, "misses": 0}) is None
    assert hit_rate({"hits": 3, "misses": 1}) == 0.75


def test_costs_in_one_line_each() -> None:
    """Money that is known and answers that are not priced stand side by side."""
    counts = RunCounts("r", "read-write")
    counts.saved.add("api.openai.com", "gpt-4.1", {"prompt_tokens": 1_000_000, "completion_tokens": 0})
    counts.saved.add("api.openai.com", "house", {"prompt_tokens": 5})
    counts.saved.settle()
    (line,) = cost_lines(counts.as_dict())
    total, _, models = line.partition("; by model: ")
    assert total == "saved: $2.00 and 1 of unknown price, 1,000,005 tokens in, 0 out, 2 answers"
    assert models == "gpt-4.1 $2.00, house price unknown"


def test_what_was_not_stored_is_said_with_what_to_do() -> None:
    """Statuses are named with their number; each reason has a line that names the first of its requests."""
    counts = RunCounts("r", "read-old-write-new")
    counts.host("h").not_stored.update({"status 429": 9, "failed": 6, "unreachable": 1})
    counts.not_kept("pp2-a", "POST h/v1/x", "status 429", "record again", 9)
    for n in range(5):
        counts.not_kept(f"pp2-{n}", f"GET h/v1/{n}", "failed", "set X=in-band")
    counts.not_kept("pp2-1", "GET h/v1/1", "failed", "set X=in-band", test="tests/test_a.py::test_b")
    hint = "(`provider-proxy ls --refused`)"
    assert side_lines(counts.as_dict()) == [
        "not stored: failed \u00d76, status 429 \u00d79, unreachable \u00d71",
        f"  failed \u00d76: set X=in-band: tests/test_a.py::test_b, GET h/v1/0, GET h/v1/2, and 2 more {hint}",
        "  status 429 \u00d79: record again: POST h/v1/x",
    ]


def test_what_else_there_was() -> None:
    """Budgets and unused entries have a line only if there are any."""
    counts = RunCounts("r", "read-write")
    assert side_lines(counts.as_dict()) == []
    counts.over_budget, counts.unused = 2, ["pp1-a"]
    assert side_lines(counts.as_dict()) == ["over budget: 2 requests not forwarded", "unused: 1 entry"]
    counts = RunCounts("r", "read-write")
    counts.read_on.update({"answers": 2, "tokens": 1234})
    assert side_lines(counts.as_dict()) == [
        "read on after the client had left: 2 answers, about 1,234 tokens out (PROVIDER_PROXY_FINISH_SECONDS)"
    ]
    counts = RunCounts("r", "read-write", workers_replaced=2)
    assert side_lines(counts.as_dict()) == ["workers that died and were replaced: 2"]
    counts = RunCounts("r", "read-write", rechunk="7")
    assert side_lines(counts.as_dict()) == [
        "streams were cut at random places; PROVIDER_PROXY_RECHUNK=7 makes the same cuts again"
    ]


def test_each_test_that_differs_from_its_own_recording_is_named() -> None:
    """With the JSON Pointer, once, also if the same difference made another test miss first."""
    counts = RunCounts("r", "read-only-require-hit")
    for test, own in (("a", True), ("b", True), ("c", False)):
        verdict = counts.verdict("gw0", test, 1)
        assert verdict
        for pointer in ("/messages/0", "/messages/1"):
            verdict.miss("k")("this test's own recording …", pointer, folded=test == "b", own=own)
    assert side_lines(counts.as_dict()) == [
        f"{test}: another request than its own recording, at /messages/0" for test in "ab"
    ]

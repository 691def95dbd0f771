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


def test_what_else_there_was() -> None:
    """Budgets and unused entries have a line only if there are any."""
    counts = RunCounts("r", "read-write")
    assert side_lines(counts.as_dict()) == []
    counts.over_budget, counts.unused = 2, ["pp1-a"]
    assert side_lines(counts.as_dict()) == ["over budget: 2 requests not forwarded", "unused: 1 entry"]
    counts = RunCounts("r", "read-write", workers_replaced=2)
    assert side_lines(counts.as_dict()) == ["workers that died and were replaced: 2"]

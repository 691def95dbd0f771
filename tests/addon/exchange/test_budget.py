"""How much a run may still send."""

from __future__ import annotations

from decimal import Decimal

from addon.accounting.counts import RunCounts
from addon.exchange.budget import Budget


def test_without_bounds_nothing_is_ever_spent() -> None:
    """Neither requests nor money count."""
    counts = RunCounts("r", "read-write")
    counts.host("h").live = 10**9
    budget = Budget(None, None, counts)
    assert budget.spent() == ""


def test_requests() -> None:
    """Over all hosts; none at all is a bound too."""
    counts = RunCounts("r", "read-write")
    assert Budget(0, None, counts).spent() == "the budget PROVIDER_PROXY_MAX_LIVE=0 is spent"
    counts.host("a").live, counts.host("b").live = 2, 1
    assert Budget(4, None, counts).spent() == ""
    assert Budget(3, None, counts).spent() == "the budget PROVIDER_PROXY_MAX_LIVE=3 is spent"


def test_money() -> None:
    """What has a known price counts."""
    counts = RunCounts("r", "read-write")
    counts.spent.add("api.openai.com", "gpt-4.1", {"prompt_tokens": 1_000_000, "completion_tokens": 0})
    budget = Budget(None, Decimal(2), counts)
    assert budget.spent() == ""
    counts.spent.settle()
    assert budget.spent() == "the budget PROVIDER_PROXY_MAX_USD=2 is spent"
    assert Budget(None, Decimal("2.01"), counts).spent() == ""

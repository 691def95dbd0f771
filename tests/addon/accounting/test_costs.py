"""Tokens and money, from the usage that answers state."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from addon.accounting import costs
from addon.accounting.costs import ModelCosts, Tally, price_of, tokens_of


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        ({"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}, (3, 2)),
        ({"input_tokens": 3, "output_tokens": 2, "input_tokens_details": {"cached_tokens": 1}}, (3, 2)),
        ({"input_tokens": 3, "cache_read_input_tokens": 10, "cache_creation_input_tokens": 5, "output_tokens": 2}, (18, 2)),
        ({"promptTokenCount": 3, "candidatesTokenCount": 2, "thoughtsTokenCount": 4}, (3, 6)),
        ({"inputTokens": 3, "outputTokens": 2}, (3, 2)),
        ({"billed_units": {"input_tokens": 3, "output_tokens": 2}}, (3, 2)),
        ({"prompt_eval_count": 3, "eval_count": 2}, (3, 2)),
        ({"prompt_tokens": -5, "completion_tokens": "many"}, (0, 0)),
        ({"prompt_tokens": float("inf"), "completion_tokens": 10**400}, (0, 0)),
        ({}, (0, 0)),
    ],
)  # fmt: skip
def test_tokens_of_every_dialect(usage: dict[str, Any], tokens: tuple[int, int]) -> None:
    """In and out, under the names that providers use; what makes no sense counts nothing."""
    assert tokens_of(usage) == tokens


@pytest.mark.parametrize(
    ("host", "model", "usage"),
    [
        ("api.openai.com", "gpt-4.1", {"prompt_tokens": 1000, "completion_tokens": 500}),
        ("api.openai.com", "gpt-4.1", {"input_tokens": 1000, "output_tokens": 500}),
        ("api.anthropic.com", "claude-sonnet-4-5", {"input_tokens": 1000, "output_tokens": 500}),
        ("generativelanguage.googleapis.com", "gemini-2.5-flash", {"promptTokenCount": 1000, "candidatesTokenCount": 5}),
        ("api.groq.com", "llama-3.3-70b-versatile", {"prompt_tokens": 1000, "completion_tokens": 5}),
    ],
)  # fmt: skip
def test_known_prices(host: str, model: str, usage: dict[str, Any]) -> None:
    """Providers' own dialects have a price of more than nothing."""
    price = price_of(host, model, usage)
    assert price is not None
    assert 0 < price < 1


@pytest.mark.parametrize(
    ("host", "model", "usage"),
    [
        ("api.openai.com", "house-model", {"prompt_tokens": 1}),
        ("api.openai.com", "", {"prompt_tokens": 1}),
        ("llm.house.example", "gpt-4.1", {"prompt_tokens": 1, "completion_tokens": 1}),
        ("api.openai.com", "gpt-4.1", {"prompt_tokens": "x"}),
        ("api.openai.com", "gpt-4.1", {"prompt_tokens": -1, "completion_tokens": 3}),
    ],
)
def test_unknown_is_not_zero(host: str, model: str, usage: dict[str, Any]) -> None:
    """An unknown model, provider or usage has no price."""
    assert price_of(host, model, usage) is None


def test_without_the_package_prices_are_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra is optional: tokens are counted, money is not known."""
    monkeypatch.setattr(costs.importlib.util, "find_spec", lambda _: None)
    tally = Tally()
    tally.add("api.openai.com", "gpt-4.1", {"prompt_tokens": 1000, "completion_tokens": 500}, times=2)
    tally.settle()
    found = tally.as_dict()
    assert (found["usd"], found["unknown"], found["input_tokens"]) == (None, 2, 2000)


def test_a_tally_by_model() -> None:
    """Answers, tokens and money add up; what has no usage is unknown, and the rest keeps its price."""
    tally = Tally()
    usage = {"prompt_tokens": 1_000_000, "completion_tokens": 0}
    tally.add("api.openai.com", "gpt-4.1", usage, times=3)
    tally.add("api.openai.com", "gpt-4.1", None)
    tally.add("api.openai.com", "house", usage)
    tally.settle()
    tally.settle()
    assert tally.usd == Decimal(6)
    assert tally.unknown == 2
    rows = {row["model"]: row for row in tally.as_dict()["models"]}
    assert (rows["gpt-4.1"]["answers"], rows["gpt-4.1"]["unknown"], rows["gpt-4.1"]["usd"]) == (4, 1, 6.0)
    assert rows["house"]["usd"] is None


def test_models_are_bounded() -> None:
    """A client that makes up models does not make the report grow without end."""
    tally = Tally()
    for number in range(2000):
        tally.add("h", f"m{number}", None)
    assert len(tally.models) <= 1001
    assert tally.as_dict()["answers"] == 2000


def test_one_tally_takes_over_anothers() -> None:
    """Its rows and what it has not priced, once; beyond the bound under one name, as everywhere."""
    one, other = Tally(), Tally()
    usage = {"prompt_tokens": 1_000_000, "completion_tokens": 0}
    for tally in (one, other):
        tally.add("api.openai.com", "gpt-4.1", usage)
    pending = other.hand_over()
    assert other.hand_over() == []
    for row in other.models.values():
        one.add_row(row)
    one.take_over(pending)
    one.settle()
    other.settle()
    assert one.models["gpt-4.1"].as_dict() == {
        "model": "gpt-4.1", "answers": 2, "unknown": 0, "input_tokens": 2_000_000, "output_tokens": 0, "usd": 4.0,
    }  # fmt: skip
    assert other.models["gpt-4.1"].unknown == 1
    full = Tally({str(n): ModelCosts(str(n)) for n in range(1000)})
    full.add_row(one.models["gpt-4.1"])
    full.take_over([["api.openai.com", "gpt-4.1", usage, 1]])
    full.settle()
    assert (full.models["other"].answers, len(full.models)) == (2, 1001)

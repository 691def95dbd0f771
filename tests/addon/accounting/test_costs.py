"""Tokens and money, from the usage that answers state."""

from __future__ import annotations

import gzip
import json
from decimal import Decimal
from typing import Any

import pytest

from addon.accounting import costs
from addon.accounting.costs import Billed, ModelCosts, Tally, billed_entry, billed_live
from addon.messages import LiveAnswer
from cache_store.entry import Entry

USAGE = {"prompt_tokens": 7, "completion_tokens": 2}
BODY = json.dumps({"model": "gpt-4.1-2025", "usage": USAGE}).encode()
TYPE = (b"content-type", b"application/json")


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
    price = costs._price_of(host, model, usage)
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
    assert costs._price_of(host, model, usage) is None


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


# -- what an answer states ----------------------------------------------------------

ASKED = {"host": "api.openai.com", "model": "gpt-4.1"}


def _billed(label: dict[str, str], status: int, body: bytes, coding: bytes = b"") -> Billed | None:
    headers = (TYPE, (b"content-encoding", coding)) if coding else (TYPE,)
    return billed_live(label, LiveAnswer(status, "", headers, body), 10**6)


def test_a_live_answer() -> None:
    """The model is the one that was asked for, else the one that answered; a compressed body is read too."""
    assert _billed(ASKED, 200, BODY) == ("api.openai.com", "gpt-4.1", USAGE)
    assert _billed({"host": "h"}, 200, BODY) == ("h", "gpt-4.1-2025", USAGE)
    assert _billed(ASKED, 200, gzip.compress(BODY), b"gzip") == ("api.openai.com", "gpt-4.1", USAGE)


@pytest.mark.parametrize(
    ("body", "coding"),
    [(b"", b""), (b"\x1f\x8bbroken", b"gzip"), (gzip.compress(bytes(10**7)), b"gzip")],
    ids=["dropped", "broken", "too long"],
)
def test_a_body_that_cannot_be_read_costs_an_unknown_amount(body: bytes, coding: bytes) -> None:
    """The answer counts, without a usage."""
    assert _billed(ASKED, 200, body, coding) == ("api.openai.com", "gpt-4.1", None)


def test_what_is_free() -> None:
    """An error, and an answer that has neither a model nor a usage."""
    assert _billed(ASKED, 500, BODY) is None
    assert _billed({"host": "h"}, 200, b'{"data": []}') is None


def test_an_entry_states_the_same_as_the_answer_that_it_was() -> None:
    """The usage is that of the recording."""
    entry = Entry("pp1-k", 200, "OK", (TYPE,), BODY, 1.0, 1.0, "r", {"host": "h", "model": "m"})
    assert billed_entry(entry) == ("h", "m", USAGE)

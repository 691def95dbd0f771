"""What the requests of a run of one process share."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine
from decimal import Decimal
from typing import Any

import pytest

from addon.accounting.counts import RunCounts
from addon.exchange.coordination import Alone, Coordination
from addon.exchange.flights import Outcome
from addon.settings.settings import Settings


def _alone(**raw: str) -> tuple[Alone, RunCounts]:
    counts = RunCounts("run", "read-write")
    return Alone(Settings.parse(raw), counts), counts


def _at_once[T](call: Awaitable[T]) -> T:
    """The result of a call that must not give way to anything."""
    assert isinstance(call, Coroutine)
    try:
        call.send(None)
    except StopIteration as end:
        value: T = end.value
        return value
    raise AssertionError("it waits")


def test_the_first_of_a_key_leads() -> None:
    """Later ones get its flight until it has landed; what was looked up before does not matter."""

    async def story() -> None:
        alone, _ = _alone()
        flight, leads = await alone.claim("a", 0.0)
        assert leads
        assert await alone.claim("a", 0.0) == (flight, False)
        alone.land("a", flight, Outcome.STORED)
        assert flight.landed.result() is Outcome.STORED
        again, leads = await alone.claim("a", 0.0)
        assert leads
        assert again is not flight

    asyncio.run(story())


def test_the_budget_is_that_of_the_counts() -> None:
    """What was forwarded counts, and what it cost."""
    alone, counts = _alone(max_live="1")
    assert (alone.spent(), _at_once(alone.take())) == ("", "")
    counts.host("h").live = 1
    assert "MAX_LIVE=1" in alone.spent()
    assert _at_once(alone.take()) == alone.spent()


def test_money_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same for what is spent."""
    monkeypatch.setattr("importlib.util.find_spec", lambda _: object())
    alone, counts = _alone(max_usd="2")
    counts.spent.add("h", "m", None)
    counts.spent.models["m"].usd = Decimal(2)
    _at_once(alone.paid())
    assert "MAX_USD=2" in _at_once(alone.take())


def test_sequences_and_credentials() -> None:
    """Equal requests are counted by key; that a credential worked is news once."""
    alone, _ = _alone()
    assert [_at_once(alone.next(key)) for key in "aab"] == [1, 2, 1]
    assert not _at_once(alone.has_worked("d"))
    assert [_at_once(alone.worked("d")) for _ in range(2)] == [True, False]
    assert _at_once(alone.has_worked("d"))


def test_nothing_waits() -> None:
    """In one process no question gives way to other requests."""

    async def story() -> None:
        alone, _ = _alone()
        calls: list[Awaitable[Any]] = [
            alone.claim("a", 0.0), alone.claim("a", 0.0), alone.take(), alone.paid(), alone.next("a"),
            alone.all_seen(), alone.has_worked("d"), alone.worked("d"),
        ]  # fmt: skip
        for call in calls:
            _at_once(call)
        shared: Coordination = alone
        assert shared.seen([]) is None

    asyncio.run(story())

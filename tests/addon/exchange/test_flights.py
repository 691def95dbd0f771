"""Identical requests in flight."""

from __future__ import annotations

import asyncio
import time

import pytest

from addon.exchange import flights as flights_module
from addon.exchange.flights import Flight, Flights, Outcome


def test_a_flight_is_there_until_it_lands() -> None:
    """The one that starts leads; who asks meanwhile finds its flight, by key."""

    async def story() -> None:
        flights = Flights()
        assert flights.get("a") is None
        flight = flights.start("a")
        assert flights.get("a") is flight
        assert flights.get("b") is None
        assert flight.answered is False
        flights.land("a", flight, Outcome.STORED)
        assert flights.get("a") is None
        assert await flight.landed is Outcome.STORED

    asyncio.run(story())


@pytest.mark.parametrize("landing", Outcome)
def test_everyone_who_waits_learns_how_it_landed(landing: Outcome) -> None:
    """One landing wakes all waiters with the same outcome."""

    async def story() -> list[Outcome]:
        flights = Flights()
        flight = flights.start("a")

        async def wait() -> Outcome:
            assert await flight.wait()
            return flight.landed.result()

        waiting = [asyncio.create_task(wait()) for _ in range(3)]
        await asyncio.sleep(0)
        flights.land("a", flight, landing)
        return await asyncio.gather(*waiting)

    assert asyncio.run(story()) == [landing] * 3


def test_landing_twice_is_harmless() -> None:
    """The first landing counts; a second one of an old flight does not end its successor."""

    async def story() -> None:
        flights = Flights()
        first = flights.start("a")
        flights.land("a", first, Outcome.ABANDONED)
        second = flights.start("a")
        flights.land("a", first, Outcome.STORED)
        assert first.landed.result() is Outcome.ABANDONED
        assert flights.get("a") is second
        assert not second.landed.done()

    asyncio.run(story())


def test_a_waiter_that_is_cancelled_leaves_the_flight_alone() -> None:
    """One client's leaving does not wake or cancel the others."""

    async def story() -> None:
        flights = Flights()
        flight = flights.start("a")
        waiting = [asyncio.create_task(flight.wait()) for _ in range(2)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        await asyncio.sleep(0)
        assert not flight.landed.done()
        assert not waiting[1].done()
        flights.land("a", flight, Outcome.STORED)
        assert await asyncio.wait_for(waiting[1], 1)

    asyncio.run(story())


def test_who_waits_does_not_wait_longer_than_it_said() -> None:
    """At the end of its time a waiter is told that the flight has not landed."""

    async def story() -> None:
        assert not await asyncio.wait_for(Flight().wait(0.05), 5)

    asyncio.run(story())


def test_an_answer_that_stalls_is_waited_for_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once no more comes of an answer that has begun, its waiters are let go; while some comes, they wait."""
    monkeypatch.setattr(flights_module, "STALLED_SECONDS", 0.2)

    async def story() -> None:
        flight = Flight()
        waiting = asyncio.create_task(flight.wait())
        await asyncio.sleep(0.5)
        assert not waiting.done()  # nothing has come yet: the provider takes its time
        for _ in range(10):
            flight.moved = time.monotonic()
            await asyncio.sleep(0.05)
            assert not waiting.done()
        assert await asyncio.wait_for(waiting, 5) is False

    asyncio.run(story())


def test_an_answer_that_stalls_at_its_beginning_is_not_waited_for_twice_as_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Who waits since before the first bytes came is let go when the time is over, not a whole time later."""
    monkeypatch.setattr(flights_module, "STALLED_SECONDS", 0.8)

    async def story() -> None:
        flight = Flight()
        waiting = asyncio.create_task(flight.wait())
        await asyncio.sleep(0.05)
        flight.moved = time.monotonic()
        assert await asyncio.wait_for(waiting, 1.3) is False

    asyncio.run(story())

"""Identical requests in flight."""

from __future__ import annotations

import asyncio

import pytest

from addon.flights import Flights, Landing


def test_a_flight_is_there_until_it_lands() -> None:
    """The one that starts leads; who asks meanwhile finds its flight, by key."""

    async def story() -> None:
        flights = Flights()
        assert flights.get("a") is None
        flight = flights.start("a")
        assert flights.get("a") is flight
        assert flights.get("b") is None
        assert flight.answered is False
        flights.land("a", flight, Landing.STORED)
        assert flights.get("a") is None
        assert await flight.landed is Landing.STORED

    asyncio.run(story())


@pytest.mark.parametrize("landing", Landing)
def test_everyone_who_waits_learns_how_it_landed(landing: Landing) -> None:
    """One landing wakes all waiters with the same outcome."""

    async def story() -> list[Landing]:
        flights = Flights()
        flight = flights.start("a")

        async def wait() -> Landing:
            await asyncio.wait([flight.landed])
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
        flights.land("a", first, Landing.ABANDONED)
        second = flights.start("a")
        flights.land("a", first, Landing.STORED)
        assert first.landed.result() is Landing.ABANDONED
        assert flights.get("a") is second
        assert not second.landed.done()

    asyncio.run(story())


def test_a_waiter_that_is_cancelled_leaves_the_flight_alone() -> None:
    """One client's leaving does not wake or cancel the others."""

    async def story() -> None:
        flights = Flights()
        flight = flights.start("a")
        waiting = [asyncio.create_task(asyncio.wait([flight.landed])) for _ in range(2)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        await asyncio.sleep(0)
        assert not flight.landed.done()
        assert not waiting[1].done()
        flights.land("a", flight, Landing.STORED)
        await asyncio.wait_for(waiting[1], 1)

    asyncio.run(story())

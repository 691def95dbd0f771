"""One process's part in a run of several."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from addon.accounting.costs import Tally
from addon.exchange import flights as flights_module
from addon.exchange.flights import Outcome
from addon.redaction.credentials_seen import Credential
from addon.workers.board import Board
from addon.workers.member import InPlace, Member, packed

SECRET = b"made-up-secret-0123456789"


class _Crew:
    """Members on one board, as in one process."""

    def __init__(self, members: int = 2, **bounds: Any) -> None:
        self.board = Board(**bounds)
        self.sent: list[int] = []
        self.tallies = [Tally() for _ in range(members)]
        self.members = [self._member(n, bounds) for n in range(members)]

    def _member(self, number: int, bounds: dict[str, Any]) -> Member:
        member = Member(
            InPlace(self.board, number), self.tallies[number], counts_money="max_usd" in bounds,
            before_sending=lambda: self.sent.append(number),
        )  # fmt: skip
        self.board.join(number, lambda what, *given: member.hear(what, given))
        return member


def _run(story: Callable[[], Any]) -> None:
    asyncio.run(story())


def test_a_flight_is_joined_by_the_other() -> None:
    """The other's request waits for it, knows when its terminal event was seen, and wakes when it lands."""

    async def story() -> None:
        one, other = _Crew().members
        led, leads = await one.claim("a", 1.0)
        assert leads
        joined, leads = await other.claim("a", 1.0)
        assert not leads
        assert (await other.claim("a", 1.0))[0] is joined
        assert not joined.answered
        led.answered = True
        led.answered = True
        assert joined.answered
        assert not joined.landed.done()
        one.land("a", led, Outcome.STORED)
        one.land("a", led, Outcome.ABANDONED)
        assert led.landed.result() is joined.landed.result() is Outcome.STORED

    _run(story)


def test_a_flight_that_stalls_is_given_up_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only its own process sees whether bytes of an answer come: that tells those who wait in any, and one leads."""
    monkeypatch.setattr(flights_module, "STALLED_SECONDS", 0.05)

    async def story() -> None:
        one, other = _Crew().members
        led, _ = await one.claim("a", 1.0)
        joined = [(await member.claim("a", 1.0))[0] for member in (one, other)]
        await asyncio.sleep(0.15)
        assert not any(flight.landed.done() for flight in joined)  # nothing has come yet
        led.moved = time.monotonic()
        waiting = asyncio.gather(*(flight.wait() for flight in joined))
        assert await asyncio.wait_for(waiting, 5) == [True, True]
        assert {flight.landed.result() for flight in joined} == {Outcome.ABANDONED}
        _, leads = await other.claim("a", time.monotonic())
        assert leads
        one.land("a", led, Outcome.STORED)  # which comes too late to say anything

    _run(story)


def test_one_that_landed_meanwhile_has_landed() -> None:
    """Whoever looked at the store before it did gets it as landed, and leads at the next claim."""

    async def story() -> None:
        one, other = _Crew().members
        flight, _ = await one.claim("a", 0.0)
        one.land("a", flight, Outcome.NOT_STORED)
        late, leads = await other.claim("a", 0.0)
        assert not leads
        assert late.landed.result() is Outcome.NOT_STORED
        assert (await other.claim("a", float("inf")))[1]

    _run(story)


def test_when_the_board_is_gone_nobody_waits() -> None:
    """Flights of others are abandoned."""

    async def story() -> None:
        one, other = _Crew().members
        await one.claim("a", 1.0)
        joined, _ = await other.claim("a", 1.0)
        other.lost()
        assert joined.landed.result() is Outcome.ABANDONED
        other.lost()

    _run(story)


def test_the_budget_is_asked_and_told() -> None:
    """Before a request is forwarded the counts are sent; that it is spent is known without asking."""

    async def story() -> None:
        crew = _Crew(max_live=1)
        one, other = crew.members
        assert (one.spent(), await one.take()) == ("", "")
        assert crew.sent == [0]
        assert "MAX_LIVE=1" in other.spent()
        assert await other.take() == other.spent() == one.spent()

    _run(story)


def test_money_is_paid_where_there_is_a_bound() -> None:
    """Each tells its own sum."""

    async def story() -> None:
        crew = _Crew(max_usd=Decimal(2))
        for member, tally in zip(crew.members, crew.tallies, strict=True):
            tally.add("h", "m", None)
            tally.models["m"].usd = Decimal(1)
            await member.paid()
        assert "MAX_USD=2" in crew.members[0].spent()
        free = _Crew()
        free.board.leave(0, 0.0)
        await free.members[0].paid()  # asks nobody

    _run(story)


def test_sequences_and_credentials_are_shared() -> None:
    """One count, one memory."""

    async def story() -> None:
        one, other = _Crew().members
        assert [await member.next("a") for member in (one, other, one)] == [1, 2, 3]
        assert await one.worked("d")
        assert not await other.worked("d")
        assert await other.has_worked("d")
        assert not await other.has_worked("e")

    _run(story)


def test_a_secret_is_known_to_the_other() -> None:
    """Once telling returns it taints the other's answers, and not before."""

    async def story() -> None:
        one, other = _Crew().members
        assert other.taint.found_in(b"x" + SECRET) is None
        await one.seen([Credential("bearer", SECRET)])
        await other.all_seen()
        assert other.taint.found_in(b"x" + SECRET) == "bearer"
        assert other.taint.known() == [Credential("bearer", SECRET)]

    _run(story)


def test_credentials_are_packed_as_text() -> None:
    """Any bytes."""
    assert packed([Credential("k", b"\xff\x00")]) == [["k", "/wA="]]


def test_other_news_are_refused() -> None:
    """The board says nothing else; news of a flight that is no more are old."""
    member = _Crew().members[0]
    member.hear("landed", [99, "STORED"])
    member.hear("answered", [99, True])
    with pytest.raises(ValueError, match="nothing that the board says"):
        member.hear("lost", [])

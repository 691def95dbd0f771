"""One process's part in what a run shares."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from decimal import Decimal
from typing import Any

import pytest

from addon.accounting.costs import Tally
from addon.exchange import coordination as coordination_module
from addon.exchange.coordination import Flight, LocalChannel, Peer, local_peer, packed
from addon.exchange.coordinator import Coordinator, Outcome
from addon.redaction.credentials_seen import Credential
from addon.settings.settings import Settings

SECRET = b"made-up-secret-0123456789"


class _Peers:
    """Peers of one coordinator, in one process."""

    def __init__(self, peers: int = 2, **bounds: Any) -> None:
        self.coordinator = Coordinator(**bounds)
        self.sent: list[int] = []
        self.tallies = [Tally() for _ in range(peers)]
        self.peers = [self._peer(number, bounds) for number in range(peers)]

    def _peer(self, number: int, bounds: dict[str, Any]) -> Peer:
        peer = Peer(
            LocalChannel(self.coordinator, number),
            self.tallies[number],
            counts_money="max_usd" in bounds,
            before_sending=lambda: self.sent.append(number),
        )
        self.coordinator.join(number, lambda event, *values: peer.receive(event, values))
        return peer


def _run(story: Callable[[], Any]) -> None:
    asyncio.run(story())


def _at_once[T](call: Awaitable[T]) -> T:
    """The result of a call that must not give way to anything."""
    assert isinstance(call, Coroutine)
    try:
        call.send(None)
    except StopIteration as end:
        value: T = end.value
        return value
    raise AssertionError("it waits")


def test_nothing_waits_in_the_process_that_keeps_the_coordinator() -> None:
    """No call there gives way to other requests."""

    async def story() -> None:
        peer = local_peer(Coordinator(), Settings.parse({}), Tally())
        calls: list[Awaitable[Any]] = [
            peer.claim("a", 0.0),
            peer.claim("a", 0.0),
            peer.take(),
            peer.pay(),
            peer.next_repeat("a"),
            peer.sync(),
            peer.was_accepted("d"),
            peer.accept("d"),
        ]
        for call in calls:
            _at_once(call)
        assert peer.share([Credential("bearer", SECRET)]) is None

    _run(story)


def test_within_a_process_the_flight_itself_is_joined() -> None:
    """Whoever asks for the key gets the leader's flight until it ends, and leads the next one."""

    async def story() -> None:
        one, _ = _Peers().peers
        flight, leads = await one.claim("a", 0.0)
        assert leads
        assert await one.claim("a", 0.0) == (flight, False)
        assert (await one.claim("b", 0.0))[1]
        one.end(flight, Outcome.STORED)
        assert flight.ended.result() is Outcome.STORED
        again, leads = await one.claim("a", time.monotonic())
        assert leads
        assert again is not flight

    _run(story)


def test_a_flight_is_joined_by_the_other_process() -> None:
    """The other's request waits for it, learns that its terminal event has passed, and wakes when it ends."""

    async def story() -> None:
        one, other = _Peers().peers
        led, leads = await one.claim("a", 1.0)
        assert leads
        joined, leads = await other.claim("a", 1.0)
        assert not leads
        assert (await other.claim("a", 1.0))[0] is joined
        assert not joined.answered
        led.answered = True
        led.answered = True
        assert joined.answered
        assert not joined.ended.done()
        one.end(led, Outcome.STORED)
        one.end(led, Outcome.ABANDONED)
        assert led.ended.result() is joined.ended.result() is Outcome.STORED
        led.answered = False  # too late to matter

    _run(story)


@pytest.mark.parametrize("outcome", Outcome)
def test_everyone_who_waits_learns_how_it_ended(outcome: Outcome) -> None:
    """All waiters wake with the same outcome."""

    async def story() -> list[Outcome]:
        one, other = _Peers().peers
        flight, _ = await one.claim("a", 0.0)

        async def wait(peer: Peer) -> Outcome:
            joined, _ = await peer.claim("a", 0.0)
            assert await joined.wait()
            return joined.ended.result()

        waiting = [asyncio.create_task(wait(peer)) for peer in (one, one, other)]
        await asyncio.sleep(0)
        one.end(flight, outcome)
        return await asyncio.gather(*waiting)

    assert asyncio.run(story()) == [outcome] * 3


def test_an_old_flight_does_not_end_its_successor() -> None:
    """A second call for the same flight has no effect."""

    async def story() -> None:
        one, _ = _Peers().peers
        first, _ = await one.claim("a", 0.0)
        one.end(first, Outcome.ABANDONED)
        second, _ = await one.claim("a", time.monotonic())
        one.end(first, Outcome.STORED)
        assert first.ended.result() is Outcome.ABANDONED
        assert (await one.claim("a", 0.0))[0] is second
        assert not second.ended.done()

    _run(story)


def test_a_waiter_that_is_cancelled_leaves_the_flight_alone() -> None:
    """One client's leaving does not wake or cancel the others."""

    async def story() -> None:
        one, _ = _Peers().peers
        flight, _ = await one.claim("a", 0.0)
        waiting = [asyncio.create_task(flight.wait()) for _ in range(2)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        await asyncio.sleep(0)
        assert not flight.ended.done()
        assert not waiting[1].done()
        one.end(flight, Outcome.STORED)
        assert await asyncio.wait_for(waiting[1], 5)

    _run(story)


def test_waiting_has_an_end() -> None:
    """At the end of its time a waiter learns that the flight is still in the air."""

    async def story() -> None:
        assert not await asyncio.wait_for(Flight("a", 1).wait(0.05), 5)

    _run(story)


def test_a_flight_that_stalls_is_abandoned_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once an answer that has begun stalls, those who wait in any process are released, and one of them leads."""
    monkeypatch.setattr(coordination_module, "STALLED_SECONDS", 0.3)

    async def story() -> None:
        one, other = _Peers().peers
        led, _ = await one.claim("a", 1.0)
        joined = [(await peer.claim("a", 1.0))[0] for peer in (one, other)]
        await asyncio.sleep(0.7)
        assert not any(
            flight.ended.done() for flight in joined
        )  # nothing has come: the provider takes its time
        for _ in range(20):
            led.moved = time.monotonic()
            await asyncio.sleep(0.03)
            assert not any(flight.ended.done() for flight in joined)
        waiting = asyncio.gather(*(flight.wait() for flight in joined))
        assert await asyncio.wait_for(waiting, 5) == [True, True]
        assert {flight.ended.result() for flight in joined} == {Outcome.ABANDONED}
        _, leads = await other.claim("a", time.monotonic())
        assert leads
        one.end(led, Outcome.STORED)  # too late to matter

    _run(story)


def test_a_stall_is_noticed_when_it_is_due(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time runs from the latest bytes, not from the look that saw them."""
    monkeypatch.setattr(coordination_module, "STALLED_SECONDS", 100.0)
    timers: list[float] = []

    async def story() -> None:
        loop = asyncio.get_running_loop()
        real = loop.call_later
        monkeypatch.setattr(
            loop, "call_later", lambda delay, *args: timers.append(delay) or real(delay, *args)
        )
        one, _ = _Peers().peers
        flight, _ = await one.claim("a", 0.0)
        flight.moved = time.monotonic() - 60
        one._abandon_if_stalled(flight)
        assert timers[0] == 100
        assert 39 < timers[1] <= 40
        flight.moved = time.monotonic() - 100
        one._abandon_if_stalled(flight)
        assert flight.ended.result() is Outcome.ABANDONED

    _run(story)


def test_a_flight_that_ended_meanwhile_has_ended() -> None:
    """A peer that looked at the store before gets the ended flight, and leads at its next claim."""

    async def story() -> None:
        for number in (0, 1):
            peers = _Peers().peers
            late = peers[number]
            flight, _ = await peers[0].claim("a", 0.0)
            peers[0].end(flight, Outcome.NOT_STORED)
            ended, leads = await late.claim("a", 0.0)
            assert not leads
            assert ended.ended.result() is Outcome.NOT_STORED
            assert (await late.claim("a", float("inf")))[1]

    _run(story)


def test_nobody_waits_once_the_coordinator_is_gone() -> None:
    """Flights of other processes are abandoned."""

    async def story() -> None:
        one, other = _Peers().peers
        await one.claim("a", 1.0)
        joined, _ = await other.claim("a", 1.0)
        other.disconnected()
        assert joined.ended.result() is Outcome.ABANDONED
        other.disconnected()

    _run(story)


def test_the_budget_is_claimed() -> None:
    """The counts are sent before a request is forwarded; that the budget is spent is known without asking."""

    async def story() -> None:
        peers = _Peers(max_live=1)
        one, other = peers.peers
        assert (one.spent(), await one.take()) == ("", "")
        assert peers.sent == [0]
        assert "MAX_LIVE=1" in other.spent()
        assert await other.take() == other.spent() == one.spent()

    _run(story)


def test_money_is_reported_if_there_is_a_bound() -> None:
    """Each peer reports its own sum."""

    async def story() -> None:
        peers = _Peers(max_usd=Decimal(2))
        for peer, tally in zip(peers.peers, peers.tallies, strict=True):
            tally.add("h", "m", None)
            tally.models["m"].usd = Decimal(1)
            await peer.pay()
        assert "MAX_USD=2" in peers.peers[0].spent()
        free = _Peers()
        free.coordinator.leave(0, 0.0)
        await free.peers[0].pay()  # asks nobody

    _run(story)


def test_repeats_and_credentials_are_shared() -> None:
    """All peers have one count and one memory."""

    async def story() -> None:
        one, other = _Peers().peers
        assert [await peer.next_repeat("a") for peer in (one, other, one)] == [1, 2, 3]
        assert await one.accept("d")
        assert not await other.accept("d")
        assert await other.was_accepted("d")
        assert not await other.was_accepted("e")

    _run(story)


def test_a_secret_is_known_to_the_other_process() -> None:
    """Once sharing returns, it taints the other's answers."""

    async def story() -> None:
        one, other = _Peers().peers
        assert other.taint.found_in(b"x" + SECRET) is None
        one.share([Credential("bearer", SECRET)])
        await other.sync()
        assert other.taint.found_in(b"x" + SECRET) == "bearer"
        assert other.taint.known() == [Credential("bearer", SECRET)]

    _run(story)


def test_credentials_are_packed_as_text() -> None:
    """Any bytes become JSON values."""
    assert packed([Credential("k", b"\xff\x00")]) == [["k", "/wA="]]


def test_an_unknown_event_is_refused() -> None:
    """Events of flights that have ended are ignored."""
    peer = _Peers().peers[0]
    peer.receive("ended", [99, "STORED"])
    peer.receive("answered", [99, True])
    with pytest.raises(ValueError, match="not an event of the coordinator"):
        peer.receive("lost", [])

"""One process's part in a run of several: `Coordination` by asking the board."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from addon.accounting.costs import Tally
from addon.exchange.flights import Flight, Outcome
from addon.redaction import Taint
from addon.redaction.credentials_seen import Credential
from addon.workers.board import Board

__all__ = ["Asking", "InPlace", "Member", "packed"]


class Asking(Protocol):
    """The way to the board: a `Line`, or `InPlace`."""

    async def ask(self, what: str, *given: Any, then: Callable[[Any], Any] | None = None) -> Any:
        """The board's answer, made by `then` what is returned."""

    def tell(self, what: str, *given: Any) -> None:
        """News for the board."""


class InPlace:
    """The board is in this process: it answers without giving way to anything else."""

    def __init__(self, board: Board, member: int) -> None:
        self._board = board
        self._member = member

    async def ask(self, what: str, *given: Any, then: Callable[[Any], Any] | None = None) -> Any:
        """The answer."""
        answer = self._board.handle(self._member, what, list(given))
        return then(answer) if then is not None else answer

    def tell(self, what: str, *given: Any) -> None:
        """The same without one."""
        self._board.handle(self._member, what, list(given))


class _Led(Flight):
    """A flight of this process, of which the board is told."""

    __slots__ = ("_asking", "_done", "key", "number")

    def __init__(self, asking: Asking, key: str, number: int) -> None:
        self._asking = asking
        self._done = False
        self.key = key
        self.number = number
        super().__init__()

    @property
    def answered(self) -> bool:
        return self._done

    @answered.setter
    def answered(self, done: bool) -> None:
        if done != self._done:
            self._done = done
            self._asking.tell("answered", self.key, self.number, done)


class Member:
    """The part of the process that reaches the board by `asking`.

    `spent` is what its live answers cost. `before_sending` is called before a request is forwarded: a process that
    dies must not have done so unseen.
    """

    def __init__(
        self,
        asking: Asking,
        spent: Tally,
        *,
        counts_money: bool,
        before_sending: Callable[[], None] = lambda: None,
    ) -> None:
        self.taint = Taint()
        self._asking = asking
        self._tally = spent
        self._counts_money = counts_money
        self._before_sending = before_sending
        self._over = ""
        self._joined: dict[int, Flight] = {}
        self._watching: set[asyncio.Task[None]] = set()

    # -- what the board tells -------------------------------------------------

    def hear(self, what: str, given: Sequence[Any]) -> None:
        """Take note of the board's news. Raises ValueError for what is none."""
        if what == "landed":
            flight = self._joined.pop(given[0], None)
            if flight is not None:
                flight.landed.set_result(Outcome[given[1]])
        elif what == "answered":
            if given[0] in self._joined:
                self._joined[given[0]].answered = given[1]
        elif what == "spent":
            self._over = given[0]
        elif what == "seen":
            self.taint.add(Credential(kind, base64.b64decode(secret)) for kind, secret in given[0])
        else:
            raise ValueError(f"{what} is nothing that the board says")

    def lost(self) -> None:
        """The board is gone: nobody waits for a flight any more."""
        joined, self._joined = self._joined, {}
        for flight in joined.values():
            flight.landed.set_result(Outcome.ABANDONED)

    # -- Coordination -----------------------------------------------------------

    def spent(self) -> str:
        """Which bound the board has told of."""
        return self._over

    async def take(self) -> str:
        """Ask for one request."""
        self._before_sending()
        return str(await self._asking.ask("take"))

    async def paid(self) -> None:
        """Tell what this process's answers cost so far."""
        if self._counts_money:
            await self._asking.ask("paid", str(self._tally.usd))

    async def next(self, key: str) -> int:
        """Ask which request of this key this is."""
        return int(await self._asking.ask("next", key))

    async def claim(self, key: str, looked: float) -> tuple[Flight, bool]:
        """Ask for the flight of `key`."""

        def claimed(answer: Any) -> tuple[Flight, bool]:
            number, leads, answered, landing = answer
            if leads:
                return self._watched(_Led(self._asking, key, number)), True
            flight = self._joined.get(number) or Flight()
            flight.answered = answered
            if landing:
                flight.landed.set_result(Outcome[landing])
            else:
                self._joined[number] = flight
            return flight, False

        found: tuple[Flight, bool] = await self._asking.ask("claim", key, looked, then=claimed)
        return found

    def _watched(self, led: _Led) -> _Led:
        """A flight that is given up where its answer stalls, which those who wait elsewhere cannot see."""

        async def watch() -> None:
            if not await led.wait():
                self.land(led.key, led, Outcome.ABANDONED)

        task = asyncio.create_task(watch())
        self._watching.add(task)
        task.add_done_callback(self._watching.discard)
        return led

    def land(self, key: str, flight: Flight, landing: Outcome) -> None:
        """Tell how a flight of this process ended, and when: a later look at the store needs not be repeated."""
        assert isinstance(flight, _Led)
        if not flight.landed.done():
            flight.landed.set_result(landing)
            self._asking.tell("land", key, flight.number, landing.name, time.monotonic())

    async def has_worked(self, digest: str) -> bool:
        """Ask whether a credential had an answer anywhere."""
        return bool(await self._asking.ask("has-worked", digest))

    async def worked(self, digest: str) -> bool:
        """Tell that it had one here."""
        return bool(await self._asking.ask("worked", digest))

    async def seen(self, credentials: Sequence[Credential]) -> None:
        """Tell of credentials, and wait until the board has told the others."""
        await self._asking.ask("seen", packed(credentials))

    async def all_seen(self) -> None:
        """The board's answer comes after all that it has told."""
        await self._asking.ask("all-seen")


def packed(credentials: Sequence[Credential]) -> list[list[str]]:
    """Credentials for a line between processes."""
    return [[kind, base64.b64encode(secret).decode()] for kind, secret in credentials]

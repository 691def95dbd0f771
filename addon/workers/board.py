"""What the processes of a run share, kept by the one that the user started. Pure: no sockets, no clock.

Members are numbers; the keeper itself is 0. A member that dies leaves its flights abandoned, and what it had
claimed of the budget spent.
"""

from __future__ import annotations

import itertools
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from addon.exchange.budget import Budget
from addon.exchange.flights import Outcome
from addon.policy.variants import RepeatCounter

__all__ = ["Board", "Tell"]

type Tell = Callable[..., None]

# Landed flights that are remembered: a member may have looked at the store before one landed and ask after.
_MOST_LANDED = 4096


@dataclass(slots=True)
class _InAir:
    """A flight: its number, its key, who flies it, and who waits for it."""

    number: int
    key: str
    leader: int
    answered: bool = False
    waiting: set[int] = field(default_factory=set)


class _Spent:
    """What all members have claimed and paid, as a Budget reads it."""

    def __init__(self) -> None:
        self.live = 0
        self.paid: dict[int, Decimal] = {}

    @property
    def spent(self) -> _Spent:
        return self

    @property
    def usd(self) -> Decimal:
        return sum(self.paid.values(), Decimal(0))


class Board:
    """The state, asked by `handle`. News go to members through what they gave to `join`."""

    def __init__(self, max_live: int | None = None, max_usd: Decimal | None = None) -> None:
        self._members: dict[int, Tell] = {}
        self._numbers = itertools.count(1)
        self._in_air: dict[str, _InAir] = {}
        self._landed: OrderedDict[str, tuple[float, Outcome, _InAir]] = OrderedDict()
        self._sequence = RepeatCounter()
        self._spent = _Spent()
        self._budget = Budget(max_live, max_usd, self._spent)
        self._worked: set[str] = set()

    def join(self, member: int, tell: Tell) -> None:
        """A new member, which is told whether the budget is spent."""
        self._members[member] = tell
        if self._budget.spent():
            tell("spent", self._budget.spent())

    def leave(self, member: int, now: float) -> None:
        """A member is gone."""
        self._members.pop(member, None)
        for flight in [flight for flight in self._in_air.values() if flight.leader == member]:
            self._land(member, flight.key, flight.number, Outcome.ABANDONED.name, now)

    @property
    def live(self) -> int:
        """How many requests all members were let forward."""
        return self._spent.live

    def handle(self, member: int, what: str, given: list[Any]) -> Any:
        """The answer to a member's question. Raises ValueError for what is none."""
        work = self._handlers.get(what)
        if work is None or member not in self._members:
            raise ValueError(f"{what} is nothing that a worker says")
        return work(self, member, *given)

    def _claim(self, member: int, key: str, looked: float) -> list[Any]:
        """[number, leads, answered, landing]: the flight of `key`, maybe one that landed since `looked`."""
        flight = self._in_air.get(key)
        if flight is not None:
            flight.waiting.add(member)
            return [flight.number, False, flight.answered, ""]
        at, landing, last = self._landed.get(key, (looked, None, None))
        if landing is not None and last is not None and at > looked:
            return [last.number, False, last.answered, landing.name]
        self._in_air[key] = flight = _InAir(next(self._numbers), key, member)
        return [flight.number, True, False, ""]

    def _answered(self, member: int, key: str, number: int, answered: bool) -> None:
        flight = self._in_air.get(key)
        if flight is not None and flight.number == number and flight.leader == member:
            flight.answered = answered
            for waiting in flight.waiting & self._members.keys():
                self._members[waiting]("answered", number, answered)

    def _land(self, member: int, key: str, number: int, landing: str, at: float) -> None:
        flight = self._in_air.get(key)
        if flight is None or flight.number != number or flight.leader != member:
            return
        del self._in_air[key]
        self._landed.pop(key, None)
        self._landed[key] = at, Outcome[landing], flight
        if len(self._landed) > _MOST_LANDED:
            self._landed.popitem(last=False)
        for waiting in flight.waiting & self._members.keys():
            self._members[waiting]("landed", number, landing)

    def _next(self, _: int, key: str) -> int:
        return self._sequence.next(key)

    def _take(self, _: int) -> str:
        spent = self._budget.spent()
        if not spent:
            self._spent.live += 1
            self._tell_if_spent()
        return spent

    def _paid(self, member: int, usd: str) -> None:
        self._spent.paid[member] = Decimal(usd)
        self._tell_if_spent()

    def _tell_if_spent(self) -> None:
        spent = self._budget.spent()
        if spent:
            for tell in self._members.values():
                tell("spent", spent)

    def _has_worked(self, _: int, digest: str) -> bool:
        return digest in self._worked

    def _remember(self, _: int, digest: str) -> bool:
        new = digest not in self._worked
        self._worked.add(digest)
        return new

    def _seen(self, member: int, credentials: list[Any]) -> None:
        """Everybody else knows them before the one who saw them goes on."""
        for other, tell in self._members.items():
            if other != member:
                tell("seen", credentials)

    def _all_seen(self, _: int) -> None:
        """What was told before this answer has been heard when it is."""

    _handlers: dict[str, Callable[..., Any]] = {  # noqa: RUF012 - the names of the above, never changed
        "claim": _claim,
        "answered": _answered,
        "land": _land,
        "next": _next,
        "take": _take,
        "paid": _paid,
        "has-worked": _has_worked,
        "worked": _remember,
        "seen": _seen,
        "all-seen": _all_seen,
    }

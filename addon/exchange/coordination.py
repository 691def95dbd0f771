"""What the requests of a run share, in whichever process they are: who goes live for a key, which equal request
this is, what may still be sent, and the credentials that were seen.

`Alone` is a run of one process; `addon.workers.member` is one process of several.
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Protocol

from addon.accounting.counts import RunCounts
from addon.exchange.budget import Budget
from addon.exchange.flights import Flight, Flights, Outcome
from addon.policy.variants import RepeatCounter
from addon.redaction import Taint
from addon.redaction.credentials_seen import Credential
from addon.settings.settings import Settings

__all__ = ["Alone", "Coordination"]


class Coordination(Protocol):
    """One process's part in what a run shares. What is awaited may ask another process."""

    taint: Taint

    def spent(self) -> str:
        """Which bound is known to be reached, in words; '' while requests may be forwarded."""

    async def take(self) -> str:
        """Claim one request of what is left, right before it is forwarded; which bound forbids it, else ''."""

    async def paid(self) -> None:
        """Settle what live answers cost where there is a bound on money."""

    async def next(self, key: str) -> int:
        """Which request of this key in the run this is, from 1."""

    async def claim(self, key: str, looked: float) -> tuple[Flight, bool]:
        """The flight of `key`, and whether it is the caller's to fly.

        `looked` is the monotonic time before the store was asked: a flight of another process that landed since
        is given as landed, for its entry may have been missed.
        """

    def land(self, key: str, flight: Flight, landing: Outcome) -> None:
        """End a flight that was claimed; harmless when called twice."""

    async def has_worked(self, digest: str) -> bool:
        """Whether a credential had an answer in this run."""

    async def worked(self, digest: str) -> bool:
        """Remember that a credential had an answer; True where that is news."""

    def seen(self, credentials: Sequence[Credential]) -> Awaitable[None] | None:
        """Tell of credentials; what is to be awaited before anything is sent with them, None for nothing."""

    async def all_seen(self) -> None:
        """Return once `taint` knows every credential that was sent anywhere before this call."""


class Alone:
    """A run of one process: nothing here gives way to other requests."""

    def __init__(self, settings: Settings, counts: RunCounts) -> None:
        self.taint = Taint()
        self._budget = Budget(settings.max_live, settings.max_usd, counts)
        self._flights = Flights()
        self._sequence = RepeatCounter()
        self._worked: set[str] = set()  # digests; never written

    def spent(self) -> str:
        """Which bound is reached."""
        return self._budget.spent()

    async def take(self) -> str:
        """The same: requests that were looked up meanwhile may have spent what was left."""
        return self._budget.spent()

    async def paid(self) -> None:
        """The budget reads the counts themselves."""

    async def next(self, key: str) -> int:
        """Which request of this key this is."""
        return self._sequence.next(key)

    async def claim(self, key: str, looked: float) -> tuple[Flight, bool]:  # noqa: ARG002 - what was looked up holds
        """The flight of `key`, and whether it was started now."""
        flight = self._flights.get(key)
        return (flight, False) if flight is not None else (self._flights.start(key), True)

    def land(self, key: str, flight: Flight, landing: Outcome) -> None:
        """End a flight."""
        self._flights.land(key, flight, landing)

    async def has_worked(self, digest: str) -> bool:
        """Whether a credential had an answer."""
        return digest in self._worked

    async def worked(self, digest: str) -> bool:
        """Remember that a credential had an answer."""
        if digest in self._worked:
            return False
        self._worked.add(digest)
        return True

    def seen(self, credentials: Sequence[Credential]) -> None:
        """There is nobody to tell."""

    async def all_seen(self) -> None:
        """`taint` knows them all."""

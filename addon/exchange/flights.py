"""Identical requests in flight: who goes to the provider, and who waits for its entry."""

from __future__ import annotations

import asyncio
import enum
import math
import time

__all__ = ["Flight", "Flights", "Outcome"]

# An answer of which no more comes for so long has a client that does not read it, or a provider that hangs. (A
# model that thinks may be silent for a minute behind its first event.)
STALLED_SECONDS = 120.0


class Outcome(enum.Enum):
    """How a flight ended, which says what its waiters do."""

    STORED = "its entry is there: serve it"
    NOT_STORED = "a whole answer that is not kept: every waiter goes by itself"
    ABANDONED = "cut off, stalled, or its client left: the next waiter takes over"


class Flight:
    """One request on its way to the provider, for one key."""

    __slots__ = ("answered", "landed", "moved")

    def __init__(self) -> None:
        self.answered = False  # its terminal event was seen: who comes now is a retry, not a duplicate
        self.moved = (
            math.inf
        )  # when the latest bytes of its answer came (monotonic); the first may take minutes
        self.landed: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()

    async def wait(self, seconds: float = math.inf) -> bool:
        """Whether it lands, within `seconds` and before its answer stalls."""
        until = time.monotonic() + seconds
        while not self.landed.done():
            now = time.monotonic()
            if now >= until or now - self.moved >= STALLED_SECONDS:
                return False
            # `wait` rather than `await`: a waiter that is cancelled must not cancel the others' future.
            left = min(STALLED_SECONDS, self.moved + STALLED_SECONDS - now)
            await asyncio.wait([self.landed], timeout=min(until - now, left))
        return True


class Flights:
    """The flights of this process, by key."""

    def __init__(self) -> None:
        self._by_key: dict[str, Flight] = {}

    def get(self, key: str) -> Flight | None:
        """The flight for `key`, if there is one."""
        return self._by_key.get(key)

    def start(self, key: str) -> Flight:
        """Become the leader for `key`."""
        flight = self._by_key[key] = Flight()
        return flight

    def land(self, key: str, flight: Flight, landing: Outcome) -> None:
        """End a flight and wake those who wait for it; harmless when called twice."""
        if self._by_key.get(key) is flight:
            del self._by_key[key]
        if not flight.landed.done():
            flight.landed.set_result(landing)

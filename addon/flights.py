"""Identical requests in flight: who goes to the provider, and who waits for its entry."""

from __future__ import annotations

import asyncio
import enum

__all__ = ["Flight", "Flights", "Landing"]


class Landing(enum.Enum):
    """How a flight ended, which says what its waiters do."""

    STORED = "its entry is there: serve it"
    NOT_STORED = "a whole answer that is not kept: every waiter goes by itself"
    ABANDONED = "cut off, or its client left: the next waiter takes over"


class Flight:
    """One request on its way to the provider, for one key."""

    __slots__ = ("answered", "landed")

    def __init__(self) -> None:
        self.answered = False  # its terminal event was seen: who comes now is a retry, not a duplicate
        self.landed: asyncio.Future[Landing] = asyncio.get_running_loop().create_future()


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

    def land(self, key: str, flight: Flight, landing: Landing) -> None:
        """End a flight and wake those who wait for it; harmless when called twice."""
        if self._by_key.get(key) is flight:
            del self._by_key[key]
        if not flight.landed.done():
            flight.landed.set_result(landing)

"""The latest requests of a run, and those who wait for the next one. A request costs no more than adding a row."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

__all__ = ["MOST_ROWS", "History"]

MOST_ROWS = 5000

_MOST_WAITING = 16


class History:
    """At most MOST_ROWS rows, numbered from 1, the oldest dropped first. Use it in the event loop's thread."""

    def __init__(self) -> None:
        self._rows: deque[tuple[Any, ...]] = deque(maxlen=MOST_ROWS)
        self._waiting: set[asyncio.Future[None]] = set()
        self._closed = False
        self.last = 0
        """The number of the latest row; 0 before the first."""

    def add(self, *values: Any) -> int:
        """Add a row; its number."""
        self.last += 1
        self._rows.append(values)
        if self._waiting:
            self._wake()
        return self.last

    def after(self, number: int) -> list[tuple[Any, ...]]:
        """The rows with a greater number that are still held, each with its number before its values."""
        first = self.last - len(self._rows) + 1
        start = max(0, number + 1 - first)
        return [(at, *self._rows[at - first]) for at in range(first + start, self.last + 1)]

    async def wait(self, number: int, seconds: float) -> None:
        """Return once there is a row with a greater number, after `seconds`, or if too many wait already."""
        if self.last > number or self._closed or len(self._waiting) >= _MOST_WAITING:
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.add(future)
        try:
            await asyncio.wait([future], timeout=seconds)
        finally:
            self._waiting.discard(future)

    def close(self) -> None:
        """Nobody waits any longer."""
        self._closed = True
        self._wake()

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, set()
        for future in waiting:
            if not future.done():
                future.set_result(None)

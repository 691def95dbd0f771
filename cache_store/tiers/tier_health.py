"""Whether a second tier is worth asking right now."""

from __future__ import annotations

import enum
import threading
import time

__all__ = ["FAILURES", "PAUSE", "Kind", "TierHealth"]

FAILURES = 3
"""So many of one kind in a row mark a tier unhealthy."""

PAUSE = 5.0
"""Seconds for which an unhealthy tier is skipped before one call tries it again."""


class Kind(enum.Enum):
    """What was asked of the tier; a tier may read well and refuse to write (a replica, a full memory)."""

    READ = "read"
    WRITE = "write"


class TierHealth:
    """Counts failures in a row, by kind. Threads may share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._in_a_row = dict.fromkeys(Kind, 0)
        self._skipped_until = 0.0  # monotonic
        self._healthy = True

    @property
    def healthy(self) -> bool:
        """Whether the tier is asked as a matter of course."""
        return self._healthy

    def allows(self) -> bool:
        """Whether to ask the tier now. Of an unhealthy one, one caller in PAUSE seconds may."""
        with self._lock:
            if self._healthy:
                return True
            now = time.monotonic()
            if now < self._skipped_until:
                return False
            self._skipped_until = now + PAUSE
            return True

    def succeeded(self, kind: Kind) -> None:
        """One success marks it healthy."""
        with self._lock:
            self._in_a_row[kind] = 0
            self._healthy = True

    def failed(self, kind: Kind) -> None:
        """A third failure in a row marks it unhealthy."""
        with self._lock:
            self._in_a_row[kind] += 1
            if self._in_a_row[kind] >= FAILURES:
                self._healthy = False
                self._skipped_until = time.monotonic() + PAUSE

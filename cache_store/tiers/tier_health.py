"""Decides whether a second tier is worth asking right now."""

from __future__ import annotations

import enum
import threading
import time

__all__ = ["SLOW", "Kind", "TierHealth"]

SLOW = 0.35
"""Seconds. A tier that takes longer is skipped for a while: one request asks it up to three times."""

_FAILURES = 3  # in a row
_PAUSE = 5.0  # seconds


class Kind(enum.Enum):
    """What a tier is asked to do. A replica, a full memory or a read-only user reads well and refuses to write."""

    READ = "read"
    WRITE = "write"


class TierHealth:
    """The health of a tier by kind of operation. Threads may share it.

    Three failures in a row, or one that took long, make a kind unhealthy. It is then skipped for five seconds at a
    time; in between, one caller tries it, and one success makes it healthy again.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._in_a_row = dict.fromkeys(Kind, 0)
        self._skipped_until = dict.fromkeys(Kind, 0.0)  # monotonic; 0 means healthy

    @property
    def healthy(self) -> bool:
        """Whether every kind is healthy."""
        return not any(self._skipped_until.values())

    def allows(self, kind: Kind) -> bool:
        """Whether to ask the tier now."""
        with self._lock:
            until = self._skipped_until[kind]
            now = time.monotonic()
            if until and now < until:
                return False
            if until:
                self._skipped_until[kind] = now + _PAUSE
            return True

    def succeeded(self, kind: Kind) -> None:
        """Note a quick success."""
        with self._lock:
            self._in_a_row[kind] = 0
            self._skipped_until[kind] = 0.0

    def failed(self, kind: Kind) -> None:
        """Note a refusal or another quick failure."""
        with self._lock:
            self._in_a_row[kind] += 1
            if self._in_a_row[kind] >= _FAILURES:
                self._skipped_until[kind] = time.monotonic() + _PAUSE

    def was_slow(self) -> None:
        """Note an answer that took longer than SLOW or did not come: the next caller would wait, too."""
        with self._lock:
            self._skipped_until = dict.fromkeys(Kind, time.monotonic() + _PAUSE)

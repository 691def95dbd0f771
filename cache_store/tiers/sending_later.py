"""Sends to a second tier later what it could not take at once, in a thread of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

__all__ = ["SendingLater"]

_MOST = 10_000  # keys; the oldest are dropped
_PAUSE = 1.0  # seconds until a tier that could not be used is tried again
_CLOSE_SECONDS = 1.0


class SendingLater:
    """Keys of entries that the second tier lacks, the oldest first. Threads may share it.

    `send` gets a key and when its request began (Unix seconds). It says whether the key is settled (sent, or not to
    be sent any more), and must not raise. At `close` what is left is sent as long as that succeeds, for a second at
    most.
    """

    def __init__(self, send: Callable[[str, float | None], bool]) -> None:
        self._send = send
        self._left: dict[str, float | None] = {}
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._until: float | None = None  # monotonic; set once it is closing
        self._has_paused = False  # since the first key was added: the tier has just refused it

    def __len__(self) -> int:
        return len(self._left)

    def add(self, key: str, began_at: float | None) -> None:
        """Send `key` later."""
        with self._changed:
            if self._until is not None:
                return
            self._left.pop(key, None)
            self._left[key] = began_at
            if len(self._left) > _MOST:
                del self._left[next(iter(self._left))]
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="second-tier-later", daemon=True)
                self._thread.start()
            self._changed.notify()

    def discard(self, key: str) -> None:
        """Do not send `key`."""
        with self._changed:
            self._left.pop(key, None)

    def close(self) -> None:
        """Try once more, and end."""
        with self._changed:
            self._until = time.monotonic() + _CLOSE_SECONDS
            self._changed.notify()
        if self._thread is not None:
            self._thread.join(2 * _CLOSE_SECONDS)

    def _run(self) -> None:
        while (first := self._first()) is not None:
            key, began_at = first
            settled = self._send(key, began_at)
            with self._changed:
                if self._left.get(key) == began_at:  # otherwise it was stored anew, or removed
                    self._left.pop(key, None)
                    if not settled:
                        self._left[key] = began_at  # behind the others, which may be accepted
                self._changed.notify_all()
                if not settled:
                    if self._until is not None:
                        return
                    self._changed.wait_for(lambda: self._until is not None, _PAUSE)

    def _first(self) -> tuple[str, float | None] | None:
        """The oldest key, once there is one; None at the end."""
        with self._changed:
            if not self._left:
                self._has_paused = False
            self._changed.wait_for(lambda: self._left or self._until is not None)
            if not self._has_paused:
                self._has_paused = True
                self._changed.wait_for(lambda: self._until is not None, _PAUSE)
            if not self._left or (self._until is not None and time.monotonic() > self._until):
                return None
            return next(iter(self._left.items()))

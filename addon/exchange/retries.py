"""Tells a retry from a new request: SDKs repeat a refused request within seconds, and that is one miss."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

__all__ = ["Retries"]

_SECONDS = 30.0
"""The longest pause between two tries of the SDKs that retry a 502 (botocore: 20 s, cohere: 10 s)."""

_MOST = 10_000


class Retries:
    """Remembers which keys were refused lately. `clock` returns seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last: OrderedDict[str, float] = OrderedDict()

    def is_retry(self, key: str) -> bool:
        """Whether `key` was refused within the last 30 seconds; this refusal is remembered."""
        now = self._clock()
        last = self._last.pop(key, None)
        self._last[key] = now
        if len(self._last) > _MOST:
            self._last.popitem(last=False)
        return last is not None and now - last <= _SECONDS

"""Finds the request of take 1 that a request of take 2 repeats: by its place in its test."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable
from itertools import islice

from addon.learning.asked import Asked

__all__ = ["Aligner"]

_NEAR = 16  # waiting requests of one shape that are looked at: a test may send several at once
_WORD = re.compile(r"\w+")
_MOST_TEXT = 20_000  # characters of a request that tell which of several it is like


class Aligner:
    """The requests of take 1 that no request of take 2 has been paired with."""

    def __init__(self, first: Iterable[Asked]) -> None:
        self._pools: dict[tuple[str, int], _Pool] = {}
        for asked in first:
            self._pools.setdefault((asked.test, asked.attempt), _Pool()).add(asked)

    def partner(self, asked: Asked) -> Asked | None:
        """The next request of the same test that is equal, else equal but for words with digits, else of its shape.

        None where the takes diverge. A test that take 1 does not know, as in recordings whose tests are not
        recorded, is paired with requests of no test.
        """
        pool = self._pools.get((asked.test, asked.attempt)) or self._pools.get(("", 1))
        return pool.take(asked) if pool is not None else None


class _Pool:
    """The requests of one test, in order, by what they have in common with others."""

    def __init__(self) -> None:
        self._waiting: dict[bytes, deque[Asked]] = {}
        self._used: set[int] = set()

    def add(self, asked: Asked) -> None:
        for mark in (asked.saved, asked.form.masked, asked.form.shape):
            self._waiting.setdefault(mark, deque()).append(asked)

    def take(self, asked: Asked) -> Asked | None:
        for mark in (asked.saved, asked.form.masked):
            waiting = self._unused(mark)
            if waiting:
                return self._use(waiting[0])
        near = list(
            islice((one for one in self._unused(asked.form.shape) if id(one) not in self._used), _NEAR)
        )
        if not near:
            return None
        if len(near) == 1:
            return self._use(near[0])
        words = _words(asked)
        return self._use(max(near, key=lambda one: len(words & _words(one))))

    def _unused(self, mark: bytes) -> deque[Asked]:
        waiting = self._waiting.get(mark, deque())
        while waiting and id(waiting[0]) in self._used:
            waiting.popleft()
        return waiting

    def _use(self, asked: Asked) -> Asked:
        self._used.add(id(asked))
        return asked


def _words(asked: Asked) -> set[str]:
    return set(_WORD.findall(asked.saved.decode("utf-8", "replace")[:_MOST_TEXT]))

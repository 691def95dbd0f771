"""Finds the request of take 1 that a request of take 2 repeats: by its place in its test."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from itertools import islice

from addon.learning.asked import Asked

__all__ = ["Aligner"]

_NEAR = 16  # waiting requests of one shape that are looked at: a test may send several at once


class Aligner:
    """The requests of take 1 that no request of take 2 has been paired with."""

    def __init__(self, first: Iterable[Asked]) -> None:
        self._pools: dict[tuple[str, int], _Pool] = {}
        for asked in first:
            self._pools.setdefault((asked.test, asked.attempt), _Pool()).add(asked)

    def partner(self, asked: Asked) -> Asked | None:
        """The next equal request of the same test, else the one of its shape that shares most words.

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
        self._order: dict[int, int] = {}

    def add(self, asked: Asked) -> None:
        self._order[id(asked)] = len(self._order)
        for mark in (asked.saved, asked.form.masked, asked.form.shape):
            self._waiting.setdefault(mark, deque()).append(asked)

    def take(self, asked: Asked) -> Asked | None:
        for one in self._unused(asked.saved, 1):
            return self._use(one)
        near = [
            *self._unused(asked.form.masked, _NEAR),
            *self._unused(asked.form.shape, _NEAR),
        ]
        if not near:
            return None
        # The first of those that are equally alike: requests come in the same order in most tests.
        near.sort(key=lambda one: self._order[id(one)])
        return self._use(max(near, key=lambda one: len(asked.words & one.words)))

    def _unused(self, mark: bytes, most: int) -> list[Asked]:
        """The first requests with this mark that no other has been paired with."""
        waiting = self._waiting.get(mark, deque())
        while waiting and id(waiting[0]) in self._used:
            waiting.popleft()
        return list(islice((one for one in waiting if id(one) not in self._used), most))

    def _use(self, asked: Asked) -> Asked:
        self._used.add(id(asked))
        return asked

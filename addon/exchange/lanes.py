"""Threads by size of work, so that small work passes big work.

Judging and redacting 60 MiB takes seconds. In a single queue every smaller answer would wait for that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from cache_store.answers.content_coding import BadCoding, TooLarge, codings_of, decode

__all__ = ["Lanes", "Size", "decoded_size"]

type Size = int | Callable[[], int]
"""Bytes, or a function that counts them; it is called in a thread."""

_BOUNDS = (256 * 1024, 4 * 1024 * 1024)  # bytes; anything longer has a lane of its own


class Lanes:
    """One thread for each class of size. Work of one class is done in the order in which it was submitted."""

    def __init__(self, name: str) -> None:
        self._threads = [ThreadPoolExecutor(1, f"{name}-{n}") for n in range(len(_BOUNDS) + 1)]

    async def run[T](self, size: Size, work: Callable[[], T]) -> T:
        """The result of `work` on `size` bytes, done in the lane of that size."""
        return await asyncio.wrap_future(self.submit(size, work))

    def submit[T](self, size: Size, work: Callable[[], T]) -> Future[T]:
        """Begin `work` on `size` bytes."""
        if isinstance(size, int):
            return self._lane(size).submit(work)
        result: Future[T] = Future()
        self._threads[0].submit(self._measure, size, work, result)
        return result

    def drain(self) -> None:
        """Wait until everything that was submitted is done."""
        for thread in self._threads:  # in this order: the first one hands work on to the others
            thread.submit(int).result()

    def close(self, last: Callable[[], object] = int) -> None:
        """Do everything that was submitted, then `last` in each thread."""
        self.drain()
        for thread in self._threads:
            thread.submit(last)
        for thread in self._threads:
            thread.shutdown(wait=True)

    def _lane(self, size: int) -> ThreadPoolExecutor:
        return self._threads[sum(size > bound for bound in _BOUNDS)]

    def _measure[T](self, size: Callable[[], int], work: Callable[[], T], result: Future[T]) -> None:
        try:
            lane = self._lane(size())
        except BaseException as error:  # noqa: BLE001 -- raised where the result is awaited
            result.set_exception(error)
            return
        if lane is self._threads[0]:
            _settle(result, work)
        else:
            lane.submit(_settle, result, work)


def _settle[T](result: Future[T], work: Callable[[], T]) -> None:
    if not result.set_running_or_notify_cancel():
        return
    try:
        result.set_result(work())
    except BaseException as error:  # noqa: BLE001 -- raised where the result is awaited
        result.set_exception(error)


def decoded_size(body: bytes, encoding: str) -> int:
    """The length of `body` without its content-encoding; past the last bound it is not counted further.

    A few kilobytes may decode to many megabytes. `encoding` is the value of the header.
    """
    if not codings_of(encoding) or len(body) > _BOUNDS[-1]:
        return len(body)
    try:
        return len(decode(body, encoding, _BOUNDS[-1]))
    except TooLarge:
        return _BOUNDS[-1] + 1
    except BadCoding:
        return len(body)

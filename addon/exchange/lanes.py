"""Threads by size of work, so that small work passes big work; the biggest is done in processes.

Judging and redacting 60 MiB takes seconds. In a single queue every smaller answer would wait for that.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from addon.exchange.helper import Helper
from cache_store.answers.content_coding import BadCoding, TooLarge, codings_of, decode

__all__ = ["Lanes", "Size", "decoded_size", "lane_helper"]

type Size = int | Callable[[], int]
"""Bytes, or a function that counts them; it is called in a thread."""

# Bytes. Each class of size has a thread, and past `_HELPED` the thread has a helper process.
_BOUNDS = (256 * 1024, 1024 * 1024, 8 * 1024 * 1024)
_HELPED = _BOUNDS[1]

_thread = threading.local()


def lane_helper() -> Helper | None:
    """The helper of the lane that this thread is; None in a lane without one, and in any other thread."""
    helper: Helper | None = getattr(_thread, "helper", None)
    return helper


class Lanes:
    """One thread for each class of size. Work of one class is done in the order in which it was submitted."""

    def __init__(self, name: str) -> None:
        self._threads = [_thread_for(f"{name}-{shortest}", shortest) for shortest in (0, *_BOUNDS)]

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

    def expect(self, size: int) -> None:
        """Start the helper that work on `size` bytes needs, so that it is ready by then."""
        if size > _HELPED:
            self._lane(size).submit(_start_helper)

    def drain(self) -> None:
        """Wait until everything that was submitted is done."""
        for thread in self._threads:  # in this order: the first one hands work on to the others
            thread.submit(int).result()

    def close(self, last: Callable[[], object] = int) -> None:
        """Do everything that was submitted, then `last` in each thread."""
        self.drain()
        for thread in self._threads:
            thread.submit(last)
            thread.submit(_end_helper)
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


def _thread_for(name: str, shortest: int) -> ThreadPoolExecutor:
    def begin() -> None:
        _thread.helper = Helper() if shortest >= _HELPED else None

    return ThreadPoolExecutor(1, name, initializer=begin)


def _start_helper() -> None:
    helper = lane_helper()
    if helper is not None:
        helper.start()


def _end_helper() -> None:
    helper = lane_helper()
    if helper is not None:
        helper.close()


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

"""Shows on stderr how far a long command is: in place on a terminal, otherwise a line every ten seconds."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Protocol

from addon.cli.output import say

__all__ = ["Progress", "progress"]

_SECONDS = 10.0


class Progress:
    """Counts what was done, by a description such as "entries checked". Threads may share it."""

    def __init__(self, show: _Show) -> None:
        self._show = show
        self._done: dict[str, int] = {}
        self._lock = threading.Lock()

    def counter(self, what: str, *, is_bytes: bool = False) -> Callable[[int], None]:
        """A function to call with each further number of `what`, or of bytes."""

        def advance(more: int) -> None:
            with self._lock:
                done = self._done[what] = self._done.get(what, 0) + more
                self._show(what, f"{done / 1e6:.1f} MB" if is_bytes else f"{done:,}")

        return advance

    def over[T](self, items: Iterable[T], what: str) -> Iterator[T]:
        """`items`, each counted once it is done with."""
        advance = self.counter(what)
        for item in items:
            yield item
            advance(1)


@contextmanager
def progress() -> Iterator[Progress]:
    """Progress to show while the block runs."""
    if not sys.stderr.isatty():
        yield Progress(_Lines())
        return
    from rich.console import Console
    from rich.progress import Progress as Bars
    from rich.progress import SpinnerColumn, TaskID, TextColumn

    columns = (SpinnerColumn(), TextColumn("{task.fields[done]} {task.description}"))
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        tasks: dict[str, TaskID] = {}

        def show(what: str, done: str) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=None, done=done)
            bars.update(tasks[what], done=done)

        yield Progress(show)


class _Show(Protocol):
    def __call__(self, what: str, done: str) -> None: ...


class _Lines:
    def __init__(self) -> None:
        self._next = time.monotonic() + _SECONDS

    def __call__(self, what: str, done: str) -> None:
        now = time.monotonic()
        if now >= self._next:
            self._next = now + _SECONDS
            say(f"{done} {what} so far", err=True)

"""The other processes of a run: started, replaced where they die, and ended by the one that the user started."""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import socket
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from addon.accounting.counts import RunCounts
from addon.workers.board import Board
from addon.workers.counting import Sent, add, whole
from addon.workers.line import Line, LineLost
from addon.workers.member import Member, packed

__all__ = ["Pool"]

logger = logging.getLogger(__name__)

STOP_SECONDS = 10.0
"""What the others have to finish their writes, before they are killed."""

_ANSWER_SECONDS = 1.0  # what figures of the run wait for those of one process
_QUICK_SECONDS = 10.0  # a process that lives shorter has failed
_TRIES = 5  # failures in a row before a process is given up
_PAUSE_SECONDS = 0.2  # before a dead process is replaced; twice as long after each failure


@dataclass(eq=False, slots=True)
class _Worker:
    number: int
    process: asyncio.subprocess.Process
    sent: Sent = field(default_factory=Sent)
    line: Line | None = None
    listens: bool = False


class Pool:
    """`others` processes. `start_with` makes what a new one is told, `figures` what is told of the whole
    run; `counts` are this process's own."""

    def __init__(
        self,
        others: int,
        start_with: Callable[[], dict[str, Any]],
        figures: Callable[[], Awaitable[dict[str, Any]]],
        board: Board,
        member: Member,
        counts: RunCounts,
    ) -> None:
        self._others = others
        self._start_with = start_with
        self._figures = figures
        self._board = board
        self._member = member
        self._counts = counts
        self._numbers = itertools.count(1)
        self._workers: dict[int, _Worker] = {}
        self._sent: list[Sent] = []  # of all that there ever were
        self._slots: list[asyncio.Task[None]] = []
        self._all_listen = asyncio.Event()
        self._ending = asyncio.Event()
        self._ended = False

    def start(self) -> None:
        """Start them; they listen when they are ready."""
        self._slots = [asyncio.create_task(self._keep()) for _ in range(self._others)]

    async def all_listen(self, seconds: float) -> bool:
        """Whether all of them listen within `seconds`; False also where the end comes first."""
        waiting = [asyncio.create_task(event.wait()) for event in (self._all_listen, self._ending)]
        await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for task in waiting:
            task.cancel()
        return self._all_listen.is_set()

    def members(self) -> list[dict[str, int]]:
        """Every process that answers now, ours first: its id, and the requests that it has had."""
        others = [worker for worker in self._workers.values() if worker.listens]
        return [{"pid": os.getpid(), "requests": self._counts.total().requests}] + [
            {"pid": worker.process.pid, "requests": worker.sent.requests} for worker in others
        ]

    async def counts(self) -> RunCounts:
        """The whole run's counts so far; those of a process that does not answer in time are a moment old."""
        asked = [
            asyncio.create_task(self._ask_for_news(worker.line))
            for worker in self._workers.values()
            if worker.listens and worker.line is not None
        ]
        if asked:
            await asyncio.wait(asked, timeout=_ANSWER_SECONDS)
        return whole(self._counts, self._sent)

    async def stop(self) -> None:
        """End them, and add up what they counted. A second call waits for nothing."""
        if self._ending.is_set():
            return
        self._ending.set()
        for worker in self._workers.values():
            if worker.listens and worker.line is not None:
                worker.line.tell("stop")
            else:
                _kill(worker.process)
        if self._slots:
            _, late = await asyncio.wait(self._slots, timeout=STOP_SECONDS)
            for worker in self._workers.values():
                logger.warning("worker process %d does not end; it is killed", worker.process.pid)
                _kill(worker.process)
            if late:
                await asyncio.wait(late)
        self._ended = True
        for sent in self._sent:
            add(self._counts, sent)
        self._sent.clear()
        if self._counts.workers_replaced and self._board.live and not self._counts.connections:
            self._counts.connections = 1  # opened by a process that died before it said so

    def kill(self) -> None:
        """End those that are left at once: this process cannot wait."""
        self._ending.set()
        for worker in self._workers.values():
            _kill(worker.process)

    async def _keep(self) -> None:
        """One process, replaced as often as it dies, until it fails again and again."""
        failures = 0
        while not self._ending.is_set():
            began = time.monotonic()
            end = await self._live()
            if self._ending.is_set():
                return
            failures = failures + 1 if time.monotonic() - began < _QUICK_SECONDS else 1
            if failures >= _TRIES:
                logger.error("%s, as %d before it; the run goes on with one less", end, failures - 1)
                return
            logger.warning("%s; another one takes its place", end)
            await self._pause(_PAUSE_SECONDS * 2 ** (failures - 1))
            self._counts.workers_replaced += not self._ending.is_set()

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._ending.wait(), seconds)
        except TimeoutError:
            pass

    async def _live(self) -> str:
        """The life of one process, and how it ended."""
        ours, theirs = socket.socketpair()
        flags = ["-O"] if sys.flags.optimize else []
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable, *flags, "-m", "addon.workers.worker",
                stdin=theirs.fileno(), stdout=2, start_new_session=True,  # Ctrl-C is for us alone
            )  # fmt: skip
        except OSError as error:
            ours.close()
            return f"a worker process cannot be started ({error.strerror})"
        finally:
            theirs.close()
        worker = _Worker(next(self._numbers), process)
        self._workers[worker.number] = worker
        self._sent.append(worker.sent)
        if self._ending.is_set():
            ours.close()
            _kill(process)
        else:
            await self._talk(worker, ours)
        status = await self._end(worker)
        del self._workers[worker.number]
        return f"worker process {process.pid} ended ({f'signal {-status}' if status < 0 else f'status {status}'})"

    async def _talk(self, worker: _Worker, ours: socket.socket) -> None:
        reader, writer = await asyncio.open_unix_connection(sock=ours)
        line = worker.line = Line(reader, writer, partial(self._hear, worker))
        line.tell("start", self._start_with())
        line.tell("seen", packed(self._member.taint.known()))
        self._board.join(worker.number, line.tell)
        try:
            await line.run()
        finally:
            self._board.leave(worker.number, time.monotonic())
            if worker.listens:
                self._all_listen.clear()
            worker.listens = False

    async def _end(self, worker: _Worker) -> int:
        """The exit status of a process whose line is gone."""
        try:
            return await asyncio.wait_for(worker.process.wait(), 0 if self._ended else STOP_SECONDS / 2)
        except TimeoutError:
            _kill(worker.process)
            return await worker.process.wait()

    def _hear(self, worker: _Worker, what: str, given: list[Any]) -> Any:
        if what == "news":
            worker.sent.take(given[0])
        elif what == "listens":
            worker.listens = True
            if sum(other.listens for other in self._workers.values()) == self._others:
                self._all_listen.set()
        elif what == "figures":
            return self._figures()
        else:
            return self._board.handle(worker.number, what, given)
        return None

    async def _ask_for_news(self, line: Line) -> None:
        try:
            await line.ask("count")  # the news come before the answer
        except LineLost:
            pass


def _kill(process: asyncio.subprocess.Process) -> None:
    try:
        process.kill()
    except ProcessLookupError:
        pass  # it has ended

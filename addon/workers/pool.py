"""The worker processes of a run: started, replaced when they die, and ended by the primary process."""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from addon.accounting.counts import RunCounts
from addon.exchange.coordination import packed
from addon.exchange.coordinator import Coordinator
from addon.redaction import Taint
from addon.workers.counting import Reported, add, whole
from addon.workers.rpc import ChannelClosed, RpcChannel
from provider_proxy_start import own_command, own_environ

__all__ = ["Pool"]

logger = logging.getLogger(__name__)

STOP_SECONDS = 10.0
"""The time that workers have to finish their writes before they are killed."""

_ANSWER_SECONDS = 1.0  # how long the run's figures wait for those of one worker
_QUICK_SECONDS = 10.0  # a worker that ends sooner has failed
_TRIES = 5  # failures in a row after which a worker is given up
_PAUSE_SECONDS = 0.2  # before a dead worker is replaced; doubled after each failure


@dataclass(eq=False, slots=True)
class _Process:
    number: int
    process: asyncio.subprocess.Process
    reported: Reported = field(default_factory=Reported)
    channel: RpcChannel | None = None
    listening: bool = False


class Pool:
    """`size` worker processes.

    `start_message` makes the settings of a new one. `methods` are what they may ask besides the coordinator's, each
    called with the worker's number first. `taint` holds the credentials that this process knows, `counts` its own
    counts.
    """

    def __init__(
        self,
        size: int,
        start_message: Callable[[], dict[str, Any]],
        methods: Mapping[str, Callable[..., Any]],
        coordinator: Coordinator,
        taint: Taint,
        counts: RunCounts,
    ) -> None:
        self._size = size
        self._start_message = start_message
        self._methods = methods
        self._watched = False
        self._coordinator = coordinator
        self._taint = taint
        self._counts = counts
        self._numbers = itertools.count(1)
        self._workers: dict[int, _Process] = {}
        self._reported: list[Reported] = []  # of every process that there ever was
        self._slots: list[asyncio.Task[None]] = []
        self._all_listen = asyncio.Event()
        self._ending = asyncio.Event()
        self._ended = False

    def start(self) -> None:
        """Start them; they listen when they are ready."""
        self._slots = [asyncio.create_task(self._keep_one()) for _ in range(self._size)]

    async def all_listen(self, seconds: float) -> bool:
        """Whether all of them listen within `seconds`; False if the run ends first."""
        waiting = [asyncio.create_task(event.wait()) for event in (self._all_listen, self._ending)]
        await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for task in waiting:
            task.cancel()
        return self._all_listen.is_set()

    def members(self) -> list[dict[str, int]]:
        """`{"pid", "requests"}` of every process that serves now, this one first."""
        others = [worker for worker in self._workers.values() if worker.listening]
        return [{"pid": os.getpid(), "requests": self._counts.total().requests}] + [
            {"pid": worker.process.pid, "requests": worker.reported.requests} for worker in others
        ]

    def watch(self) -> None:
        """Have every worker tell what the page lists, from now on."""
        if not self._watched:
            self._watched = True
            for worker in self._workers.values():
                if worker.channel is not None:
                    worker.channel.tell("watched")

    async def counts(self) -> RunCounts:
        """The counts of the whole run; those of a worker that does not answer in time are a moment old."""
        asked = [
            asyncio.create_task(self._ask_for_report(worker.channel))
            for worker in self._workers.values()
            if worker.listening and worker.channel is not None
        ]
        if asked:
            await asyncio.wait(asked, timeout=_ANSWER_SECONDS)
        return whole(self._counts, self._reported)

    async def stop(self) -> None:
        """End the workers and add their counts to this process's. A second call does nothing."""
        if self._ending.is_set():
            return
        self._ending.set()
        for worker in self._workers.values():
            if worker.listening and worker.channel is not None:
                worker.channel.tell("stop")
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
        for reported in self._reported:
            add(self._counts, reported)
        self._reported.clear()
        if self._counts.workers_replaced and self._coordinator.live and not self._counts.connections:
            self._counts.connections = 1  # a worker died after it had opened one and before it reported it

    def kill(self) -> None:
        """Kill the workers that are left; this process cannot wait."""
        self._ending.set()
        for worker in self._workers.values():
            _kill(worker.process)

    async def _keep_one(self) -> None:
        """Run one worker, and replace it when it dies, until it fails again and again."""
        failures = 0
        while not self._ending.is_set():
            began = time.monotonic()
            end = await self._run_one()
            if self._ending.is_set():
                return
            failures = failures + 1 if time.monotonic() - began < _QUICK_SECONDS else 1
            if failures >= _TRIES:
                logger.error(
                    "%s, like %d before it; the run continues with one worker less", end, failures - 1
                )
                return
            logger.warning("%s; another one takes its place", end)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), _PAUSE_SECONDS * 2 ** (failures - 1))
            self._counts.workers_replaced += not self._ending.is_set()

    async def _run_one(self) -> str:
        """Run one worker until it ends; how it ended."""
        ours, theirs = socket.socketpair()
        try:
            process = await asyncio.create_subprocess_exec(
                *own_command("addon.workers.worker"),
                env=own_environ(),
                stdin=theirs.fileno(),
                stdout=2,
                start_new_session=True,  # only this process handles Ctrl-C
            )
        except OSError as error:
            ours.close()
            return f"a worker process cannot be started ({error.strerror})"
        finally:
            theirs.close()
        worker = _Process(next(self._numbers), process)
        self._workers[worker.number] = worker
        self._reported.append(worker.reported)
        if self._ending.is_set():
            ours.close()
            _kill(process)
        else:
            await self._serve(worker, ours)
        status = await self._exit_status(worker)
        del self._workers[worker.number]
        return f"worker process {process.pid} ended ({f'signal {-status}' if status < 0 else f'status {status}'})"

    async def _serve(self, worker: _Process, ours: socket.socket) -> None:
        """Answer a worker on its channel until that closes."""
        reader, writer = await asyncio.open_unix_connection(sock=ours)
        channel = worker.channel = RpcChannel(reader, writer, partial(self._handle, worker))
        channel.tell("start", self._start_message())
        channel.tell("credentials", packed(self._taint.known()))
        if self._watched:
            channel.tell("watched")
        self._coordinator.join(worker.number, channel.tell)
        try:
            await channel.run()
        finally:
            self._coordinator.leave(worker.number, time.monotonic())
            if worker.listening:
                self._all_listen.clear()
            worker.listening = False

    async def _exit_status(self, worker: _Process) -> int:
        """The exit status of a worker whose channel is closed."""
        try:
            return await asyncio.wait_for(worker.process.wait(), 0 if self._ended else STOP_SECONDS / 2)
        except TimeoutError:
            _kill(worker.process)
            return await worker.process.wait()

    def _handle(self, worker: _Process, method: str, args: list[Any]) -> Any:
        if method == "counts":
            worker.reported.update(args[0])
        elif method == "listening":
            worker.listening = True
            if sum(other.listening for other in self._workers.values()) == self._size:
                self._all_listen.set()
        elif method in self._methods:
            return self._methods[method](worker.number, *args)
        else:
            return self._coordinator.handle(worker.number, method, args)
        return None

    async def _ask_for_report(self, channel: RpcChannel) -> None:
        with suppress(ChannelClosed):
            await channel.ask("report")  # the counts arrive before the result


def _kill(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):  # it has ended
        process.kill()

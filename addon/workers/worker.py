"""A process of a run that another one leads: `python -m addon.workers.worker`, its standard input a line to that
one. It ends when the line does.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import socket
import sys
from collections.abc import Mapping
from typing import Any

from addon.accounting.counts import RunCounts
from addon.host.host import Host
from addon.host.log import log_to_stderr
from addon.host.options import host_options
from addon.mitm.core.listening import OPTIONS, Listening
from addon.mitm.provider_cache import ProviderCache
from addon.settings.settings import Settings
from addon.workers.counting import hosts_of, news_of
from addon.workers.line import Line, LineLost
from addon.workers.member import Member
from cache_store.errors import ProviderProxyError

__all__ = ["Following", "main"]

NEWS_SECONDS = 0.25
"""How often the counts are sent: those of a process that is killed are as old as this."""

logger = logging.getLogger(__name__)


class Following:
    """The `Crew` of a process that does not lead. `until` is set when it is to stop."""

    options: Mapping[str, Any] = OPTIONS

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.line = Line(reader, writer, self._hear)
        self.until = asyncio.Event()
        self._start: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._early: list[tuple[str, list[Any]]] = []
        self._member: Member | None = None
        self._counts: RunCounts | None = None
        self._prices = False
        self._listening = Listening()
        self._last: dict[str, Any] = {}
        self._tasks = [asyncio.create_task(self._listen_to_the_line())]

    async def start(self) -> dict[str, Any]:
        """What to take part in. Raises LineLost."""
        return await self._start

    def join(self, cache: ProviderCache, settings: Settings, start: Mapping[str, Any]) -> None:
        """Make `cache` one of the run that was told of in `start`."""
        life = cache.life
        self._counts = life.counts
        self._prices = settings.max_usd is not None
        life.counts.run = start["run"]
        life.stages = start["stages"]
        life.rerecord = start["rerecord"]
        life.everywhere = self._figures
        life.reports = False
        life.coordination = self._member = Member(
            self.line, life.counts.spent, counts_money=self._prices, before_sending=self._send_requests
        )
        for what, given in self._early:
            self._member.hear(what, given)

    async def open(self, proxy: Any, *, wait: bool) -> tuple[Any, ...]:  # noqa: ARG002 - there is nobody to wait for
        """Listen, and say so. Raises OSError."""
        proxyserver, given = proxy.addons.get("proxyserver"), proxy.options
        await self._listening.open(proxyserver, given.mode, given.listen_host, given.listen_port, first=False)
        self._last = self._news()  # nothing yet
        self.line.tell("listens")
        self._tasks.append(asyncio.create_task(self._send_now_and_then()))
        return self._listening.addresses()[0]

    async def stop(self) -> None:
        """Know what the others know, for what is stored last."""
        try:
            await self.line.ask("all-seen")
        except LineLost:
            pass

    def close(self) -> None:
        """Listen no more."""
        self._listening.close()

    async def leave(self) -> None:
        """Send what was counted last; the line is closed then."""
        try:
            await self.line.ask("news", self._news())
        except LineLost:
            pass
        self.line.close()

    def _hear(self, what: str, given: list[Any]) -> None:
        if what == "start":
            self._start.set_result(given[0])
        elif what == "stop":
            self.until.set()
        elif what == "count":
            self._send()
        elif self._member is None:
            self._early.append((what, given))
        else:
            self._member.hear(what, given)

    async def _listen_to_the_line(self) -> None:
        await self.line.run()
        if not self._start.done():
            self._start.set_exception(LineLost("whoever started this process is gone"))
        if self._member is not None:
            self._member.lost()
        if not self.until.is_set():
            logging.disable()  # what fails from here on fails because the leader is gone
        self.until.set()

    def _news(self) -> dict[str, Any]:
        assert self._counts is not None
        return news_of(self._counts, prices=self._prices)

    def _send(self, *, misses: bool = True) -> None:
        """Send what has changed; of misses, whose explanations are long, only their number where not asked for."""
        changed = {name: value for name, value in self._news().items() if value != self._last.get(name)}
        if not misses:
            changed.pop("missed", None)
        self._last |= changed
        if changed:
            self.line.tell("news", changed)
        self._last |= {"used": {}, "unpriced": []}

    def _send_requests(self) -> None:
        assert self._counts is not None
        self.line.tell("news", {"hosts": hosts_of(self._counts)})

    async def _send_now_and_then(self) -> None:
        for times in itertools.count(1):
            await asyncio.sleep(NEWS_SECONDS)
            self._send(misses=times % 8 == 0)

    async def _figures(self) -> dict[str, Any]:
        figures: dict[str, Any] = await self.line.ask("figures")
        return figures


async def work(end: socket.socket) -> None:
    """Take part in the run at whose line `end` is, until it ends. Raises LineLost where it has already."""
    following = Following(*await asyncio.open_unix_connection(sock=end))
    start = await following.start()
    settings = Settings.parse(start["raw"])
    host = Host(host_options(start["raw"], settings, os.environ), following)
    following.join(host.cache, settings, start)
    await host.run(lambda: None, following.until)
    await following.leave()


def main() -> int:
    """Work on the line that standard input is; the exit status."""
    log_to_stderr()
    with socket.socket(fileno=os.dup(0)) as end:
        try:
            asyncio.run(work(end))
        except LineLost:
            return 1  # and nobody is left to be told
        except ProviderProxyError as error:
            logger.error("a worker process cannot start: %s", error)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

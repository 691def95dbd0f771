"""A process of a run that another one leads: `python -m addon.workers.worker`, its standard input a line to that
one. It ends when the line does.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import sys
from collections.abc import Mapping
from typing import Any

from addon.cli.log import log_to_stderr
from addon.counts import RunCounts
from addon.host import Host
from addon.launch import host_options
from addon.settings import Settings
from addon.workers.counting import news_of
from addon.workers.line import Line, LineLost
from addon.workers.listening import OPTIONS, Listening
from addon.workers.member import Member
from cache_store.errors import ProviderProxyError

__all__ = ["Following", "main"]

NEWS_SECONDS = 1.0
"""How often the counts are sent: those of a process that is killed are as old as this."""

logger = logging.getLogger(__name__)


class Following:
    """The `Crew` of a process that does not lead."""

    options: Mapping[str, Any] = OPTIONS

    def __init__(self, line: Line, started: Mapping[str, Any], settings: Settings) -> None:
        self._line = line
        self._host = settings.listen_host
        self._port = settings.listen_port
        self._prices = settings.max_usd is not None
        self._started = started
        self._listening = Listening()
        self._counts: RunCounts | None = None
        self._last: dict[str, Any] = {}
        self._sending: asyncio.Task[None] | None = None

    def join(self, host: Host, member: Member) -> None:
        """Make the cache of `host` one of the run."""
        life = host.cache.life
        self._counts = life.counts
        life.counts.run = self._started["run"]
        life.stages = self._started["stages"]
        life.rerecord = self._started["rerecord"]
        life.coordination = member
        life.everywhere = self._figures
        life.reports = False

    async def open(self, proxy: Any, *, wait: bool) -> tuple[Any, ...]:  # noqa: ARG002 - there is nobody to wait for
        """Listen, and say so. Raises OSError."""
        proxyserver = proxy.addons.get("proxyserver")
        await self._listening.open(proxyserver, proxy.options.mode, self._host, self._port, first=False)
        self._line.tell("listens")
        self._sending = asyncio.create_task(self._send_now_and_then())
        return self._listening.addresses()[0]

    async def stop(self) -> None:
        """Know what the others know, for what is stored last."""
        if self._sending is not None:
            self._sending.cancel()
        try:
            await self._line.ask("all-seen")
        except LineLost:
            pass

    def close(self) -> None:
        """Listen no more."""
        self._listening.close()

    def news(self) -> dict[str, Any]:
        """What was counted since the last news."""
        assert self._counts is not None
        return news_of(self._counts, prices=self._prices)

    async def _send_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(NEWS_SECONDS)
            news = self.news()
            if news != self._last:
                self._last = news
                self._line.tell("news", news)

    async def _figures(self) -> dict[str, Any]:
        figures: dict[str, Any] = await self._line.ask("figures")
        return figures


async def work(end: socket.socket) -> int:
    """Take part in a run until it ends; the exit status."""
    reader, writer = await asyncio.open_unix_connection(sock=end)
    start: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
    until = asyncio.Event()
    early: list[tuple[str, list[Any]]] = []
    member: Member | None = None
    following: Following | None = None

    def hear(what: str, given: list[Any]) -> None:
        if what == "start":
            start.set_result(given[0])
        elif what == "stop":
            until.set()
        elif what == "count":
            if following is not None:
                line.tell("news", following.news())
        elif member is None:
            early.append((what, given))
        else:
            member.hear(what, given)

    line = Line(reader, writer, hear)
    talking = asyncio.create_task(line.run())
    talking.add_done_callback(lambda _: start.cancel())
    started = await start
    settings = Settings.parse(started["raw"])
    following = Following(line, started, settings)
    host = Host(host_options(started["raw"], settings, os.environ), following)
    counts = host.cache.counts
    member = Member(line, counts.spent, counts_money=settings.max_usd is not None)
    for what, given in early:
        member.hear(what, given)
    following.join(host, member)
    talking.add_done_callback(lambda _: member.lost())
    talking.add_done_callback(lambda _: until.set())
    await host.run(lambda: None, until)
    try:
        await line.ask("news", following.news())
    except LineLost:
        pass
    line.close()
    return 0


def main() -> int:
    """Work on the line that standard input is; the exit status."""
    log_to_stderr()
    with socket.socket(fileno=os.dup(0)) as end:
        try:
            return asyncio.run(work(end))
        except asyncio.CancelledError:
            return 1  # whoever started us is gone already
        except ProviderProxyError as error:
            logger.error("a worker cannot start: %s", error)
            return 1


if __name__ == "__main__":
    sys.exit(main())

"""A further process of a run that `addon.workers.primary` leads; its standard input is the RPC channel to that one.

It ends when the channel closes.
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import logging
import os
import socket
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from addon.accounting.counts import RunCounts
from addon.exchange.coordination import Peer
from addon.exchange.direct import Page
from addon.host.host import Host
from addon.host.log import log_to_stderr, share_warnings
from addon.host.options import host_options
from addon.mitm.core.listening import OPTIONS, Listening
from addon.mitm.provider_cache import ProviderCache
from addon.settings.settings import Settings
from addon.workers.counting import changes_of, hosts_of
from addon.workers.rpc import ChannelClosed, RpcChannel
from cache_store.errors import ProviderProxyError

__all__ = ["main"]

# Between two reports of the counts: if the process is killed, what it counted since is lost.
_REPORT_SECONDS = 0.25
# Explanations of misses are long; every n-th report has them.
_REPORTS_PER_MISSES = 8

logger = logging.getLogger(__name__)


class _Worker:
    """The `Peers` of this process. `until` is set when it is to stop.

    `start` is the message with the settings of the run. Awaiting it raises ChannelClosed if the run has ended.
    """

    options: Mapping[str, Any] = OPTIONS

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.channel = RpcChannel(reader, writer, self._handle)
        self.until = asyncio.Event()
        self.start: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._early: list[tuple[str, list[Any]]] = []
        self._peer: Peer | None = None
        self._counts: RunCounts | None = None
        self._cache: ProviderCache | None = None
        self._watched = False
        self._shown = 0
        self._prices = False
        self._listening = Listening()
        self._reported: dict[str, Any] = {}
        self._tasks = [asyncio.create_task(self._run_channel())]

    def join(self, cache: ProviderCache, settings: Settings, start: Mapping[str, Any]) -> None:
        """Make `cache` take part in the run that the start message describes."""
        life = cache.life
        self._counts = life.counts
        self._prices = settings.max_usd is not None
        life.counts.run = start["run"]
        life.stages = start["stages"]
        life.refresh = tuple(start["refresh"])
        life.rerecord = start["rerecord"]
        life.everywhere = self._figures
        life.shows_elsewhere = self._show
        self._cache = cache
        life.reports = False
        life.peer = self._peer = Peer(
            self.channel, life.counts.spent, counts_money=self._prices, before_sending=self._report_requests
        )
        for event, values in self._early:
            self._peer.receive(event, values)

    async def open(self, proxy: Any, *, wait: bool) -> tuple[Any, ...]:  # noqa: ARG002 - nobody to wait for
        """Listen, and say so. Raises OSError."""
        proxyserver, given = proxy.addons.get("proxyserver"), proxy.options
        await self._listening.open(proxyserver, given.mode, given.listen_host, given.listen_port, first=False)
        self._reported = self._changes()  # nothing yet
        self.channel.tell("listening")
        self._tasks.append(asyncio.create_task(self._report_regularly()))
        return self._listening.addresses()[0]

    async def stop(self) -> None:
        """Learn every credential that the other processes know, before the last answers are stored."""
        with suppress(ChannelClosed):
            await self.channel.ask("sync")

    def close(self) -> None:
        """Stop listening."""
        self._listening.close()

    async def leave(self) -> None:
        """Report the last counts and close the channel."""
        with suppress(ChannelClosed):
            await self.channel.ask("counts", self._changes())
        self.channel.close()

    def _handle(self, method: str, args: list[Any]) -> None:
        if method == "start":
            self.start.set_result(args[0])
        elif method == "stop":
            self.until.set()
        elif method == "report":
            self._report()
        elif method == "watched":
            self._watched = True
        elif self._peer is None:
            self._early.append((method, args))
        else:
            self._peer.receive(method, args)

    async def _run_channel(self) -> None:
        await self.channel.run()
        if not self.start.done():
            self.start.set_exception(ChannelClosed("the process that started this one is gone"))
        if self._peer is not None:
            self._peer.disconnected()
        if not self.until.is_set():
            logging.disable()  # later errors only say that the primary process is gone
        self.until.set()

    def _changes(self) -> dict[str, Any]:
        assert self._counts is not None
        return changes_of(self._counts, prices=self._prices)

    def _report(self, *, misses: bool = True) -> None:
        changed = {
            name: value for name, value in self._changes().items() if value != self._reported.get(name)
        }
        if not misses:
            changed.pop("missed", None)
        self._reported |= changed
        if changed:
            self.channel.tell("counts", changed)
        self._reported |= {"used": {}, "unpriced": [], "tests": []}

    def _report_page(self) -> None:
        """Tell what the page lists, once somebody has looked at it."""
        page = self._cache.page if self._cache is not None and self._watched else None
        if page is None:
            return
        self._shown, rows = page.news(self._shown)
        requests = page.take_requests()
        if rows or requests:
            self.channel.tell("page-news", rows, requests)

    def _report_requests(self) -> None:
        assert self._counts is not None
        self.channel.tell("counts", {"hosts": hosts_of(self._counts)})

    async def _report_regularly(self) -> None:
        for number in itertools.count(1):
            await asyncio.sleep(_REPORT_SECONDS)
            self._report(misses=number % _REPORTS_PER_MISSES == 0)
            self._report_page()

    async def _figures(self) -> dict[str, Any]:
        figures: dict[str, Any] = await self.channel.ask("figures")
        return figures

    async def _show(self, method: str, target: str, token: str) -> Page:
        try:
            status, headers, body = await self.channel.ask("page", method, target, token)
        except ChannelClosed:
            return Page(b"", {"content-type": "text/plain"}, 503)
        return Page(base64.b64decode(body), headers, status)


async def _work(end: socket.socket) -> None:
    """Serve until the run ends. Raises ChannelClosed if it has ended already."""
    worker = _Worker(*await asyncio.open_unix_connection(sock=end))
    start = await worker.start
    share_warnings(start["processes"])
    settings = Settings.parse(start["raw"])
    host = Host(host_options(start["raw"], settings, os.environ), worker)
    worker.join(host.cache, settings, start)
    await host.run(lambda: None, worker.until)
    await worker.leave()


def main() -> int:
    """Work on the channel at standard input; the exit status."""
    log_to_stderr()
    with socket.socket(fileno=os.dup(0)) as end:
        try:
            asyncio.run(_work(end))
        except ChannelClosed:
            return 1  # nobody is left to be told
        except ProviderProxyError as error:
            logger.error("a worker process cannot start: %s", error)
            return 1
    return 0

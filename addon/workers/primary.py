"""The process that the user started, in a run of several: it serves, keeps the coordinator, starts the others."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from addon.accounting.counts import RunCounts
from addon.exchange.coordination import local_peer
from addon.exchange.coordinator import Coordinator
from addon.host.log import share_warnings
from addon.mitm.core.listening import OPTIONS, Listening
from addon.settings.settings import Settings
from addon.workers.pool import Pool

if TYPE_CHECKING:
    from addon.host.options import HostOptions
    from addon.mitm.provider_cache import ProviderCache

__all__ = ["Primary"]

_START_SECONDS = 10.0
"""The longest that `serve` and `ci` wait for the other workers; until then this process takes every connection."""


class Primary:
    """The `Peers` of that process."""

    options: Mapping[str, Any] = OPTIONS

    def __init__(self, cache: ProviderCache, host_options: HostOptions) -> None:
        settings = Settings.parse(host_options.raw)
        coordinator = Coordinator(settings.max_live, settings.max_usd)
        peer = local_peer(coordinator, settings, cache.counts.spent)
        self._cache = cache
        self._raw = host_options.raw
        self._host = settings.listen_host
        self._port = settings.listen_port
        self._listening = Listening()
        self._processes = host_options.workers
        share_warnings(self._processes)
        self._pool = Pool(
            self._processes - 1,
            self._start_message,
            {"figures": self._figures_for, "page": self._page_for, "page-news": self._take_page_news},
            coordinator,
            peer.taint,
            cache.counts,
        )
        cache.life.peer = peer
        cache.life.everywhere = self._figures
        cache.life.whole = self._whole

    async def open(self, proxy: Any, *, wait: bool) -> tuple[Any, ...]:
        """Listen, then start the other processes on the same port. Raises OSError."""
        self._port = await self._listening.open(
            proxy.addons.get("proxyserver"), proxy.options.mode, self._host, self._port, first=True
        )
        self._pool.start()
        if wait:
            await self._pool.all_listen(_START_SECONDS)
        return self._listening.addresses()[0]

    async def stop(self) -> None:
        """End the other processes and add their counts to the cache's."""
        await self._pool.stop()

    def close(self) -> None:
        """Stop listening, and kill every process that is left."""
        self._pool.kill()
        self._listening.close()

    async def _figures(self) -> dict[str, Any]:
        counts = await self._pool.counts()
        return self._cache.life.stats() | counts.as_dict() | {"workers": self._pool.members()}

    async def _figures_for(self, _: int) -> dict[str, Any]:
        return await self._figures()

    async def _whole(self) -> RunCounts:
        """The counts of the whole run, for the page; from now on the others tell what it lists."""
        self._pool.watch()
        return await self._pool.counts()

    async def _page_for(self, _: int, method: str, target: str, token: str) -> list[Any]:
        """The page's answer to a request that another process got."""
        page = await self._cache.show(method, target, token)
        return [page.status, page.headers, base64.b64encode(page.body).decode()]

    def _take_page_news(self, process: int, rows: list[list[Any]], requests: list[tuple[str, str]]) -> None:
        if self._cache.page is not None:
            self._cache.page.take_over(process, rows, requests)

    def _start_message(self) -> dict[str, Any]:
        """The settings of a worker; they may hold passwords, so they are never on its command line."""
        life = self._cache.life
        host = f"[{self._host}]" if ":" in self._host else self._host
        own = {"listen": f"{host}:{self._port}", "import": "", "workers": "1"}
        return {
            "raw": {**self._raw, **own},
            "run": life.counts.run,
            "stages": life.stages,
            "refresh": list(life.refresh),
            "rerecord": life.rerecord,
            "processes": self._processes,
        }

"""The process that the user started, in a run of several: it serves, keeps the coordinator, starts the others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

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
            self._figures,
            coordinator,
            peer.taint,
            cache.counts,
        )
        cache.life.peer = peer
        cache.life.everywhere = self._figures

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

"""The process that the user started, where a run has several: it is one of them, and keeps what they share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from addon.mitm.core.listening import OPTIONS, Listening
from addon.settings.settings import Settings
from addon.workers.board import Board
from addon.workers.member import InPlace, Member
from addon.workers.pool import Pool

if TYPE_CHECKING:
    from addon.host.options import HostOptions
    from addon.mitm.provider_cache import ProviderCache

__all__ = ["START_SECONDS", "Leading"]

START_SECONDS = 10.0
"""What `serve` and `ci` wait for the others at most: until then every client's connections would be ours."""


class Leading:
    """The `Crew` of that process."""

    options: Mapping[str, Any] = OPTIONS

    def __init__(self, cache: ProviderCache, host_options: HostOptions) -> None:
        settings = Settings.parse(host_options.raw)
        board = Board(settings.max_live, settings.max_usd)
        member = Member(InPlace(board, 0), cache.counts.spent, counts_money=settings.max_usd is not None)
        board.join(0, lambda what, *given: member.hear(what, given))
        self._cache = cache
        self._raw = host_options.raw
        self._host = settings.listen_host
        self._port = settings.listen_port
        self._listening = Listening()
        self._pool = Pool(
            host_options.workers - 1, self._start_with, self._figures, board, member, cache.counts
        )
        cache.life.coordination = member
        cache.life.everywhere = self._figures

    async def open(self, proxy: Any, *, wait: bool) -> tuple[Any, ...]:
        """Listen, then start the others on the same port. Raises OSError."""
        self._port = await self._listening.open(
            proxy.addons.get("proxyserver"), proxy.options.mode, self._host, self._port, first=True
        )
        self._pool.start()
        if wait:
            await self._pool.all_listen(START_SECONDS)
        return self._listening.addresses()[0]

    async def stop(self) -> None:
        """End the others; what they counted is in the cache's counts then."""
        await self._pool.stop()

    def close(self) -> None:
        """Listen no more, and leave nobody behind."""
        self._pool.kill()
        self._listening.close()

    async def _figures(self) -> dict[str, Any]:
        counts = await self._pool.counts()
        return self._cache.life.stats() | counts.as_dict() | {"workers": self._pool.members()}

    def _start_with(self) -> dict[str, Any]:
        """What a worker is told: never on its command line, for there may be passwords in the settings."""
        life = self._cache.life
        host = f"[{self._host}]" if ":" in self._host else self._host
        own = {"listen": f"{host}:{self._port}", "import": "", "workers": "1"}
        return {
            "raw": {**self._raw, **own},
            "run": life.counts.run,
            "stages": life.stages,
            "rerecord": life.rerecord,
        }

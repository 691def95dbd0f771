"""The process that the user started, in a run of several. The real ones are driven in tests/e2e/test_workers.py."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from addon.host.options import HostOptions
from addon.mitm.provider_cache import ProviderCache
from addon.workers.pool import Pool
from addon.workers.primary import Primary


class _Options:
    mode = ("regular",)


class _Proxy:
    """The part of mitmproxy's Master that is needed."""

    options = _Options()

    def __init__(self) -> None:
        self.addons = {"proxyserver": object()}


def _primary(monkeypatch: pytest.MonkeyPatch, **raw: str) -> tuple[Primary, ProviderCache, list[str]]:
    """One whose processes are not started; what was done with them."""
    done: list[str] = []

    async def all_listen(_: Pool, seconds: float) -> bool:
        done.append(f"waited {seconds:g}")
        return True

    monkeypatch.setattr(Pool, "start", lambda _: done.append("started"))
    monkeypatch.setattr(Pool, "all_listen", all_listen)
    cache = ProviderCache(raw)
    return Primary(cache, HostOptions(raw, workers=3)), cache, done


@pytest.mark.parametrize(("listen", "address"), [("127.0.0.1:0", "127.0.0.1:"), ("[::1]:0", "[::1]:")])
def test_the_others_are_told_where_and_what(
    listen: str, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The port that was found, the run, all settings but the import, which is done once."""
    raw = {"listen": listen, "auth": "user:password", "import": "folder", "cache_mode": "read-only"}
    primary, cache, done = _primary(monkeypatch, **raw, workers="3")
    cache.life.stages = True

    async def story() -> dict[str, Any]:
        try:
            found = await primary.open(_Proxy(), wait=True)
            assert done == ["started", "waited 10"]
            started = primary._start_message()
            assert started["raw"] == raw | {"listen": f"{address}{found[1]}", "import": "", "workers": "1"}
            return started
        finally:
            primary.close()

    started = asyncio.run(story())
    assert (started["run"], started["stages"]) == (cache.counts.run, True)
    assert json.loads(json.dumps(started)) == started


def test_who_runs_a_command_does_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """The others are started, and that is all."""
    primary, _, done = _primary(monkeypatch, listen="127.0.0.1:0")

    async def story() -> None:
        await primary.open(_Proxy(), wait=False)
        primary.close()

    asyncio.run(story())
    assert done == ["started"]


def test_the_cache_is_part_of_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """It asks the coordinator, whose bounds are those of the settings, and its figures are those of all processes."""
    primary, cache, _ = _primary(monkeypatch, max_live="0")

    async def story() -> None:
        assert cache.life.peer is not None
        assert "MAX_LIVE=0" in cache.life.peer.spent()
        assert cache.life.everywhere is not None
        figures = await cache.life.everywhere()
        assert figures["run"] == cache.counts.run
        assert [worker["requests"] for worker in figures["workers"]] == [0]
        assert figures["tiers"] is None
        await primary.stop()

    asyncio.run(story())

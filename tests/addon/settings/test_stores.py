"""Which store the settings ask for."""

from __future__ import annotations

from pathlib import Path

import pytest

from addon.settings.settings import Settings
from addon.settings.stores import open_for_run, open_store
from cache_store.disk.disk_store import DiskStore
from cache_store.errors import DamagedStore, UsageError
from cache_store.tiers.memory_store import MemoryStore
from cache_store.tiers.redis_store import RedisStore
from cache_store.tiers.tiered_store import TieredStore


def test_one_tier_by_default(tmp_path: Path) -> None:
    """A directory is a disk store, `:memory:` a memory store; a blank Redis URL counts as unset."""
    assert isinstance(open_store(Settings.parse({"cache_dir": str(tmp_path)})), DiskStore)
    store = open_store(Settings.parse({"cache_dir": ":memory:", "redis_url": "  "}))
    assert isinstance(store, MemoryStore)
    store.close()


@pytest.mark.parametrize(("place", "near"), [("cache", DiskStore), (":memory:", MemoryStore)])
def test_redis_stands_behind_the_first_tier(place: str, near: type) -> None:
    """With a Redis URL there are two tiers: local speed, shared truth."""
    store = open_store(Settings.parse({"cache_dir": place, "redis_url": "redis://u:p4ss@127.0.0.1:1/0"}))
    assert isinstance(store, TieredStore)
    assert isinstance(store.near, near)
    assert isinstance(store.far, RedisStore)
    assert store.state()["second"] == "redis://127.0.0.1:1/0"
    store.close()


def test_a_bad_url_is_refused() -> None:
    """A URL that is none is wrong usage; no settings show its password."""
    settings = Settings.parse({"redis_url": "http://:p4ss@host"})
    assert "p4ss" not in repr(settings)
    with pytest.raises(UsageError, match="PROVIDER_PROXY_REDIS_URL"):
        open_store(settings)


@pytest.mark.parametrize(("mode", "starts"), [("read-write", True), ("read-only-require-hit", False)])
def test_a_damaged_cache_stops_only_a_mode_that_needs_it(tmp_path: Path, mode: str, starts: bool) -> None:
    """A mode that may go to the provider starts with an empty cache and keeps the damaged file; the other refuses."""
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "cache.db").write_bytes(b"garbage" * 1000)
    settings = Settings.parse({"cache_dir": str(tmp_path / "cache"), "cache_mode": mode})
    for staged in (None, "0" * 32):
        store, _ = open_for_run(settings, staged)
        if starts:
            store.open()
            assert list(store.keys()) == []
            assert len(list((tmp_path / "cache").glob("cache.db.damaged-*"))) == 1
        else:
            with pytest.raises(DamagedStore):
                store.open()
        store.close()

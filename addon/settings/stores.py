"""The store that the settings ask for."""

from __future__ import annotations

from addon.settings.settings import Settings
from cache_store.disk.disk_store import DiskStore
from cache_store.disk.staged_store import StagedStore, clean_staging
from cache_store.store import Store
from cache_store.tiers.memory_store import MemoryStore

__all__ = ["open_for_run", "open_store"]


def open_store(settings: Settings) -> Store:
    """The store that `settings` ask for, not opened yet: disk or memory, with Redis behind it if a URL is set.

    Raises UsageError for an unusable Redis URL.
    """
    near: Store = (
        MemoryStore(max_age=settings.max_age) if settings.cache_dir is None else DiskStore(settings.cache_dir)
    )
    if not settings.redis_url:
        return near
    from cache_store.tiers.redis_store import RedisStore
    from cache_store.tiers.tiered_store import TieredStore

    return TieredStore(
        near, RedisStore(settings.redis_url), max_age=settings.max_age, folder=settings.cache_dir
    )


def open_for_run(settings: Settings, staged_run: str | None = None) -> tuple[Store, StagedStore | None]:
    """The store of a run, not opened yet, and the same as a StagedStore if it is staged under the id `staged_run`.

    Removes the leftovers of staged runs that crashed. A staged run uses the disk only: other machines see none of
    it. Raises UsageError for an unusable Redis URL.
    """
    if settings.cache_dir is None:
        return open_store(settings), None
    near = DiskStore(settings.cache_dir)
    clean_staging(near.directory)
    if staged_run is None:
        return open_store(settings), None
    staged = StagedStore(near, staged_run)
    return staged, staged

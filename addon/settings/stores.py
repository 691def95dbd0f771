"""Opens the store that the settings ask for."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from addon.settings.settings import Settings
from addon.settings.state_folder import STATE_FOLDER, make_state_folder
from cache_store.disk.disk_store import DiskStore
from cache_store.disk.staged_store import StagedStore, clean_staging
from cache_store.entry import Entry
from cache_store.store import Store
from cache_store.tiers.memory_store import MemoryStore

__all__ = ["open_for_run", "open_store"]


def open_store(
    settings: Settings,
    *,
    replaces_damaged: bool = False,
    needs_shared: bool = False,
    admit: Callable[[Entry], Entry] | None = None,
) -> Store:
    """The store that `settings` ask for, not opened yet: on disk or in memory, with Redis behind it if it is set.

    With `replaces_damaged`, an empty cache takes the place of a damaged one. With `needs_shared`, opening fails if
    Redis cannot be reached. `admit` checks entries from Redis, as TieredStore describes. Raises UsageError for an
    unusable Redis URL.
    """
    near: Store = (
        MemoryStore(max_age=settings.max_age)
        if settings.cache_dir is None
        else _disk_store(settings.cache_dir, replaces_damaged=replaces_damaged)
    )
    if not settings.redis_url:
        return near
    from cache_store.tiers.redis_store import RedisStore
    from cache_store.tiers.tiered_store import TieredStore

    return TieredStore(
        near,
        RedisStore(settings.redis_url),
        max_age=settings.max_age,
        folder=settings.cache_dir,
        admit=admit,
        needs_far=needs_shared,
    )


def open_for_run(
    settings: Settings,
    staged_run: str | None = None,
    admit: Callable[[Entry], Entry] | None = None,
    *,
    read_only: bool = False,
) -> tuple[Store, StagedStore | None]:
    """The store of a run, not opened yet; and the same store if it is staged, under the run id `staged_run`.

    Removes what crashed staged runs left behind. A staged run keeps to the disk: other machines see nothing of it.
    A mode that may go to the provider is stopped neither by a damaged cache nor by Redis. With `read_only` nothing
    is written into the cache directory, and Redis is left alone. Raises UsageError for an unusable Redis URL.
    """
    if read_only and settings.cache_dir is not None:
        return DiskStore(settings.cache_dir, read_only=True), None
    forwards = settings.cache_mode.forwards
    if settings.cache_dir is not None:
        clean_staging(DiskStore(settings.cache_dir).directory)
    if settings.cache_dir is None or staged_run is None:
        return open_store(settings, replaces_damaged=forwards, needs_shared=not forwards, admit=admit), None
    near = _disk_store(settings.cache_dir, replaces_damaged=forwards)
    staged = StagedStore(near, staged_run)
    return staged, staged


def _disk_store(directory: Path, *, replaces_damaged: bool) -> DiskStore:
    if directory.parent.name == STATE_FOLDER.name:
        with suppress(OSError):  # the store says so when it is opened
            make_state_folder(directory.parent)
    return DiskStore(directory, replaces_damaged=replaces_damaged)

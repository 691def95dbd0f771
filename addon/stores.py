"""Which store the settings ask for."""

from __future__ import annotations

from addon.settings import Settings
from cache_store.disk_store import DiskStore
from cache_store.memory_store import MemoryStore
from cache_store.store import Store

__all__ = ["open_store"]


def open_store(settings: Settings) -> Store:
    """The store that `settings` ask for, not opened yet."""
    return MemoryStore() if settings.cache_dir is None else DiskStore(settings.cache_dir)

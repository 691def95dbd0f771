"""A cache directory and an open store on it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cache_store.disk.disk_store import DiskStore


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the cache of a test lies; not there yet."""
    return tmp_path / "cache"


@pytest.fixture
def store(folder: Path) -> Iterator[DiskStore]:
    """An open store."""
    store = DiskStore(folder)
    store.open()
    yield store
    store.close()

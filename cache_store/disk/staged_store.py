"""A run's changes before they count: kept apart, seen by this run alone, then merged in one step or dropped.

`CACHE.staging/RUN` holds what a run recorded (`entries`) and what it removed (`removed`: entries whose recording
time is the time of removal). `RUN.lock` beside it is locked while the run lives. Folders without a locked file were
left by a crash, and the next start removes them.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from cache_store.disk.disk_store import DiskStore
from cache_store.entry import Entry, wins
from cache_store.errors import EntryError, StoreUnavailable
from cache_store.nearest.nearest_index import HostEndpoints
from cache_store.nearest.sketch import Sketch
from cache_store.store import Aside, Store, StoreStats

__all__ = ["StagedStore", "clean_staging", "staging_of"]

_RUN = re.compile(r"[0-9a-f]{32}")
_LOCK = ".lock"


def staging_of(cache_dir: Path) -> Path:
    """The folder of the staged runs of a cache."""
    return cache_dir.with_name(f"{cache_dir.name}.staging")


def clean_staging(cache_dir: Path) -> int:
    """Remove what dead runs left behind; how many there were. Never raises."""
    root = staging_of(cache_dir)
    removed = 0
    try:
        names = {path.name.removesuffix(_LOCK) for path in root.iterdir()} if not root.is_symlink() else set()
        for run in sorted(name for name in names if _RUN.fullmatch(name)):
            lock = _lock(root / f"{run}{_LOCK}")
            if lock is not None:
                _remove(root, run, lock)
                removed += 1
    except OSError:
        pass  # it does not exist, or is not ours to remove
    return removed


class StagedStore:
    """`base` as one run sees it. `run` is the run's id, 32 hex digits. Raises the same errors as DiskStore."""

    def __init__(self, base: DiskStore, run: str) -> None:
        self.base = base
        self._run = run
        self._root = staging_of(base.directory)
        self._entries = DiskStore(self._root / run / "entries")
        self._removed = DiskStore(self._root / run / "removed")
        self._locked: int | None = None

    @property
    def local(self) -> Store:
        return self

    def open(self) -> None:
        """Open the cache and create the staging area."""
        self.base.open()
        try:
            self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
            if self._locked is None:
                self._locked = _lock(self._root / f"{self._run}{_LOCK}")
        except OSError as error:
            raise StoreUnavailable(f"the staging area {self._root} cannot be created: {error}") from error
        self._entries.open()
        self._removed.open()

    def get(self, key: str) -> Entry | None:
        return self._left(key, DiskStore.get)

    def head(self, key: str) -> Entry | None:
        """The entry under `key`, without its body."""
        return self._left(key, DiskStore.head)

    def put(self, entry: Entry, began_at: float | None = None) -> bool:
        """Stage `entry`; False if the entry under its key was recorded after `began_at` (Unix seconds)."""
        there = self._usable(entry.key)
        if there is not None and began_at is not None and began_at < there.recorded_at <= time.time():
            return False
        return self._entries.put(entry)

    def put_newer(self, entries: Iterable[Entry]) -> list[Entry]:
        """Stage those of `entries` that win against the entries under their keys; the staged ones."""
        return [
            entry
            for entry in entries
            if wins(entry, self._usable(entry.key), time.time()) and self._entries.put(entry)
        ]

    def remove(self, key: str) -> bool:
        """Stage the removal of `key`; True if there was an entry."""
        staged = self._entries.remove(key)
        if self._removed.get(key) is not None:
            return staged
        try:
            exists = self.base.get(key) is not None
        except EntryError:
            exists = True
        if exists:
            self._removed.put(Entry(key, 204, "", (), b"", time.time(), 0.0, self._run))
        return staged or exists

    def set_aside(self, keys: Iterable[str], why: str) -> list[str]:
        """Stage that the entries under `keys` are set aside; the keys of those that were there."""
        moved = []
        for key in keys:
            if self.remove(key):
                self._removed.put(Entry(key, 204, "", (), b"", time.time(), 0.0, self._run, judged=why))
                moved.append(key)
        return moved

    def latest_aside(self, key: str) -> Aside | None:
        """The latest recording under `key` that was set aside in the cache."""
        return self.base.latest_aside(key)

    def entries_aside(self) -> Iterable[Entry]:
        """Every recording that was set aside in the cache."""
        return self.base.entries_aside()

    def clear(self) -> int:
        """Stage the removal of every entry; how many there were."""
        return sum(self.remove(key) for key in list(self.keys()))

    def keys(self, prefix: str = "") -> Iterator[str]:
        staged = list(self._entries.keys(prefix))
        hidden = {*staged, *self._removed.keys(prefix)}
        in_cache = self.base.keys(prefix)
        yield from (key for key in in_cache if key not in hidden)
        yield from staged

    def iterate(self) -> Iterator[Entry]:
        for key in self.keys():
            entry = self._usable(key)
            if entry is not None:
                yield entry

    def stored_at(self, key: str) -> float | None:
        return self._entries.stored_at(key) or self.base.stored_at(key)

    def stats(self) -> StoreStats:
        """The number of entries that this run sees, and the size of cache and staging area."""
        return StoreStats(sum(1 for _ in self.keys()), self.base.stats().bytes + self._entries.stats().bytes)

    def nearest(self, wanted: Sketch, limit: int = 3) -> list[str]:
        """The keys of the entries most like `wanted`: the cache's, then this run's."""
        keys = dict.fromkeys(self.base.nearest(wanted, limit) + self._entries.nearest(wanted, limit))
        return list(keys)[: limit + 1]

    def endpoints_of(self, host: str) -> HostEndpoints:
        """The most used endpoints of `host` in the cache; if there are none, those of this run."""
        return self.base.endpoints_of(host) or self._entries.endpoints_of(host)

    def close(self) -> None:
        """Close the files. What is staged stays until `commit` or `discard`."""
        for store in (self.base, self._entries, self._removed):
            store.close()

    def commit(self) -> int:
        """Merge what is staged into the cache in one step, and drop the staging area; how many entries were stored.

        An entry that somebody else recorded later stays. Raises StoreUnavailable, with the cache unchanged.
        """
        stored = self.base.merge(self._entries.iterate(), self._removed.iterate())
        self.close()
        self.discard()
        return stored

    def discard(self) -> None:
        """Drop what is staged."""
        self.close()
        if self._locked is not None:
            _remove(self._root, self._run, self._locked)
            self._locked = None

    def _left(self, key: str, read: Callable[[DiskStore, str], Entry | None]) -> Entry | None:
        """The entry under `key` as this run left it."""
        entry = read(self._entries, key)
        if entry is not None or self._removed.get(key) is not None:
            return entry
        return read(self.base, key)

    def _usable(self, key: str) -> Entry | None:
        try:
            return self.get(key)
        except EntryError:
            return None


def _lock(path: Path) -> int | None:
    """The open, locked file; None if another process holds the lock. Raises OSError."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Another process may have removed the file while this one waited for it.
        if os.fstat(handle).st_nlink:
            return handle
    except BlockingIOError:
        pass
    os.close(handle)
    return None


def _remove(root: Path, run: str, locked: int) -> None:
    """Remove one run's folder and lock file, then release the lock."""
    shutil.rmtree(root / run, ignore_errors=True)
    (root / f"{run}{_LOCK}").unlink(missing_ok=True)
    os.close(locked)
    try:
        root.rmdir()
    except OSError:
        pass  # another run's folder is in it

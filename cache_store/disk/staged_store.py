"""A run's own changes before they count: kept apart, read first by this run alone, merged in one step or dropped.

`CACHE.staging/RUN` holds what a run recorded (`entries`) and what it removed (`removed`, entries that say when).
`RUN.lock` beside it is locked while the run lives: what is not locked was left by a crash, and the next start
removes it.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from cache_store.disk.disk_store import DiskStore
from cache_store.entry import Entry
from cache_store.errors import EntryError, StoreUnavailable
from cache_store.nearest.nearest_index import Held
from cache_store.nearest.sketch import Sketch
from cache_store.store import StoreStats

__all__ = ["StagedStore", "clean_staging", "staging_of"]

_RUN = re.compile(r"[0-9a-f]{32}")
_LOCK = ".lock"


def staging_of(cache_dir: Path) -> Path:
    """Where the staged runs of a cache lie."""
    return cache_dir.with_name(f"{cache_dir.name}.staging")


def clean_staging(cache_dir: Path) -> int:
    """Remove what staged runs left behind that are no more; how many. Never raises."""
    root = staging_of(cache_dir)
    removed = 0
    try:
        found = {path.name.removesuffix(_LOCK) for path in root.iterdir()} if not root.is_symlink() else set()
        for run in sorted(name for name in found if _RUN.fullmatch(name)):
            lock = _lock(root / f"{run}{_LOCK}")
            if lock is not None:
                _remove(root, run, lock)
                removed += 1
    except OSError:
        pass  # not there, or not ours to remove
    return removed


class StagedStore:
    """`base` as one run sees it; `run` is its id, 32 hex digits. Raises what DiskStore does."""

    def __init__(self, base: DiskStore, run: str) -> None:
        self.base = base
        self._run = run
        self._root = staging_of(base.directory)
        self._entries = DiskStore(self._root / run / "entries")
        self._removed = DiskStore(self._root / run / "removed")
        self._locked: int | None = None

    def open(self) -> None:
        """Open the cache, and make the staging area."""
        self.base.open()
        try:
            self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
            if self._locked is None:
                self._locked = _lock(self._root / f"{self._run}{_LOCK}")
        except OSError as error:
            raise StoreUnavailable(f"the staging area {self._root} cannot be made: {error}") from error
        self._entries.open()
        self._removed.open()

    def get(self, key: str) -> Entry | None:
        """The entry under `key` as this run left it."""
        entry = self._entries.get(key)
        if entry is not None or self._removed.get(key) is not None:
            return entry
        return self.base.get(key)

    def head(self, key: str) -> Entry | None:
        """The same without its body, where that is long."""
        entry = self._entries.head(key)
        if entry is not None or self._removed.get(key) is not None:
            return entry
        return self.base.head(key)

    def put(self, entry: Entry, began_at: float | None = None) -> bool:
        """Stage `entry`; False where one recorded after `began_at` (Unix seconds) is there."""
        there = self._readable(entry.key)
        if there is not None and began_at is not None and began_at < there.recorded_at <= time.time():
            return False
        return self._entries.put(entry)

    def remove(self, key: str) -> bool:
        """Stage the removal of `key`; True if there was an entry."""
        staged = self._entries.remove(key)
        if self._removed.get(key) is not None:
            return staged
        try:
            is_there = self.base.get(key) is not None
        except EntryError:
            is_there = True
        if is_there:
            self._removed.put(Entry(key, 204, "", (), b"", time.time(), 0.0, self._run))
        return staged or is_there

    def clear(self) -> int:
        """Stage the removal of every entry; how many there were."""
        return sum(self.remove(key) for key in list(self.keys()))

    def keys(self) -> Iterator[str]:
        """Every entry's key as this run left them."""
        staged = list(self._entries.keys())
        hidden = {*staged, *self._removed.keys()}
        there = self.base.keys()
        yield from (key for key in there if key not in hidden)
        yield from staged

    def iterate(self) -> Iterator[Entry]:
        """Every entry that can be used."""
        for key in self.keys():
            entry = self._readable(key)
            if entry is not None:
                yield entry

    def stats(self) -> StoreStats:
        """How many entries this run sees, and how many bytes cache and staging area take."""
        return StoreStats(sum(1 for _ in self.keys()), self.base.stats().bytes + self._entries.stats().bytes)

    def nearest(self, wanted: Sketch, most: int = 3) -> list[str]:
        """Keys of the entries most like `wanted`: the cache's, then this run's."""
        found = dict.fromkeys(self.base.nearest(wanted, most) + self._entries.nearest(wanted, most))
        return list(found)[: most + 1]

    def held(self, host: str) -> Held:
        """What the cache has of `host`."""
        return self.base.held(host) or self._entries.held(host)

    def close(self) -> None:
        """Close the files; what is staged stays until `commit` or `discard`."""
        for store in (self.base, self._entries, self._removed):
            store.close()

    def commit(self) -> int:
        """Merge what is staged into the cache in one step, and drop the staging area; how many entries it took.

        An entry that was recorded later by somebody else stays. Raises StoreUnavailable, the cache unchanged.
        """
        taken = self.base.merge(self._entries.iterate(), self._removed.iterate())
        self.close()
        self.discard()
        return taken

    def discard(self) -> None:
        """Drop what is staged."""
        self.close()
        if self._locked is not None:
            _remove(self._root, self._run, self._locked)
            self._locked = None

    def _readable(self, key: str) -> Entry | None:
        try:
            return self.get(key)
        except EntryError:
            return None


def _lock(path: Path) -> int | None:
    """The open file, locked; None where somebody else holds it. Raises OSError."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Whoever cleaned up before us removed the very file that we waited for.
        if os.fstat(handle).st_nlink:
            return handle
    except BlockingIOError:
        pass
    os.close(handle)
    return None


def _remove(root: Path, run: str, locked: int) -> None:
    """Remove one run's folder and lock; the lock is let go of last."""
    shutil.rmtree(root / run, ignore_errors=True)
    (root / f"{run}{_LOCK}").unlink(missing_ok=True)
    os.close(locked)
    try:
        root.rmdir()
    except OSError:
        pass  # another run's lie there

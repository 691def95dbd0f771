"""Two stores as one: a near one that answers at once, and a far one that others share.

The near tier is the cache; the far one is best effort. A far tier that fails is a miss to a reader and nothing to
a writer, but what was meant to be gone must not come back from it: a removal that fails is raised, and its key
(after a failed `clear`, every key) is not read from there until it has been removed after all.

The `far_…` methods wait for the far tier; whoever cannot, asks `near` itself, and calls them in a thread.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from cache_store.entry import Entry, is_expired
from cache_store.errors import EntryError, StoreError, StoreUnavailable
from cache_store.store import Store, StoreStats
from cache_store.tiers.tier_health import Kind, TierHealth

__all__ = ["BLOCK_FILE", "TieredStore"]

BLOCK_FILE = "second-tier-blocked"
"""In the cache directory while reads from the far tier are blocked: `rm --all` is another process."""

_MOST_GONE = 10_000


class TieredStore:
    """`near`, then `far`. Ages are seconds. `folder` is where the block is kept; None keeps it in memory."""

    def __init__(
        self, near: Store, far: Store, *, max_age: float | None = None, folder: Path | None = None
    ) -> None:
        self.near = near
        self.far = far
        self.health = TierHealth()
        self._max_age = max_age
        self._block = folder / BLOCK_FILE if folder is not None else None
        self._blocked = False
        self._lock = threading.Lock()
        self._gone: dict[str, None] = {}  # could not be removed from the far tier
        self._removals = 0

    @property
    def local(self) -> Store:
        """The near tier."""
        return self.near

    def open(self) -> None:
        """Open both. Raises StoreUnavailable where the far tier cannot be reached; the near one is open then."""
        self.near.open()
        self.far.open()

    # -- both tiers, as any store -------------------------------------------

    def get(self, key: str) -> Entry | None:
        """The entry in the first tier that has one."""
        entry = self.near.get(key)
        if entry is not None and self.is_fresh(entry):
            return entry
        try:
            return self.far_get(key) or entry
        except (StoreError, EntryError):
            return entry

    def put(self, entry: Entry, began_at: float | None = None) -> bool:
        """Store in the near tier, and best effort in the far one."""
        if not self.near.put(entry, began_at):
            return False
        try:
            self.far_put(entry, began_at)
        except StoreError:
            pass  # counted in `health`
        return True

    def put_newer(self, entries: Iterable[Entry]) -> list[Entry]:
        """Store in the near tier those of `entries` that win against the entries under their keys."""
        return self.near.put_newer(entries)

    def remove(self, key: str) -> bool:
        """Remove from both tiers. Raises StoreUnavailable where the far one could not."""
        self.forget(key)
        near = self.near.remove(key)
        return self.far_remove(key) or near

    def clear(self) -> int:
        """Remove every entry of both tiers; how many the near one had.

        Raises StoreUnavailable where the far one could not: reads from it stay blocked until a clear succeeds.
        """
        self._count_removal()
        count = self.near.clear()
        self._set_blocked(True)
        try:
            self.far.clear()
        except StoreError:
            self.health.failed(Kind.WRITE)
            raise
        self._count_removal()
        with self._lock:
            self._gone.clear()
        self._set_blocked(False)
        self.health.succeeded(Kind.WRITE)
        return count

    def keys(self) -> Iterator[str]:
        """Every key of the near tier."""
        return self.near.keys()

    def iterate(self) -> Iterator[Entry]:
        """Every entry of the near tier."""
        return self.near.iterate()

    def stats(self) -> StoreStats:
        """What the near tier holds."""
        return self.near.stats()

    def close(self) -> None:
        """Close both."""
        self.near.close()
        self.far.close()

    # -- the far tier alone -------------------------------------------------
    # `until` (monotonic seconds) is when the caller stops waiting: what comes later changes nothing.

    def far_get(self, key: str, until: float = math.inf) -> Entry | None:
        """The far tier's entry, put into the near tier with its own time of recording.

        Raises StoreUnavailable, and EntryError for an entry that cannot be used.
        """
        if key in self._gone or self.is_blocked() or not self.health.allows():
            return None
        removals = self._removals
        entry = self._ask(Kind.READ, lambda: self.far.get(key), until)
        if entry is None or not self.is_fresh(entry) or time.monotonic() > until:
            return None
        return entry if self._fill(entry, removals) else None

    def far_put(self, entry: Entry, began_at: float | None = None, until: float = math.inf) -> bool:
        """Store in the far tier; False where a newer one was kept or the tier is skipped at present."""
        if not self.health.allows():
            return False
        stored = self._ask(Kind.WRITE, lambda: self.far.put(entry, began_at), until)
        with self._lock:
            self._gone.pop(entry.key, None)
        return stored

    def far_remove(self, key: str, until: float = math.inf) -> bool:
        """Remove from the far tier. Raises StoreUnavailable where that failed or is not tried at present."""
        if not self.health.allows():
            raise StoreUnavailable(
                "the second tier is unhealthy; what it holds is not served again in this run"
            )
        removed = self._ask(Kind.WRITE, lambda: self.far.remove(key), until)
        self._count_removal()
        with self._lock:
            self._gone.pop(key, None)
        return removed

    def forget(self, key: str) -> None:
        """No longer read `key` from the far tier: it is being removed. A removal or a new entry there ends this."""
        self._count_removal()
        with self._lock:
            self._gone[key] = None
            while len(self._gone) > _MOST_GONE:
                del self._gone[next(iter(self._gone))]

    def is_fresh(self, entry: Entry) -> bool:
        """Whether `entry` has not reached the age at which the far tier's is worth asking for."""
        return not is_expired(entry, self._max_age)

    def is_blocked(self) -> bool:
        """Whether a failed `clear`, here or in another process, keeps the far tier from being read."""
        return self._block.exists() if self._block is not None else self._blocked

    def state(self) -> dict[str, Any]:
        """For `stats` and the status page."""
        return {"second": str(self.far), "healthy": self.health.healthy, "blocked": self.is_blocked()}

    def _ask[T](self, kind: Kind, work: Callable[[], T], until: float) -> T:
        try:
            answer = work()
        except EntryError:
            self.health.succeeded(kind)  # it answered, if with something that is of no use
            raise
        except StoreError:
            if time.monotonic() <= until:
                self.health.failed(kind)
            raise
        if time.monotonic() <= until:
            self.health.succeeded(kind)
        return answer

    def _count_removal(self) -> None:
        with self._lock:
            self._removals += 1

    def _fill(self, entry: Entry, removals: int) -> bool:
        """Put what was read into the near tier, unless something was removed while it was being read."""
        with self._lock:
            if removals != self._removals:
                return False
            try:
                # A newer one that came in between stays.
                self.near.put(entry, entry.recorded_at)
            except StoreError:
                pass  # it can be served all the same
            return True

    def _set_blocked(self, blocked: bool) -> None:
        self._blocked = blocked
        if self._block is None:
            return
        try:
            if blocked:
                self._block.touch()
            else:
                self._block.unlink(missing_ok=True)
        except OSError as error:
            raise StoreUnavailable(f"{self._block} cannot be written: {error.strerror}") from error

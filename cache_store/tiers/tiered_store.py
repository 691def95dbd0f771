"""Two stores as one: a near one that answers at once, and a far one that other machines share.

The near tier is the cache. The far tier is best effort: if it fails, a reader gets a miss and a writer notices
nothing. But a removed entry must not come back from it. A removal that fails is raised, and its key (after a failed
`clear`, every key) is not read from the far tier until it has been removed after all.

The `far_…` methods wait for the far tier. Callers that cannot wait use `near` and call them in a thread.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from cache_store.entry import Entry, is_expired
from cache_store.errors import EntryError, StoreError, StoreUnavailable
from cache_store.store import KeepsAside, Store, StoreStats
from cache_store.tiers.sending_later import SendingLater
from cache_store.tiers.tier_health import SLOW, Kind, TierHealth

__all__ = ["TieredStore"]

logger = logging.getLogger(__name__)

# In the cache directory while reads from the far tier are blocked. A file, because `rm --all` is another process.
_BLOCK_FILE = "second-tier-blocked"
_MAX_GONE = 10_000


class TieredStore:
    """`near`, then `far`. Listing, counting and merging look at `near` alone.

    `max_age` is in seconds. `folder` holds the block file; None keeps the block in memory. `admit` returns an entry
    from the far tier as it may be served, or raises EntryError. With `needs_far`, opening waits for the far tier;
    otherwise it is tried in the background.
    """

    def __init__(
        self,
        near: Store,
        far: Store,
        *,
        max_age: float | None = None,
        folder: Path | None = None,
        admit: Callable[[Entry], Entry] | None = None,
        needs_far: bool = False,
    ) -> None:
        self.near = near
        self.far = far
        self.health = TierHealth()
        self._max_age = max_age
        self._admit = admit or (lambda entry: entry)
        self._needs_far = needs_far
        self._block = folder / _BLOCK_FILE if folder is not None else None
        self._blocked = False
        self._lock = threading.Lock()
        self._gone: dict[str, None] = {}  # keys that are not read from the far tier any more
        self._removals = 0
        self._later = SendingLater(self._send)
        self._closing = False

    @property
    def local(self) -> Store:
        return self.near

    def open(self) -> None:
        """Open both. Raises StoreUnavailable, with `near` open, if the far tier is needed and cannot be reached."""
        self.near.open()
        if self._needs_far:
            self.far.open()
        else:
            threading.Thread(target=self._try_far, name="second-tier-open", daemon=True).start()

    def _try_far(self) -> None:
        try:
            self.far.open()  # its time is not judged: it loads libraries and connects
        except StoreError as error:
            self.health.failed(Kind.READ)
            logger.warning("%s; entries stay on this machine until it can be used", error)

    # -- both tiers, as any store -------------------------------------------

    def get(self, key: str) -> Entry | None:
        """The entry from the first tier that has one."""
        entry = self.near.get(key)
        if entry is not None and self.is_fresh(entry):
            return entry
        try:
            return self.far_get(key) or entry
        except (StoreError, EntryError):
            return entry

    def put(self, entry: Entry, began_at: float | None = None) -> bool:
        """Store in the near tier, and if possible in the far one."""
        if not self.near.put(entry, began_at):
            return False
        try:
            self.far_put(entry, began_at)
        except StoreError:
            self.send_later(entry.key, began_at)  # `health` counts it
        return True

    def put_newer(self, entries: Iterable[Entry]) -> list[Entry]:
        return self.near.put_newer(entries)

    def remove(self, key: str) -> bool:
        """Remove from both tiers. Raises StoreUnavailable if that fails in the far one."""
        self.forget(key)
        near = self.near.remove(key)
        return self.far_remove(key) or near

    def clear(self) -> int:
        """Remove every entry of both tiers; how many the near one had.

        Raises StoreUnavailable if that fails in the far one. Reads from it stay blocked until a clear succeeds.
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

    def keys(self, prefix: str = "") -> Iterator[str]:
        return self.near.keys(prefix)

    def iterate(self) -> Iterator[Entry]:
        return self.near.iterate()

    def stored_at(self, key: str) -> float | None:
        return self.near.stored_at(key)

    def stats(self) -> StoreStats:
        return self.near.stats()

    def close(self) -> None:
        self._closing = True
        self._later.close()
        if len(self._later):
            logger.info("%d entries stay on this machine: %s could not take them", len(self._later), self.far)
        self.near.close()
        self.far.close()

    # -- the far tier alone -------------------------------------------------
    # `until` (monotonic seconds) is when the caller stops waiting. A later answer changes nothing.

    def far_get(self, key: str, until: float = math.inf) -> Entry | None:
        """The far tier's entry, which is also put into the near tier.

        Raises StoreUnavailable, and EntryError for an entry that cannot be used or is not admitted.
        """
        if key in self._gone or self.is_blocked() or not self.health.allows(Kind.READ):
            return None
        removals = self._removals
        entry = self._ask(Kind.READ, lambda: self.far.get(key), until)
        if entry is None or is_expired(entry, self._max_age) or time.monotonic() > until:
            return None
        entry = self._admit(entry)
        if isinstance(self.near, KeepsAside):
            aside = self.near.latest_aside(key)
            if aside is not None and entry.recorded_at <= aside.recorded_at:
                return None  # it was set aside here; other machines still have it
        # Only now is it known since when a recording from the future is here.
        return entry if self._fill(entry, removals) and self.is_fresh(entry) else None

    def far_put(self, entry: Entry, began_at: float | None = None, until: float = math.inf) -> bool:
        """Store in the far tier; False if a newer entry was kept, or if it is sent later."""
        if not self.health.allows(Kind.WRITE):
            self.send_later(entry.key, began_at)
            return False
        stored = self._ask(Kind.WRITE, lambda: self.far.put(entry, began_at), until)
        with self._lock:
            self._gone.pop(entry.key, None)
        return stored

    def send_later(self, key: str, began_at: float | None) -> None:
        """Send the near entry under `key` once the far tier can be used, in the background.

        `began_at` is as in `put`.
        """
        self._later.add(key, began_at)

    def far_remove(self, key: str, until: float = math.inf) -> bool:
        """Remove from the far tier. Raises StoreUnavailable if that fails or is not tried at present."""
        if not self.health.allows(Kind.WRITE):
            raise StoreUnavailable("the second tier is unhealthy; its entry is not served again in this run")
        removed = self._ask(Kind.WRITE, lambda: self.far.remove(key), until)
        self._count_removal()
        with self._lock:
            self._gone.pop(key, None)
        return removed

    def forget(self, key: str) -> None:
        """Stop reading `key` from the far tier until it is removed there, or stored anew."""
        self._count_removal()
        self._later.discard(key)
        with self._lock:
            self._gone[key] = None
            while len(self._gone) > _MAX_GONE:
                del self._gone[next(iter(self._gone))]

    def is_fresh(self, entry: Entry) -> bool:
        """Whether `entry` is young enough to be served without asking the far tier."""
        return not is_expired(entry, self._max_age, self.near.stored_at)

    def is_blocked(self) -> bool:
        """Whether a failed `clear`, here or in another process, blocks reads from the far tier."""
        return self._block.exists() if self._block is not None else self._blocked

    def state(self) -> dict[str, Any]:
        """The far tier's name and state, for `stats` and the status page; `waiting` entries are sent later."""
        return {
            "second": str(self.far),
            "healthy": self.health.healthy,
            "blocked": self.is_blocked(),
            "waiting": len(self._later),
        }

    def _send(self, key: str, began_at: float | None) -> bool:
        """Send the near entry under `key`; False if the far tier cannot be used at present."""
        if not self._closing and not self.health.allows(Kind.WRITE):
            return False
        try:
            entry = self.near.get(key)
        except (StoreError, EntryError):
            return True
        if entry is None:
            return True
        try:
            self._ask(Kind.WRITE, lambda: self.far.put(entry, began_at), math.inf)
        except StoreError:
            return False
        return True

    def _ask[T](self, kind: Kind, work: Callable[[], T], until: float) -> T:
        began = time.monotonic()
        try:
            answer = work()
        except EntryError:
            self._note(kind, began)  # it answered, even if the entry is of no use
            raise
        except StoreError:
            if time.monotonic() - began > SLOW:
                self.health.was_slow()
            elif time.monotonic() <= until:
                self.health.failed(kind)
            raise
        self._note(kind, began)
        return answer

    def _note(self, kind: Kind, began: float) -> None:
        if time.monotonic() - began > SLOW:
            self.health.was_slow()
        else:
            self.health.succeeded(kind)

    def _count_removal(self) -> None:
        with self._lock:
            self._removals += 1

    def _fill(self, entry: Entry, removals: int) -> bool:
        """Put an entry into the near tier, unless something was removed while it was read."""
        with self._lock:
            if removals != self._removals:
                return False
            try:
                self.near.put_newer([entry])  # a newer one that was stored meanwhile stays
            except StoreError:
                pass  # the entry can be served anyway
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

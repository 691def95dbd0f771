"""Access to the store during a run. Its faults never fail a live request: each is logged and counted once.

Reads are inline, because they take microseconds; writes have threads, by size. A second tier has threads of its
own, and no request waits longer than _FAR_SECONDS for it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any

from addon.accounting.counts import RunCounts
from addon.diagnosis import Candidates
from addon.exchange.lanes import Lanes, Size
from addon.judging.reasons import NotStored
from addon.policy.variants import key_of_test
from cache_store.disk.disk_store import DiskStore
from cache_store.entry import Entry
from cache_store.errors import EntryError, LongEntry, ProviderProxyError, StoreError, StoreUnavailable
from cache_store.store import Aside, KeepsAside, Store
from cache_store.tiers.tiered_store import TieredStore

__all__ = ["StoreAccess"]

_FAR_SECONDS = 0.5
"""How long a request waits for the second tier, each time it looks up, removes or stores."""

# A write that fails after so long was most likely waiting for a lock.
_WAITED_SECONDS = 0.5

_FAR_THREADS, _READ_THREADS = 8, 2

logger = logging.getLogger(__name__)


class StoreAccess:
    """A store with threads for writing; counts and logs its faults."""

    def __init__(self, store: Store, counts: RunCounts) -> None:
        self._tiers = store if isinstance(store, TieredStore) else None
        self._store = self._tiers.near if self._tiers else store
        self._whole = store
        self._counts = counts
        self._closed = False
        self._gave_up = (0.0, "")  # when a write last waited in vain, and why
        # An entry that lies in a file of its own is read and checked in a thread: 60 MB take a tenth of a second.
        near = self._store
        self._get_short = near.get_short if isinstance(near, DiskStore) else near.get
        self._reader = ThreadPoolExecutor(max_workers=_READ_THREADS, thread_name_prefix="cache-reader")
        self._far = ThreadPoolExecutor(max_workers=_FAR_THREADS, thread_name_prefix="cache-far")
        self._lanes = Lanes("cache-writer")
        self._tasks: set[asyncio.Future[None]] = set()

    async def find(self, key: str) -> Entry | None:
        """The entry under `key` in any tier. Waits only if a second tier must be asked.

        Raises StoreError if the first tier cannot be read.
        """
        entry = await self._near(key)
        if self._tiers is None or (entry is not None and self._tiers.is_fresh(entry)):
            return entry
        far = await self._from_far("read", partial(self._tiers.far_get, key))
        # Another request may have stored its answer in the meantime.
        return far if far is not None else await self._near(key)

    async def _near(self, key: str) -> Entry | None:
        try:
            return self._checked(self._get_short, key)
        except LongEntry:
            return await asyncio.get_running_loop().run_in_executor(self._reader, self.get, key)

    def at_hand(self, key: str) -> Entry | None:
        """The entry under `key` if the first tier alone can tell; None means that `find` must look."""
        try:
            entry = self._get_short(key)
        except ProviderProxyError:
            return None
        return entry if self._tiers is None or entry is None or self._tiers.is_fresh(entry) else None

    def get(self, key: str) -> Entry | None:
        """The entry under `key` in the first tier; an unusable one is a miss. Raises StoreError."""
        return self._checked(self._store.get, key)

    def _checked(self, read: Callable[[str], Entry | None], key: str) -> Entry | None:
        if self._closed:  # a request that waited when the proxy stopped; reading would open the cache again
            raise StoreUnavailable("the proxy is stopping")
        try:
            return read(key)
        except LongEntry:
            raise
        except EntryError as error:
            self._fault("unusable entry", error)
            return None
        except ProviderProxyError as error:
            self._fault("read", error)
            if isinstance(error, StoreError):
                raise
            raise StoreUnavailable(str(error)) from error

    def stored_at(self, key: str) -> float | None:
        """When the first tier got its entry under `key`, in Unix seconds."""
        return self._store.stored_at(key)

    async def of_tests(self, key: str) -> list[Entry]:
        """The entries of the first tier that tests have of their own for the request with `key`."""

        def read() -> list[Entry]:
            entries = []
            for own in list(self._store.keys(f"{key}@")):
                with suppress(EntryError):
                    if (entry := self._store.get(own)) is not None:
                        entries.append(entry)
            return entries

        return await self._lanes.run(0, read)

    def keys_of_test(self, test: str) -> list[str]:
        """The keys of the first tier's recordings that `test` has as its own. Reads every key: use a thread."""
        suffix = key_of_test("", test)
        try:
            return [key for key in self._store.keys("") if suffix in key]
        except ProviderProxyError:
            return []

    async def put(
        self, make: Callable[[], Entry | NotStored], began_at: float, size: Size = 0
    ) -> NotStored | None:
        """Make an entry from `size` bytes and store it, both in a writer's thread; None is success."""

        def work() -> Entry | NotStored:
            made = make()
            if isinstance(made, NotStored):
                return made
            return made if self._store.put(made, began_at) else NotStored.NEWER_ENTRY

        try:
            made = await self._lanes.run(size, self._in_turn(work))
        except ProviderProxyError as error:
            self._fault("write", error)
            return NotStored.STORE_FAILED
        if isinstance(made, NotStored):
            return made
        await self._put_far(made, began_at)
        return None

    def put_back(self, entry: Entry, began_at: float) -> None:
        """Store an entry again that was removed for a request that began at `began_at`, without waiting for it."""

        def work() -> None:
            try:
                self._store.put(entry, began_at)
            except ProviderProxyError as error:
                self._fault("write", error)

        self._lanes.submit(entry.size, work)
        if self._tiers is not None:
            task = asyncio.ensure_future(self._put_far(entry, began_at))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def remove(self, key: str) -> None:
        """Remove the entry under `key`."""
        try:
            if self._tiers is not None:
                self._tiers.forget(key)
            await self._lanes.run(0, self._in_turn(lambda: self._store.remove(key)))
            if self._tiers is not None:
                await self._from_far("remove", partial(self._tiers.far_remove, key))
        except ProviderProxyError as error:
            self._fault("remove", error)

    def holds(self, prefix: str) -> bool:
        """Whether a key in the first tier begins with `prefix`."""
        try:
            return next(iter(self._store.keys(prefix)), None) is not None
        except ProviderProxyError:
            return False

    def entries(self) -> Iterator[Entry]:
        """Every readable entry of the first tier. Reading them all takes long: call it in a thread."""
        try:
            yield from self._store.iterate()
        except ProviderProxyError as error:
            self._fault("read", error)

    def set_aside(self, keys: Iterable[str], why: str) -> list[str]:
        """Set entries of the first tier aside, where that is possible; the keys of those that were."""
        try:
            return self._store.set_aside(keys, why) if isinstance(self._store, KeepsAside) else []
        except ProviderProxyError as error:
            self._fault("set aside", error)
            return []

    def latest_aside(self, key: str) -> Aside | None:
        """The latest recording under `key` that was set aside."""
        try:
            return self._store.latest_aside(key) if isinstance(self._store, KeepsAside) else None
        except ProviderProxyError as error:
            self._fault("read", error)
            return None

    @property
    def shown(self) -> Store:
        """The first tier, which the page reads in a thread of its own: a read may block."""
        return self._store

    def stored_sizes(self) -> dict[str, int]:
        """The stored size of each entry of the first tier in bytes, by key, where it can be told without a read."""
        return self._store.stored_sizes() if isinstance(self._store, DiskStore) else {}

    @property
    def candidates(self) -> Candidates | None:
        """The first tier, if it can tell which of its entries are like a request."""
        return self._store if isinstance(self._store, Candidates) else None

    def expect(self, size: int) -> None:
        """Make ready for work on `size` bytes that comes soon."""
        self._lanes.expect(size)

    async def in_background(self, work: Callable[[], None], size: Size = 0) -> None:
        """Do `work` on `size` bytes in a writer's thread, unless the store is closed."""
        if not self._closed:
            await self._lanes.run(size, work)

    def finish(self, work: Callable[[Store], None]) -> None:
        """Do `work` with the first tier after all earlier writes; log it if it fails."""
        try:
            self._lanes.drain()
            self._lanes.submit(0, lambda: work(self._store)).result()
        except Exception:
            logger.exception("the end of the run could not be counted")

    def tiers(self) -> dict[str, Any] | None:
        """The second tier's state, for JSON; None if there is no second tier."""
        return self._tiers.state() if self._tiers is not None else None

    def close(self) -> None:
        """Finish the writes and close the store."""
        self._closed = True
        self._reader.shutdown(wait=True)
        self._lanes.close(self._store.close)
        self._far.shutdown(wait=False, cancel_futures=True)
        self._whole.close()

    async def _put_far(self, entry: Entry, began_at: float) -> None:
        if self._tiers is None:
            return
        if await self._from_far("write", partial(self._tiers.far_put, entry, began_at)) is None:
            self._tiers.send_later(entry.key, began_at)

    async def _from_far[T](self, what: str, work: Callable[..., T]) -> T | None:
        """What the second tier answers within _FAR_SECONDS, otherwise None."""
        assert self._tiers is not None
        until = time.monotonic() + _FAR_SECONDS

        def in_time() -> T | None:
            # By the time a thread is free, the request may have gone on without the answer.
            return work(until=until) if time.monotonic() < until else None

        future = asyncio.get_running_loop().run_in_executor(self._far, in_time)
        try:
            return await asyncio.wait_for(future, _FAR_SECONDS)
        except TimeoutError:
            self._tiers.health.was_slow()
            self._fault(f"second tier {what}", StoreUnavailable("it does not answer in time"))
        except ProviderProxyError as error:
            self._fault(f"second tier {what}", error)
        return None

    def _in_turn[T](self, work: Callable[[], T]) -> Callable[[], T]:
        """`work`, unless another write waited in vain since it was queued.

        Otherwise queued writes would each wait for the full timeout.
        """
        asked = time.monotonic()

        def in_turn() -> T:
            if asked < self._gave_up[0]:
                raise StoreUnavailable(self._gave_up[1])
            began = time.monotonic()
            try:
                return work()
            except StoreUnavailable as error:
                if time.monotonic() - began > _WAITED_SECONDS:
                    self._gave_up = (time.monotonic(), str(error))
                raise

        return in_turn

    def _fault(self, what: str, error: ProviderProxyError) -> None:
        self._counts.cache_faults[what] += 1
        logger.warning("cache %s failed: %s", what, error)

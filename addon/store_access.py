"""The store as the wire uses it: never the reason that a live request fails.

Reads are inline (microseconds), writes go to one thread of their own. What fails is logged and counted once.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from addon.counts import RunCounts
from addon.judging.reasons import NotStored
from cache_store.entry import Entry
from cache_store.errors import EntryError, ProviderProxyError, StoreError, StoreUnavailable
from cache_store.store import Store

__all__ = ["StoreAccess"]

logger = logging.getLogger(__name__)


class StoreAccess:
    """A store behind counts, logs and a thread for writing."""

    def __init__(self, store: Store, counts: RunCounts) -> None:
        self._store = store
        self._counts = counts
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="cache-writer")

    def get(self, key: str) -> Entry | None:
        """The entry under `key`; one that cannot be used is a miss. Raises StoreError where none can be read."""
        try:
            return self._store.get(key)
        except EntryError as error:
            self._fault("unusable entry", error)
            return None
        except ProviderProxyError as error:
            self._fault("read", error)
            if isinstance(error, StoreError):
                raise
            raise StoreUnavailable(str(error)) from error

    async def put(self, make: Callable[[], Entry | NotStored], began_at: float) -> NotStored | None:
        """Make an entry and store it, both in the writer's thread; None is success, else why it is not stored."""

        def work() -> NotStored | None:
            made = make()
            if isinstance(made, NotStored):
                return made
            return None if self._store.put(made, began_at) else NotStored.NEWER_ENTRY

        try:
            return await self._in_thread(work)
        except ProviderProxyError as error:
            self._fault("write", error)
            return NotStored.STORE_FAILED

    async def remove(self, key: str) -> None:
        """Remove what is under `key`."""
        try:
            await self._in_thread(lambda: self._store.remove(key))
        except ProviderProxyError as error:
            self._fault("remove", error)

    def close(self) -> None:
        """Finish the writes and close the store."""
        self._writer.submit(self._store.close)
        self._writer.shutdown(wait=True)
        self._store.close()

    async def _in_thread[T](self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._writer, work)

    def _fault(self, what: str, error: ProviderProxyError) -> None:
        self._counts.cache_faults[what] += 1
        logger.warning("cache %s failed: %s", what, error)

"""Brings the index of requests in line with its store, in a thread, after a crash or work by an older version.

Nobody waits for it: a question is answered from what the index holds, and closing ends it between two entries.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Protocol

from cache_store.entry import Entry
from cache_store.errors import EntryError, ProviderProxyError
from cache_store.nearest.nearest_index import NearestIndex
from cache_store.store import StoreStats

__all__ = ["CatchUp", "IndexedStore"]

_PAGE = 500  # keys compared in one step
_STEP = 50  # entries added in one step, or fewer with this many bytes of requests
_STEP_BYTES = 2**20
_SHARE = 0.25  # of one processor: requests go first
_STOP_SECONDS = 0.5


class IndexedStore(Protocol):
    """A store whose entries an index follows."""

    def keys_after(self, key: str, limit: int) -> list[str]:
        """The first `limit` keys that sort behind `key`."""

    def head(self, key: str) -> Entry | None:
        """The entry under `key` without its body. Raises EntryError."""

    def stats(self) -> StoreStats:
        """How many entries there are."""


class CatchUp:
    """The work that brings `index` in line with `store`, at most `most` entries of it. It is done once."""

    def __init__(self, index: NearestIndex, store: IndexedStore, most: int | None = None) -> None:
        self._index = index
        self._store = store
        self._left = most
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin, unless that was done."""
        with self._lock:
            if self._thread is None and not self._stopped.is_set():
                self._thread = threading.Thread(target=self._run, name="nearest-index", daemon=True)
                self._thread.start()

    def wait(self, seconds: float) -> None:
        """Begin, and wait until it is done, at most `seconds`."""
        self.start()
        if self._thread is not None:
            self._thread.join(seconds)

    def stop(self, *, wait: bool = True) -> None:
        """End it, and by default wait for the step under way. What was added stays."""
        with self._lock:  # a thread that is being started cannot be joined
            self._stopped.set()
        if wait and self._thread is not None:
            self._thread.join(_STOP_SECONDS)

    def _run(self) -> None:
        try:
            if not self._index.is_fixed() and self._store.stats().entries != self._index.count():
                self._compare()
        except ProviderProxyError:
            pass  # the next process that opens the store tries again

    def _compare(self) -> None:
        """Walk through both in the order of keys, a page at a time."""
        after = ""
        while not self._stopped.is_set():
            stored, indexed = self._store.keys_after(after, _PAGE), self._index.keys_after(after, _PAGE)
            # The shorter page, unless it is the last one, says how far both have been seen.
            ends = [page[-1] for page in (stored, indexed) if len(page) == _PAGE]
            upto = min(ends, default=None)
            here = {key for key in stored if upto is None or key <= upto}
            known = {key for key in indexed if upto is None or key <= upto}
            if known - here:
                self._index.remove(*(known - here))
            self._add(sorted(here - known))
            if upto is None or self._left == 0:
                return
            after = upto

    def _add(self, keys: list[str]) -> None:
        left = iter(keys[: self._left])
        while not self._stopped.is_set():
            began = time.thread_time()
            heads = self._heads(left)
            if not heads:
                return
            self._index.add(*heads)
            self._stopped.wait((time.thread_time() - began) / _SHARE)

    def _heads(self, keys: Iterator[str]) -> list[Entry]:
        """The next entries to add; none once `keys` has come to its end."""
        heads: list[Entry] = []
        size = 0
        for key in keys:
            try:
                entry = self._store.head(key)
            except EntryError:
                # An entry without a request is proposed to nobody, and is not looked at again.
                entry = Entry(key, 204, "", (), b"", 0.0, 0.0, "", {"method": "-"})
            if entry is not None:
                heads.append(entry)
                size += len(entry.request_json)
            if len(heads) == _STEP or size > _STEP_BYTES:
                break
        if self._left is not None:
            self._left -= len(heads)
        return heads

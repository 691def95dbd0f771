"""Diagnoses misses in a thread of its own, so that no request waits for another one's explanation."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from addon.accounting.counts import RunCounts
from addon.diagnosis import Candidates, Diagnosis, Folding, diagnose
from addon.diagnosis.remedies import RERECORD
from addon.identity import Identity
from addon.redaction import Taint
from cache_store.errors import ProviderProxyError

__all__ = ["EXPLAIN_SECONDS", "SOON_SECONDS", "Explaining"]

EXPLAIN_SECONDS = 1.0
"""What the answer to a miss waits at most for its explanation."""

SOON_SECONDS = 0.05
"""How much later a forwarded miss is explained: meanwhile its answer's first bytes have the processor."""

_MOST_WAITING = 256

logger = logging.getLogger(__name__)


class Explaining:
    """Explains the misses of one run, one after the other, and takes note of them in its counts.

    `taint` knows the credentials that no explanation may show.
    """

    def __init__(
        self, store: Candidates | None, counts: RunCounts, taint: Taint, rerecord: str = RERECORD
    ) -> None:
        self._store = store
        self._counts = counts
        self._taint = taint
        self._rerecord = rerecord
        self._folding = Folding()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="diagnosis")
        self._waiting = 0
        self._closed = False
        self._soon: dict[asyncio.TimerHandle, Callable[[], object]] = {}

    def start_soon(self, key: str, identity: Identity, *, stored: bool) -> None:
        """Have the miss of `key`, which is forwarded, explained soon; `stored` says that its answer may be."""
        since = time.time()

        def start() -> None:
            self._soon.pop(handle, None)
            self.start(key, identity, since=since, rerecord="" if stored else self._rerecord)

        handle = asyncio.get_running_loop().call_later(SOON_SECONDS, start)
        self._soon[handle] = start

    def start(
        self,
        key: str,
        identity: Identity,
        level: int = logging.INFO,
        since: float = math.inf,
        rerecord: str | None = None,
    ) -> Future[Diagnosis | None] | None:
        """Begin to explain the miss of `key`, to be logged at `level`; None where too many wait already.

        None, too, once the run has ended. What was recorded at `since` (Unix seconds) or later is its own answer.
        `rerecord` is how to record it, where that is not the run's usual way.
        """
        if self._store is None or self._closed or self._waiting >= _MOST_WAITING:
            self._counts.unexplained += 1
            return None
        self._waiting += 1
        rerecord = self._rerecord if rerecord is None else rerecord
        return self._thread.submit(self._explain, key, identity, self._store, level, since, rerecord)

    async def explain(self, key: str, identity: Identity) -> Diagnosis | None:
        """Why `key`, which is not forwarded, missed; None where that cannot be told within EXPLAIN_SECONDS."""
        future = self.start(key, identity, logging.WARNING)
        if future is None:
            return None
        waiting = asyncio.wrap_future(future)
        try:
            return await asyncio.wait_for(asyncio.shield(waiting), EXPLAIN_SECONDS)
        except TimeoutError:
            return None

    def close(self) -> None:
        """Finish what was begun, and what was to begin soon."""
        for handle, start in list(self._soon.items()):
            handle.cancel()
            start()
        self._closed = True
        self._thread.shutdown(wait=True)

    def _explain(
        self, key: str, identity: Identity, store: Candidates, level: int, since: float, rerecord: str
    ) -> Diagnosis | None:
        try:
            found = diagnose(
                key, identity.request_json, identity.label, store, rerecord, since, self._taint.found_in
            )
            root = self._folding.root(found)
            self._counts.miss(key, found.as_dict(), found.line, root)
        except ProviderProxyError as error:
            self._counts.unexplained += 1
            logger.warning("a miss cannot be explained: %s", error)
            return None
        except Exception:
            self._counts.unexplained += 1
            logger.exception("a miss cannot be explained")
            return None
        finally:
            self._waiting -= 1
        if found.nearest and root is None:
            logger.log(level, "miss: %s; %s", found.place, found.line)
        return found

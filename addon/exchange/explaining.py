"""Explains misses in a thread of its own, so that no request waits for another one's explanation."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

from addon.accounting.counts import RunCounts
from addon.accounting.figures import day
from addon.accounting.verdicts import Explained, Verdict
from addon.diagnosis import Candidates, Diagnosis, Folding, diagnose
from addon.diagnosis.remedies import RERECORD
from addon.identity import Identity
from addon.redaction import Taint
from cache_store.errors import ProviderProxyError
from cache_store.store import Aside

__all__ = ["Explaining"]

_EXPLAIN_SECONDS = 1.0
"""How long the answer to a miss waits for its explanation."""

_SOON_SECONDS = 0.05
"""How long the explanation of a forwarded miss is put off, so that it does not delay the answer's first bytes."""

_MOST_WAITING = 256

logger = logging.getLogger(__name__)


class Explaining:
    """Explains the misses of one run, one after the other, and adds them to its counts.

    `taint` knows the credentials that no explanation may show. `rerecord` says how the run's user records again.
    """

    def __init__(
        self, store: Candidates | None, counts: RunCounts, taint: Taint, rerecord: str = RERECORD
    ) -> None:
        self._store = store
        self._counts = counts
        self._taint = taint
        self._rerecord = rerecord
        self.refused_line: Callable[[str], str] = lambda _: ""
        """Why the last answer to a key was not stored, and what to do; '' if that is not known."""
        self.latest_aside: Callable[[str], Aside | None] = lambda _: None
        """The latest recording under a key that was set aside."""
        self.had_entries = True
        """Whether the cache had entries when the run began."""
        self.keys_of_test: Callable[[str], list[str]] = lambda _: []
        """The keys of the recordings that a test has as its own, where tests have some."""
        self.keeps_question = True
        """Whether the report, which is saved, may show what a missed request asked."""
        self.note_missed: Callable[[str, bytes], None] | None = None
        """Called with the key and the saved form of each request that is explained, in the thread that explains."""
        self._folding = Folding()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="diagnosis")
        self._waiting = 0
        self._closed = False
        self._soon: dict[asyncio.TimerHandle, tuple[Callable[[], object], Verdict | None]] = {}

    def start_soon(
        self,
        key: str,
        identity: Identity,
        *,
        stored: bool,
        serves_own: bool = True,
        verdict: Verdict | None = None,
    ) -> None:
        """Explain the miss of `key`, which is forwarded, a little later.

        `stored`: its answer may be stored. `serves_own`: entries of this run may be served, so they are compared.
        `verdict` is that of its test. Without one, a miss that the report has no room for is only counted: a run
        that records thousands of answers would spend half of its time on explanations.
        """
        if verdict is None and not self._counts.has_room(key):
            self._counts.unexplained += 1
            return
        explained = verdict.miss(key) if verdict is not None else None
        if not self.had_entries and not serves_own:
            if explained is not None:
                explained("nothing was recorded before this run", "", folded=False)
            return
        since = time.time()

        def start() -> None:
            self._soon.pop(handle, None)
            rerecord = "" if stored else self._rerecord
            own = "" if serves_own else self._counts.run
            test = verdict.test if verdict is not None else ""
            self.start(key, identity, since=since, own=own, rerecord=rerecord, explained=explained, test=test)

        handle = asyncio.get_running_loop().call_later(_SOON_SECONDS, start)
        self._soon[handle] = start, verdict

    def start(
        self,
        key: str,
        identity: Identity,
        level: int = logging.INFO,
        since: float = math.inf,
        own: str = "",
        rerecord: str | None = None,
        explained: Explained | None = None,
        test: str = "",
    ) -> Future[Diagnosis | None] | None:
        """Begin to explain the miss of `key`, and log it at `level`.

        None if too many are waiting, or the run has ended. An entry under `key` that was recorded at `since` (Unix
        seconds) or later is the request's own answer and ignored, and so are all entries of the run `own`.
        `rerecord` replaces the run's own advice. `explained` is called with the explanation for `test`, which asks.
        """
        if self._store is None or self._closed or self._waiting >= _MOST_WAITING:
            self._counts.unexplained += 1
            return None
        self._waiting += 1
        rerecord = self._rerecord if rerecord is None else rerecord
        return self._thread.submit(
            self._explain, key, identity, self._store, level, since, own, rerecord, explained, test
        )

    async def explain(self, key: str, identity: Identity, verdict: Verdict | None = None) -> Diagnosis | None:
        """Why `key`, which is not forwarded, missed; None if that takes longer than _EXPLAIN_SECONDS."""
        explained = verdict.miss(key) if verdict is not None else None
        test = verdict.test if verdict is not None else ""
        future = self.start(key, identity, logging.WARNING, explained=explained, test=test)
        if future is None:
            return None
        waiting = asyncio.wrap_future(future)
        try:
            return await asyncio.wait_for(asyncio.shield(waiting), _EXPLAIN_SECONDS)
        except TimeoutError:
            return None

    async def catch_up(self, verdict: Verdict) -> None:
        """Return once every miss of this test so far is explained."""
        self._start_now(verdict)
        if not self._closed and any(not miss.line for miss in verdict.misses):
            # The thread explains one miss after the other.
            await asyncio.wrap_future(self._thread.submit(lambda: None))

    def _start_now(self, verdict: Verdict | None = None) -> None:
        """Start what was put off, of one test or of all."""
        for handle, (start, of) in list(self._soon.items()):
            if verdict is None or of is verdict:
                handle.cancel()
                start()

    def close(self) -> None:
        """Finish every explanation, including those that were put off."""
        self._start_now()
        self._closed = True
        self._thread.shutdown(wait=True)

    def _explain(
        self,
        key: str,
        identity: Identity,
        store: Candidates,
        level: int,
        since: float,
        own: str,
        rerecord: str,
        explained: Explained | None,
        test: str,
    ) -> Diagnosis | None:
        try:
            diagnosis = diagnose(
                key,
                identity.request_json,
                identity.label,
                store,
                rerecord,
                since,
                own,
                self._taint.found_in,
                self.keys_of_test(test) if test else (),
            )
            if note := self.refused_line(key) or self._aside_line(key):
                diagnosis = Diagnosis(key, diagnosis.place, note=note)
            if not self.keeps_question:
                diagnosis = replace(diagnosis, question="")
            root = self._folding.root(diagnosis)
            if self.note_missed is not None and self.keeps_question:
                self.note_missed(key, identity.request_json)
            self._counts.miss(key, diagnosis.as_dict(), diagnosis.line, root)
            if explained is not None:
                pointer = next((difference.place for difference in diagnosis.differences), "")
                explained(diagnosis.line, pointer, folded=root is not None, own=diagnosis.of_test)
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
        if diagnosis.nearest and root is None:
            logger.log(level, "miss: %s; %s", diagnosis.place, diagnosis.line, extra={"test": test})
        return diagnosis

    def _aside_line(self, key: str) -> str:
        """Why the recording under `key` was set aside, and what to do; '' if none was."""
        aside = self.latest_aside(key)
        if aside is None:
            return ""
        return (
            f"it was recorded on {day(aside.recorded_at)}, and set aside on {day(aside.at)}: {aside.why}. "
            "Record it again; or `provider-proxy restore` brings the recording back"
        )

"""Counts each test's requests in this process, and knows which of them are still on their way."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

from addon.accounting.counts import RunCounts
from addon.accounting.verdicts import Verdict
from addon.exchange.explaining import Explaining
from addon.exchange.sent_requests import SentRequests
from addon.exchange.store_access import StoreAccess
from addon.redaction import Taint, redact_text
from addon.scopes.scope import Scope

__all__ = ["HIDDEN", "TestsInFlight"]

_WAIT_SECONDS = 2.0
"""How long the end of a test waits for its requests."""

HIDDEN = "a test whose name holds a credential"
"""Takes the place of a test's name."""

_HIDDEN_FILE = "a file whose name holds a credential"


class TestsInFlight:
    """The tests of one process of a run. `sent` has what the open ones have sent."""

    __test__ = False  # its name looks like a test to pytest

    def __init__(self, counts: RunCounts, store: StoreAccess, explaining: Explaining, taint: Taint) -> None:
        self._counts = counts
        self._taint = taint
        self._store = store
        self._explaining = explaining
        self.sent = SentRequests(taint.found_in)
        self._in_flight: Counter[tuple[str, str, int]] = Counter()
        self._left: dict[tuple[str, str, int], asyncio.Event] = {}

    def enter(self, scope: Scope) -> Verdict | None:
        """Count a request that arrives; the counts of its test, None if the run has too many tests."""
        verdict = self._counts.verdict(*scope.identity)
        if verdict is None:
            return None
        is_other = bool(scope.file) and scope.file != verdict.file
        verdict.file, verdict.line = scope.file or verdict.file, scope.line or verdict.line
        if is_other or not verdict.requests:
            self._hide(verdict)
        verdict.requests += 1
        verdict.coarse |= scope.coarse
        verdict.changed = True
        self._in_flight[scope.identity] += 1
        return verdict

    def leave(self, verdict: Verdict) -> None:
        """A request of the test has ended."""
        identity = verdict.client, verdict.test, verdict.attempt
        verdict.changed = True
        self._in_flight[identity] -= 1
        if self._in_flight[identity] <= 0:
            del self._in_flight[identity]
            if identity in self._left:
                self._left[identity].set()

    async def count(self, scope: Scope, *, is_over: bool) -> dict[str, Any] | None:
        """This process's counts of a test, for JSON, None if it asked nothing here.

        If it `is_over`, what is in flight, the explanations of its misses and its prices are waited for, up to
        _WAIT_SECONDS.
        """
        if is_over:
            self.sent.forget(scope)
        verdict = self._counts.tests.get(scope.identity)
        if verdict is None:
            return None
        self._hide(verdict)
        if is_over:
            try:
                async with asyncio.timeout(_WAIT_SECONDS):
                    await self._wait(scope.identity)
                    await self._explaining.catch_up(verdict)
                    if verdict.spent.models:  # the first price takes a second: their table is imported
                        await self._store.in_background(verdict.spent.settle)
            except TimeoutError:
                pass
        return verdict.as_dict()

    def close(self) -> None:
        """Hide the names and files of tests that hold a credential of this run: reports are saved."""
        for verdict in self._counts.tests.values():
            self._hide(verdict)

    def shown(self, test: str) -> str:
        """The name of a test as it may be logged and saved: its parameters may hold a credential."""
        return self._shown(test, HIDDEN)

    def _shown(self, text: str, hidden: str) -> str:
        text = redact_text(text)
        return hidden if self._taint.found_in(text.encode("utf-8", "replace")) else text

    def _hide(self, verdict: Verdict) -> None:
        before = verdict.shown, verdict.shown_file
        test, file = self.shown(verdict.test), self._shown(verdict.file, _HIDDEN_FILE)
        verdict.shown = "" if test == verdict.test else test
        verdict.shown_file = "" if file == verdict.file else file
        verdict.changed |= before != (verdict.shown, verdict.shown_file)

    async def _wait(self, identity: tuple[str, str, int]) -> None:
        if identity not in self._in_flight:
            return
        left = self._left.setdefault(identity, asyncio.Event())
        try:
            await left.wait()
        finally:
            self._left.pop(identity, None)

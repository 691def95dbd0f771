"""Misses are explained beside the requests, in bounded time."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from addon.accounting import counts as counting
from addon.accounting.counts import RunCounts
from addon.accounting.verdicts import Verdict
from addon.exchange import explaining
from addon.exchange.explaining import Explaining
from addon.identity import Identity
from addon.redaction import Taint
from cache_store.entry import Entry
from cache_store.errors import StoreUnavailable
from cache_store.nearest.sketch import Sketch

IDENTITY = Identity("pp1-x", b'{"path":"/","body":null}', {"method": "GET", "host": "h", "path": "/"})


class SlowStore:
    """A store whose index answers when it is told to."""

    def __init__(self, error: Exception | None = None) -> None:
        self.go = threading.Event()
        self.error = error

    def head(self, key: str) -> Entry | None:
        return None

    def nearest(self, wanted: Sketch, most: int = 3) -> list[str]:
        self.go.wait(20)
        if self.error is not None:
            raise self.error
        return []

    def endpoints_of(self, host: str) -> list[tuple[str, int]]:
        return []


def test_a_slow_index_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer to a miss waits a bounded time, other work goes on meanwhile, and the report has it later."""
    monkeypatch.setattr(explaining, "_EXPLAIN_SECONDS", 0.2)
    store, counts = SlowStore(), RunCounts("r", "read-only-require-hit")
    found = Explaining(store, counts, Taint())

    async def work() -> tuple[object, float, int]:
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                await asyncio.sleep(0.01)
                ticks += 1

        ticking = asyncio.create_task(tick())
        began = time.monotonic()
        result = await found.explain("pp1-x", IDENTITY)
        took = time.monotonic() - began
        ticking.cancel()
        return result, took, ticks

    result, took, ticks = asyncio.run(work())
    assert result is None
    assert took < 30  # the store itself would never answer
    assert ticks >= 3
    store.go.set()
    found.close()
    assert list(counts.missed) == ["pp1-x"]


def test_too_many_at_once_are_counted_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A burst of misses does not pile up without end."""
    monkeypatch.setattr(explaining, "_MOST_WAITING", 2)
    store, counts = SlowStore(), RunCounts("r", "read-write")
    found = Explaining(store, counts, Taint())
    assert [found.start(f"pp1-{n}", IDENTITY) is None for n in range(4)] == [False, False, True, True]
    store.go.set()
    found.close()
    assert counts.unexplained == 2


@pytest.mark.parametrize("error", [StoreUnavailable("locked"), RuntimeError("a fault of ours")])
def test_a_fault_is_no_fault_of_the_request(error: Exception) -> None:
    """What goes wrong is counted; the miss is answered without an explanation."""
    store, counts = SlowStore(error), RunCounts("r", "read-write")
    store.go.set()
    found = Explaining(store, counts, Taint())
    assert asyncio.run(found.explain("pp1-x", IDENTITY)) is None
    found.close()
    assert counts.unexplained == 1


def test_a_store_without_an_index() -> None:
    """Nothing can be explained, and nothing breaks."""
    counts = RunCounts("r", "read-write")
    found = Explaining(None, counts, Taint())
    assert asyncio.run(found.explain("pp1-x", IDENTITY)) is None
    found.close()
    assert counts.unexplained == 1


def test_a_forwarded_miss_is_explained_a_little_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its answer comes first; at the latest it is explained when the run ends."""
    store, counts = SlowStore(), RunCounts("r", "read-write")
    store.go.set()
    found = Explaining(store, counts, Taint())

    async def story() -> None:
        monkeypatch.setattr(explaining, "_SOON_SECONDS", 0.05)
        found.start_soon("pp1-soon", IDENTITY, stored=True)
        found.had_entries = False
        found.start_soon("pp1-nothing-to-compare-with", IDENTITY, stored=True, serves_own=False)
        assert counts.missed == {}
        for _ in range(100):
            await asyncio.sleep(0.02)
            if counts.missed:
                break
        assert list(counts.missed) == ["pp1-soon"]
        monkeypatch.setattr(explaining, "_SOON_SECONDS", 60)
        found.start_soon("pp1-at-the-end", IDENTITY, stored=False)

    asyncio.run(story())
    found.close()
    assert {key: miss.line for key, miss in counts.missed.items()} == {
        "pp1-soon": "Nothing was recorded for h",  # it is now
        "pp1-at-the-end": "Nothing is recorded for h. Record it: run again with PROVIDER_PROXY_CACHE_MODE=read-old-write-new",
    }
    assert found.start("pp1-later", IDENTITY) is None


def test_a_miss_that_the_report_has_no_room_for_is_only_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that records much is not slowed by explanations that nobody sees; those of a test are made."""
    monkeypatch.setattr(counting, "_MOST_MISSED", 2)
    store, counts = SlowStore(), RunCounts("r", "read-write")
    store.go.set()
    found = Explaining(store, counts, Taint())

    async def work() -> Verdict:
        for number in (1, 2):
            found.start_soon(f"pp1-{number}", IDENTITY, stored=True)
            found._start_now()
            await asyncio.wrap_future(found._thread.submit(lambda: None))
        found.start_soon("pp1-3", IDENTITY, stored=True)
        found.start_soon("pp1-2", IDENTITY, stored=True)
        verdict = counts.verdict("", "tests/test_a.py::test_b", 1)
        assert verdict is not None
        found.start_soon("pp1-4", IDENTITY, stored=True, verdict=verdict)
        return verdict

    verdict = asyncio.run(work())
    found.close()
    assert list(counts.missed) == ["pp1-1", "pp1-2"]
    assert counts.missed["pp1-2"].times == 2
    assert counts.unexplained == 2
    assert [bool(miss.line) for miss in verdict.misses] == [True]

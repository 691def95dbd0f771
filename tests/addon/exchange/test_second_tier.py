"""A second tier behind the wire: it never holds up a request."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Iterator

import pytest

from addon.accounting.counts import RunCounts
from addon.exchange import store_access
from addon.exchange.store_access import StoreAccess
from addon.judging.reasons import NotStored
from cache_store.entry import Entry
from cache_store.errors import StoreUnavailable
from cache_store.tiers.memory_store import MemoryStore
from cache_store.tiers.tiered_store import TieredStore


def _entry(key: str = "pp1-a", recorded_at: float = 1000.0, body: bytes = b"x") -> Entry:
    return Entry(key, 200, "OK", (), body, recorded_at, 0.1, "run")


class _Far(MemoryStore):
    """A far tier that hangs while `hang` is set, or refuses."""

    def __init__(self) -> None:
        super().__init__()
        self.go = threading.Event()
        self.go.set()
        self.refuses = False

    def _wait(self) -> None:
        if self.refuses:
            raise StoreUnavailable("no")
        self.go.wait(10)

    def get(self, key: str) -> Entry | None:
        self._wait()
        return super().get(key)

    def put(self, entry: Entry, began_at: float | None = None) -> bool:
        self._wait()
        return super().put(entry, began_at)

    def remove(self, key: str) -> bool:
        self._wait()
        return super().remove(key)


@pytest.fixture
def far() -> Iterator[_Far]:
    """The far tier; nothing hangs after the test."""
    tier = _Far()
    yield tier
    tier.go.set()
    tier.close()


@pytest.fixture
def near() -> Iterator[MemoryStore]:
    """The near tier."""
    with contextlib.closing(MemoryStore()) as store:
        yield store


@pytest.fixture
def counts() -> RunCounts:
    """The run's counts."""
    return RunCounts(run="run", mode="read-write")


@pytest.fixture
def access(near: MemoryStore, far: _Far, counts: RunCounts) -> Iterator[StoreAccess]:
    """Access to both."""
    opened = StoreAccess(TieredStore(near, far), counts)
    yield opened
    far.go.set()
    opened.close()


def test_what_the_far_tier_has_is_found(access: StoreAccess, near: MemoryStore, far: _Far) -> None:
    """A near miss is a far hit, which comes near."""
    far.put(_entry())
    assert asyncio.run(access.find("pp1-a")) == _entry()
    assert near.get("pp1-a") == _entry()
    assert asyncio.run(access.find("pp1-b")) is None


def test_others_go_on_while_the_far_tier_hangs(access: StoreAccess, near: MemoryStore, far: _Far) -> None:
    """A near hit answers at once, however many requests wait for the far tier, and those wait 0.5 s at most."""
    near.put(_entry("pp1-near"))
    far.go.clear()

    async def story() -> float:
        started = time.monotonic()
        waiting = [asyncio.create_task(access.find(f"pp1-{number}")) for number in range(50)]
        await asyncio.sleep(0)
        assert await access.find("pp1-near") is not None
        assert not any(task.done() for task in waiting)
        assert await asyncio.gather(*waiting) == [None] * 50
        return time.monotonic() - started

    assert (
        asyncio.run(story()) < 20 * store_access._FAR_SECONDS
    )  # one after the other they would wait 50 times


def test_a_hanging_far_tier_is_soon_left_alone(access: StoreAccess, far: _Far, counts: RunCounts) -> None:
    """After one call that was given up, nobody waits; the report counts what failed."""
    far.go.clear()

    async def story() -> float:
        assert await access.put(lambda: _entry("pp1-0"), 0.0) is None
        started = time.monotonic()
        assert await access.put(lambda: _entry("pp1-3"), 0.0) is None
        assert await access.find("pp1-4") is None
        return time.monotonic() - started

    assert asyncio.run(story()) < store_access._FAR_SECONDS
    assert counts.cache_faults["second tier write"] == 1
    tiers = access.tiers()
    assert tiers is not None
    assert tiers["healthy"] is False


def test_a_write_is_in_the_near_tier_whatever_the_far_one_does(
    access: StoreAccess, near: MemoryStore, far: _Far, counts: RunCounts
) -> None:
    """Writes to the far tier are best effort, and counted where they fail."""
    far.refuses = True
    assert asyncio.run(access.put(_entry, 0.0)) is None
    assert near.get("pp1-a") == _entry()
    assert counts.cache_faults == {"second tier write": 1}
    far.refuses = False
    assert asyncio.run(access.put(lambda: _entry("pp1-b"), 0.0)) is None
    assert far.get("pp1-b") == _entry("pp1-b")


def test_what_is_not_stored_near_is_not_stored_far(access: StoreAccess, near: MemoryStore, far: _Far) -> None:
    """Only an entry that the near tier has stored reaches the far one."""
    near.put(_entry(recorded_at=2000.0))
    assert asyncio.run(access.put(lambda: _entry(body=b"old"), 1500.0)) is NotStored.NEWER_ENTRY
    assert asyncio.run(access.put(lambda: NotStored.SECRET, 1500.0)) is NotStored.SECRET
    assert far.stats().entries == 0


def test_what_is_removed_does_not_come_back(access: StoreAccess, far: _Far, counts: RunCounts) -> None:
    """A removal reaches both tiers; where the far one fails, its entry is not served again in this run."""
    asyncio.run(access.put(_entry, 0.0))
    asyncio.run(access.remove("pp1-a"))
    assert far.get("pp1-a") is None
    asyncio.run(access.put(_entry, 0.0))
    far.refuses = True
    asyncio.run(access.remove("pp1-a"))
    assert counts.cache_faults["second tier remove"] == 1
    far.refuses = False
    assert far.get("pp1-a") is not None
    assert asyncio.run(access.find("pp1-a")) is None


def test_what_another_request_stores_meanwhile_is_found(
    access: StoreAccess, near: MemoryStore, far: _Far
) -> None:
    """Who waited for the far tier in vain looks near once more."""
    far.go.clear()

    async def story() -> Entry | None:
        waiting = asyncio.create_task(access.find("pp1-a"))
        await asyncio.sleep(0.05)
        near.put(_entry())
        far.go.set()
        return await waiting

    assert asyncio.run(story()) == _entry()


def test_without_a_second_tier_there_is_no_state(near: MemoryStore, counts: RunCounts) -> None:
    """One tier has nothing to tell, and a look-up is the tier's own."""
    access = StoreAccess(near, counts)
    near.put(_entry())
    assert access.tiers() is None
    assert asyncio.run(access.find("pp1-a")) == _entry()
    access.close()

"""The store as the wire uses it."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from addon.accounting.counts import RunCounts
from addon.exchange.store_access import StoreAccess
from addon.judging.reasons import NotStored
from addon.policy.variants import key_of_test
from cache_store.disk.disk_store import DiskStore
from cache_store.entry import Entry
from cache_store.errors import (
    CorruptEntry,
    ForeignStore,
    ProviderProxyError,
    StoreError,
    StoreUnavailable,
    UnknownSchema,
    UsageError,
)
from cache_store.tiers.memory_store import MemoryStore

ENTRY = Entry("pp1-a", 200, "OK", (), b"body", 1000.0, 0.1, "run")


class _Broken(MemoryStore):
    """Fails as it is told to, and remembers the threads that it was called in."""

    def __init__(self, error: Exception | None = None) -> None:
        super().__init__()
        self.error = error
        self.threads: list[str] = []
        self.closed = 0

    def _called(self) -> None:
        self.threads.append(threading.current_thread().name)
        if self.error is not None:
            raise self.error

    def get(self, key: str) -> Entry | None:
        self._called()
        return super().get(key)

    def put(self, entry: Entry, began_at: float | None = None) -> bool:
        self._called()
        return super().put(entry, began_at)

    def remove(self, key: str) -> bool:
        self._called()
        return super().remove(key)

    def close(self) -> None:
        self.closed += 1
        super().close()


@pytest.fixture
def counts() -> RunCounts:
    """The counts of a run."""
    return RunCounts(run="run", mode="read-write")


def _access(store: MemoryStore, counts: RunCounts) -> Iterator[StoreAccess]:
    access = StoreAccess(store, counts)
    yield access
    access.close()


@pytest.fixture
def store() -> _Broken:
    """A store that works until it is told otherwise."""
    return _Broken()


@pytest.fixture
def access(store: _Broken, counts: RunCounts) -> Iterator[StoreAccess]:
    """Access to it."""
    yield from _access(store, counts)


def _put(
    access: StoreAccess, make: Callable[[], Entry | NotStored], began_at: float = 0.0
) -> NotStored | None:
    return asyncio.run(access.put(make, began_at))


def test_what_is_put_is_got(access: StoreAccess, store: _Broken) -> None:
    """Reads are inline, writes in the writer's thread, the making of the entry too."""
    made_in: list[str] = []

    def make() -> Entry:
        made_in.append(threading.current_thread().name)
        return ENTRY

    assert _put(access, make) is None
    assert access.get("pp1-a") == ENTRY
    asyncio.run(access.remove("pp1-a"))
    assert access.get("pp1-a") is None
    here = threading.current_thread().name
    writer = made_in[0]
    assert writer != here
    assert store.threads == [writer, here, writer, here]


def test_what_is_not_made_is_not_stored(access: StoreAccess, store: _Broken) -> None:
    """If no entry is made, the reason is the result, and the store is not asked."""
    assert _put(access, lambda: NotStored.SECRET) is NotStored.SECRET
    assert store.threads == []


def test_a_newer_entry_is_kept(access: StoreAccess, store: _Broken) -> None:
    """The store refuses with a reason of its own, and no fault is counted."""
    now = time.time()
    newer = Entry("pp1-a", 200, "OK", (), b"newer", now - 1, 0.1, "run")
    store.put(newer)
    assert _put(access, lambda: ENTRY, began_at=now - 5) is NotStored.NEWER_ENTRY
    assert access.get("pp1-a") == newer


@pytest.mark.parametrize("error", [CorruptEntry("broken"), UnknownSchema("new")])
def test_an_entry_that_cannot_be_used_is_a_miss(
    access: StoreAccess, store: _Broken, counts: RunCounts, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    """It is counted once and logged in one line."""
    store.error = error
    with caplog.at_level(logging.WARNING):
        assert access.get("pp1-a") is None
    assert counts.cache_faults == {"unusable entry": 1}
    assert [record.getMessage() for record in caplog.records] == [f"cache unusable entry failed: {error}"]


@pytest.mark.parametrize(
    "error",
    [StoreUnavailable("locked"), ForeignStore("foreign"), UsageError("no such place"), StoreError("x")],
)
def test_a_store_that_cannot_be_read_is_a_store_error(
    access: StoreAccess, store: _Broken, counts: RunCounts, error: Exception
) -> None:
    """Whatever ails the store, a lookup raises StoreError alone, so that the mode can decide."""
    store.error = error
    with pytest.raises(StoreError, match=str(error)):
        access.get("pp1-a")
    assert counts.cache_faults == {"read": 1}


@pytest.mark.parametrize("error", [StoreUnavailable("full"), ForeignStore("foreign"), UsageError("gone")])
def test_a_store_that_cannot_be_written_is_counted(
    access: StoreAccess, store: _Broken, counts: RunCounts, error: ProviderProxyError
) -> None:
    """Nothing is raised: the answer is not stored, and what was to be removed stays."""
    store.error = error
    assert _put(access, lambda: ENTRY) is NotStored.STORE_FAILED
    asyncio.run(access.remove("pp1-a"))
    assert counts.cache_faults == {"write": 1, "remove": 1}
    store.error = None
    assert _put(access, lambda: ENTRY) is None


def test_writes_happen_in_order(access: StoreAccess) -> None:
    """Two writes at once are done one after the other, as they were asked for."""
    order: list[int] = []

    def make(n: int) -> Callable[[], Entry]:
        def work() -> Entry:
            time.sleep(0.02 * (3 - n))
            order.append(n)
            return ENTRY

        return work

    async def story() -> None:
        await asyncio.gather(*(access.put(make(n), 0.0) for n in range(3)))

    asyncio.run(story())
    assert order == [0, 1, 2]


def test_writes_do_not_wait_for_a_lock_one_after_the_other(
    access: StoreAccess, store: _Broken, counts: RunCounts
) -> None:
    """Those that queued while one waited for nothing fail with it, each counted; the next is tried."""
    tried = 0

    def locked() -> Entry:
        nonlocal tried
        tried += 1
        time.sleep(0.6)
        raise StoreUnavailable("locked")

    async def story() -> None:
        puts = [access.put(locked, 0.0) for _ in range(4)]
        assert await asyncio.gather(*puts, access.remove("pp1-a")) == [NotStored.STORE_FAILED] * 4 + [None]

    asyncio.run(story())
    assert (tried, store.threads) == (1, [])
    assert counts.cache_faults == {"write": 4, "remove": 1}
    assert _put(access, lambda: ENTRY) is None


def test_a_write_that_fails_at_once_says_nothing_of_others(access: StoreAccess) -> None:
    """Behind a write that failed without waiting (a full disk, a file that is too long) the others are tried."""

    def full() -> Entry:
        raise StoreUnavailable("full")

    async def story() -> None:
        found = await asyncio.gather(access.put(full, 0.0), access.put(lambda: ENTRY, 0.0))
        assert found == [NotStored.STORE_FAILED, None]

    asyncio.run(story())


def test_a_slow_write_does_not_hold_the_loop(access: StoreAccess) -> None:
    """While the writer works, other requests go on."""
    release = threading.Event()

    def make() -> Entry:
        assert release.wait(5)
        return ENTRY

    async def story() -> None:
        writing = asyncio.create_task(access.put(make, 0.0))
        for _ in range(5):
            await asyncio.sleep(0.01)
            assert not writing.done()
        release.set()
        assert await writing is None

    asyncio.run(story())


def test_closing_finishes_the_writes(tmp_path: Path, counts: RunCounts) -> None:
    """What was asked for before `close` is on disk after it."""
    access = StoreAccess(DiskStore(tmp_path / "cache"), counts)

    async def story() -> None:
        def make() -> Entry:
            time.sleep(0.1)
            return ENTRY

        writing = asyncio.create_task(access.put(make, 0.0))
        await asyncio.sleep(0.02)
        await asyncio.to_thread(access.close)
        assert await writing is None

    asyncio.run(story())
    store = DiskStore(tmp_path / "cache")
    assert store.get("pp1-a") == ENTRY
    store.close()


def test_a_closed_store_is_not_read(counts: RunCounts) -> None:
    """A request that waited when the proxy stopped does not open the cache again."""
    store = _Broken()
    access = StoreAccess(store, counts)
    access.close()
    with pytest.raises(StoreUnavailable, match="stopping"):
        access.get("pp1-a")
    assert store.threads == []


def test_closing_closes_the_store(counts: RunCounts) -> None:
    """In each writing thread and here: every thread has connections of its own."""
    store = _Broken()
    StoreAccess(store, counts).close()
    assert store.closed == 5


async def test_a_long_entry_is_read_in_a_thread(tmp_path: Path, counts: RunCounts) -> None:
    """The event loop reads short ones only; a long one is not at hand, and is found."""
    long = replace(ENTRY, key="pp1-long", body=bytes(2**20 + 1))
    store = _NotingReads(tmp_path / "cache")
    store.put(ENTRY)
    store.put(long)
    access = StoreAccess(store, counts)
    assert access.at_hand("pp1-a") == ENTRY
    assert access.at_hand("pp1-long") is None
    assert await access.find("pp1-a") == ENTRY
    assert store.readers == []
    assert await access.find("pp1-long") == long
    assert store.readers == ["cache-reader_0"]
    assert await access.find("pp1-none") is None
    access.close()


class _NotingReads(DiskStore):
    """Notes which threads read whole entries."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.readers: list[str] = []

    def get(self, key: str) -> Entry | None:
        self.readers.append(threading.current_thread().name)
        return super().get(key)


def test_the_keys_of_a_test(access: StoreAccess, store: _Broken) -> None:
    """Its own recordings only, also the later ones of equal requests."""
    own = [key_of_test("pp2-a", "test_a"), key_of_test("pp2-b", "test_a") + ".2"]
    for key in (*own, "pp2-a", key_of_test("pp2-a", "test_b")):
        store.put(replace(ENTRY, key=key))
    assert sorted(access.keys_of_test("test_a")) == sorted(own)

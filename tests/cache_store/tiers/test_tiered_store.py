"""Two tiers as one store."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cache_store.disk.disk_store import DiskStore
from cache_store.entry import Entry
from cache_store.errors import CorruptEntry, StoreUnavailable
from cache_store.tiers.memory_store import MemoryStore
from cache_store.tiers.tiered_store import TieredStore


def _entry(key: str = "pp1-a", recorded_at: float = 1000.0, body: bytes = b"x", run: str = "run") -> Entry:
    return Entry(key, 200, "OK", (), body, recorded_at, 0.1, run)


class _Far(MemoryStore):
    """A far tier that fails when told to, and counts what it is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.failing: set[str] = set()
        self.asked: list[str] = []
        self.corrupt = False

    def __str__(self) -> str:
        return "far"

    def _ask(self, what: str) -> None:
        self.asked.append(what)
        if what in self.failing:
            raise StoreUnavailable(f"{what} fails")

    def get(self, key: str) -> Entry | None:
        self._ask("get")
        if self.corrupt:
            raise CorruptEntry("damaged")
        return super().get(key)

    def put(self, entry: Entry, began_at: float | None = None) -> bool:
        self._ask("put")
        return super().put(entry, began_at)

    def remove(self, key: str) -> bool:
        self._ask("remove")
        return super().remove(key)

    def clear(self) -> int:
        self._ask("clear")
        return super().clear()


@pytest.fixture
def far() -> Iterator[_Far]:
    """The far tier."""
    with contextlib.closing(_Far()) as store:
        yield store


@pytest.fixture
def near() -> Iterator[MemoryStore]:
    """The near tier."""
    with contextlib.closing(MemoryStore()) as store:
        yield store


@pytest.fixture
def store(near: MemoryStore, far: _Far) -> TieredStore:
    """Both."""
    return TieredStore(near, far)


def test_a_put_reaches_both_tiers(store: TieredStore, near: MemoryStore, far: _Far) -> None:
    """What is stored is in both tiers, and is got from the near one alone."""
    assert store.put(_entry())
    assert near.get("pp1-a") == far.get("pp1-a") == _entry()
    far.asked.clear()
    assert store.get("pp1-a") == _entry()
    assert far.asked == []


def test_a_hit_in_the_far_tier_fills_the_near_one(store: TieredStore, near: MemoryStore, far: _Far) -> None:
    """The entry keeps its original time of recording and its run, and is not fetched twice."""
    far.put(_entry(recorded_at=1234.5, run="another"))
    assert store.get("pp1-a") == _entry(recorded_at=1234.5, run="another")
    assert near.get("pp1-a") == _entry(recorded_at=1234.5, run="another")
    far.asked.clear()
    store.get("pp1-a")
    assert far.asked == []


def test_a_failing_read_is_a_miss(store: TieredStore, far: _Far) -> None:
    """Neither a far tier that fails nor a damaged entry in it fails a `get`."""
    far.failing = {"get"}
    assert store.get("pp1-a") is None
    far.failing, far.corrupt = set(), True
    assert store.get("pp1-a") is None


def test_three_failing_writes_mark_it_unhealthy(store: TieredStore, far: _Far) -> None:
    """Writes are best effort; after three failures in a row nothing is written, and reads go on."""
    far.failing = {"put"}
    for number in range(3):
        assert store.health.healthy
        assert store.put(_entry(f"pp1-{number}"))
    assert store.state() == {"second": "far", "healthy": False, "blocked": False, "waiting": 3}
    far.asked.clear()
    assert store.put(_entry("pp1-4"))
    assert store.get("pp1-5") is None
    assert far.asked == ["get"]


def test_one_success_marks_it_healthy(store: TieredStore, far: _Far, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the pause one call tries, and its success brings the tier back."""
    far.failing = {"put"}
    for number in range(3):
        store.put(_entry(f"pp1-{number}"))
    far.failing = set()
    later = time.monotonic() + 5.1
    monkeypatch.setattr(time, "monotonic", lambda: later)
    store.put(_entry("pp1-4"))
    assert store.health.healthy
    assert far.get("pp1-4") is not None


def test_an_outage_loses_no_entry(store: TieredStore, near: MemoryStore, far: _Far) -> None:
    """What was recorded meanwhile reaches the far tier later, at the latest at the end, unless it was removed."""
    far.failing = {"put"}
    for number in range(20):
        store.put(_entry(f"pp1-{number}"))
    assert store.state()["waiting"] == 20
    with contextlib.suppress(StoreUnavailable):
        store.remove("pp1-7")
    near.remove("pp1-8")
    far.failing = set()
    store.close()
    assert set(far.keys()) == {f"pp1-{n}" for n in range(20)} - {"pp1-7", "pp1-8"}
    assert store.state()["waiting"] == 0


def test_a_newer_near_entry_keeps_both_tiers(store: TieredStore, near: MemoryStore, far: _Far) -> None:
    """A slow old request reaches neither tier."""
    near.put(_entry(recorded_at=2000.0))
    assert not store.put(_entry(body=b"old"), began_at=1500.0)
    assert far.asked == []


def test_a_far_entry_past_its_age_is_a_miss(near: MemoryStore, far: _Far) -> None:
    """An entry that is too old is not brought near."""
    store = TieredStore(near, far, max_age=60.0)
    far.put(_entry(recorded_at=time.time() - 61))
    assert store.get("pp1-a") is None
    assert near.get("pp1-a") is None
    far.put(_entry(recorded_at=time.time() - 50))
    assert store.get("pp1-a") is not None


def test_a_near_entry_past_its_age_gives_way_to_a_newer_far_one(near: MemoryStore, far: _Far) -> None:
    """Another machine may have recorded it anew."""
    store = TieredStore(near, far, max_age=60.0)
    near.put(_entry(recorded_at=time.time() - 61))
    new = _entry(recorded_at=time.time() - 1, body=b"new")
    far.put(new)
    assert store.get("pp1-a") == new
    assert near.get("pp1-a") == new


@pytest.mark.parametrize("kind", ["disk", "memory"])
def test_a_far_entry_of_the_future_ages_from_when_it_came_near(
    tmp_path: Path, far: _Far, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Its date is another machine's clock: reading it again and again does not keep it young. A newer one does."""
    now = [time.time()]
    near = DiskStore(tmp_path) if kind == "disk" else MemoryStore(max_age=60.0)
    store = TieredStore(near, far, max_age=60.0)
    monkeypatch.setattr(time, "time", lambda: now[0])
    future = _entry(recorded_at=now[0] + 86_400.0)
    far.put(future)
    assert store.far_get("pp1-a") == future
    now[0] += 59.0
    assert store.far_get("pp1-a") == near.get("pp1-a") == future
    now[0] += 2.0
    assert store.far_get("pp1-a") is None
    kept = near.get("pp1-a")
    assert kept is None or not store.is_fresh(kept)
    newer = replace(future, recorded_at=now[0] + 86_400.0, body=b"greater", edited=True)
    far.put(newer)
    assert store.far_get("pp1-a") == newer
    near.close()


def test_a_removal_reaches_both_tiers(store: TieredStore, near: MemoryStore, far: _Far) -> None:
    """What is removed is gone from both."""
    store.put(_entry())
    assert store.remove("pp1-a")
    assert near.get("pp1-a") is None
    assert far.get("pp1-a") is None
    assert not store.remove("pp1-a")


def test_a_removal_that_fails_is_raised_and_nothing_comes_back(store: TieredStore, far: _Far) -> None:
    """What the far tier still has is not served until it was removed or recorded anew."""
    store.put(_entry())
    store.put(_entry("pp1-b"))
    far.failing = {"remove"}
    with pytest.raises(StoreUnavailable):
        store.remove("pp1-a")
    assert store.get("pp1-a") is None
    assert store.get("pp1-b") is not None
    far.failing = set()
    store.put(_entry(body=b"new"))
    store.near.remove("pp1-a")
    assert store.get("pp1-a") == _entry(body=b"new")


def test_what_is_removed_while_it_is_read_does_not_come_back(
    store: TieredStore, near: MemoryStore, far: _Far, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fill that a removal overtook is dropped."""
    far.put(_entry())
    plain = far.get

    def slow(key: str) -> Entry | None:
        entry = plain(key)
        store.remove(key)
        return entry

    monkeypatch.setattr(far, "get", slow)
    assert store.get("pp1-a") is None
    assert near.get("pp1-a") is None


def test_what_is_recorded_while_it_is_read_stays(
    store: TieredStore, near: MemoryStore, far: _Far, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fill never replaces a newer recording."""
    far.put(_entry())
    plain = far.get

    def slow(key: str) -> Entry | None:
        entry = plain(key)
        near.put(_entry(recorded_at=2000.0, body=b"new"))
        return entry

    monkeypatch.setattr(far, "get", slow)
    store.get("pp1-a")
    assert near.get("pp1-a") == _entry(recorded_at=2000.0, body=b"new")


def test_what_comes_too_late_changes_nothing(store: TieredStore, near: MemoryStore, far: _Far) -> None:
    """Past the time for which its caller waits, an answer is dropped and says nothing about health."""
    far.put(_entry())
    assert store.far_get("pp1-a", until=time.monotonic() - 1) is None
    assert near.get("pp1-a") is None
    far.failing = {"put"}
    for _ in range(5):
        with pytest.raises(StoreUnavailable):
            store.far_put(_entry(), until=time.monotonic() - 1)
    assert store.health.healthy


def test_clear_empties_both_tiers(store: TieredStore, far: _Far) -> None:
    """After a clear nothing is served, and the far tier is asked again."""
    store.put(_entry())
    assert store.clear() == 1
    assert store.get("pp1-a") is None
    assert far.stats().entries == 0
    far.put(_entry())
    assert store.get("pp1-a") == _entry()


@pytest.mark.parametrize("on_disk", [True, False])
def test_a_failed_clear_blocks_reads_until_one_succeeds(tmp_path: Path, far: _Far, on_disk: bool) -> None:
    """The error is raised, the near tier is empty, and the far tier is not read before a clear succeeds."""
    near = DiskStore(tmp_path / "cache") if on_disk else MemoryStore()
    store = TieredStore(near, far, folder=tmp_path / "cache" if on_disk else None)
    near.open()
    store.put(_entry())
    far.failing = {"clear"}
    with pytest.raises(StoreUnavailable):
        store.clear()
    assert store.stats().entries == 0
    assert store.get("pp1-a") is None
    assert store.state()["blocked"] is True
    far.failing = set()
    store.clear()
    far.put(_entry())
    assert store.get("pp1-a") == _entry()
    store.close()


def test_the_block_holds_in_other_processes(tmp_path: Path, far: _Far) -> None:
    """A second store over the same directory does not read what the first could not clear."""
    folder = tmp_path / "cache"
    first, second = (TieredStore(DiskStore(folder), far, folder=folder) for _ in range(2))
    first.open()
    first.put(_entry())
    far.failing = {"clear"}
    with pytest.raises(StoreUnavailable):
        first.clear()
    assert (folder / "second-tier-blocked").exists()
    assert second.get("pp1-a") is None
    far.failing = set()
    first.clear()
    far.put(_entry())
    assert second.get("pp1-a") == _entry()
    first.close()
    second.close()


def test_only_the_near_tier_is_listed(store: TieredStore, far: _Far) -> None:
    """Keys, entries and sizes are those of this machine."""
    store.put(_entry())
    far.put(_entry("pp1-b"))
    assert list(store.keys()) == ["pp1-a"]
    assert list(store.iterate()) == [_entry()]
    assert store.stats().entries == 1


def test_a_slow_far_tier_is_left_alone(near: MemoryStore, far: _Far, monkeypatch: pytest.MonkeyPatch) -> None:
    """One slow answer is used, and then neither reads nor writes wait for it."""
    store = TieredStore(near, far)
    far.put(_entry())
    clock = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    answer = far.get

    def slowly(key: str) -> Entry | None:
        clock[0] += 0.4
        return answer(key)

    monkeypatch.setattr(far, "get", slowly)
    assert store.get("pp1-a") == _entry()
    far.asked.clear()
    assert store.get("pp1-b") is None
    assert store.put(_entry("pp1-c"))
    assert far.asked == []


def test_an_entry_from_elsewhere_is_checked(near: MemoryStore, far: _Far) -> None:
    """What is not admitted is a miss and reaches no tier here; what is, as it may be stored."""

    def admit(entry: Entry) -> Entry:
        if entry.body == b"poison":
            raise CorruptEntry("its key does not match")
        return replace(entry, headers=())

    store = TieredStore(near, far, admit=admit)
    far.put(_entry(body=b"poison"))
    far.put(replace(_entry("pp1-b"), headers=((b"set-cookie", b"s"),)))
    with pytest.raises(CorruptEntry):
        store.far_get("pp1-a")
    assert store.get("pp1-a") is None
    assert near.get("pp1-a") is None
    assert store.get("pp1-b") == _entry("pp1-b") == near.get("pp1-b")


def test_opening_waits_for_a_far_tier_only_if_it_is_needed(near: MemoryStore, far: _Far) -> None:
    """Otherwise it is tried in the background, and its health is known soon."""
    tried = threading.Event()

    def unreachable() -> None:
        tried.set()
        raise StoreUnavailable("it cannot be reached")

    far.open = unreachable  # type: ignore[method-assign]
    with pytest.raises(StoreUnavailable):
        TieredStore(near, far, needs_far=True).open()
    tried.clear()
    TieredStore(near, far).open()
    assert tried.wait(30)


def test_an_entry_that_was_set_aside_here_does_not_come_back_from_the_far_tier(
    far: _Far, tmp_path: Path
) -> None:
    """Other machines still have it, and nothing is removed there; a later recording of theirs is served."""
    with contextlib.closing(DiskStore(tmp_path / "cache")) as disk:
        tiers = TieredStore(disk, far)
        disk.open()
        tiers.put(_entry())
        disk.set_aside(["pp1-a"], "the provider no longer knows it")
        assert tiers.get("pp1-a") is None
        assert far.asked == ["put", "get"]
        far.put(_entry(recorded_at=1001.0))
        found = tiers.get("pp1-a")
        assert found is not None
        assert found.recorded_at == 1001.0

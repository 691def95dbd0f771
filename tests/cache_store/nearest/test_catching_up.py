"""The index is brought in line with its store in the background, and nobody waits for it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cache_store.disk.disk_store import DiskStore
from cache_store.entry import Entry
from cache_store.errors import CorruptEntry, StoreUnavailable
from cache_store.nearest.catching_up import CatchUp
from cache_store.nearest.nearest_index import INDEX, NearestIndex
from cache_store.nearest.sketch import sketch
from cache_store.store import StoreStats

LABEL = {"method": "POST", "host": "h.example", "path": "/v1/chat", "model": "m"}
WAIT = 60  # seconds, on a machine that is busy


def entry(number: int) -> Entry:
    """An entry whose request asks something of its own."""
    value = {"model": "m", "messages": [{"role": "user", "content": f"the question number {number}"}]}
    request = json.dumps({"path": "/v1/chat", "body": {"kind": "json", "value": value}}).encode()
    return Entry(f"pp2-{number:04d}", 200, "OK", (), b"{}", 1.0, 1.0, "r", LABEL, "", request)


class Held:
    """A store of numbered entries. `on_head` is called before each is read."""

    def __init__(self, count: int, on_head: Callable[[str], None] = lambda _: None) -> None:
        self.entries = {each.key: each for each in map(entry, range(count))}
        self._on_head = on_head

    def keys_after(self, key: str, limit: int) -> list[str]:
        """The next keys."""
        return sorted(each for each in self.entries if each > key)[:limit]

    def head(self, key: str) -> Entry | None:
        """One of them."""
        self._on_head(key)
        return self.entries.get(key)

    def stats(self) -> StoreStats:
        """How many they are."""
        return StoreStats(len(self.entries), 0)


@pytest.fixture
def index(tmp_path: Path) -> Iterator[NearestIndex]:
    """An empty index on disk."""
    index = NearestIndex(tmp_path)
    yield index
    index.close()


def keys_of(index: NearestIndex) -> list[str]:
    """Every key in it."""
    return index.keys_after("", 10_000)


def test_both_ends_up_the_same_over_many_pages(index: NearestIndex) -> None:
    """Keys that only the store has are added, keys that only the index has are removed, on every page."""
    store = Held(1203)
    index.add(*(entry(number) for number in range(2, 2403, 2)))  # every other one, and many that are gone
    CatchUp(index, store).wait(WAIT)
    assert keys_of(index) == sorted(store.entries)


def test_an_entry_that_cannot_be_read_is_not_looked_at_again(index: NearestIndex) -> None:
    """It counts as indexed, is proposed to nobody, and the next process has nothing to do."""

    def damaged(key: str) -> None:
        read.append(key)
        if key == "pp2-0001":
            raise CorruptEntry("its checksum is wrong")

    read: list[str] = []
    store = Held(3, damaged)
    CatchUp(index, store).wait(WAIT)
    assert len(read) == index.count() == 3
    assert "pp2-0001" not in index.nearest(sketch(LABEL, entry(1).request_json), 10)
    CatchUp(index, store).wait(WAIT)
    assert len(read) == 3


def test_it_ends_between_two_steps(index: NearestIndex) -> None:
    """Stopping does not wait for the whole; what was added by then stays, and another process adds the rest."""
    reading, go_on = threading.Event(), threading.Event()

    def first(key: str) -> None:
        reading.set()
        go_on.wait(WAIT)

    store = Held(400, first)
    work = CatchUp(index, store)
    work.start()
    assert reading.wait(WAIT)
    work.stop(wait=False)
    go_on.set()
    work.wait(WAIT)
    assert 0 < index.count() < 400
    work.start()  # too late
    CatchUp(index, store).wait(WAIT)
    assert index.count() == 400


def test_an_index_in_memory_is_bounded() -> None:
    """No more entries than allowed are taken in."""
    index = NearestIndex(None)
    CatchUp(index, Held(300), most=70).wait(WAIT)
    assert index.count() == 70
    index.close()


def test_a_store_that_fails_ends_it_quietly(index: NearestIndex) -> None:
    """A locked database is no reason for a traceback in a thread."""

    def locked(key: str) -> None:
        raise StoreUnavailable("the cache is locked by another process")

    CatchUp(index, Held(3, locked)).wait(WAIT)
    assert index.count() == 0


def test_a_question_waits_for_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the index lacks entries that cannot be read at present, a question is answered and the store closes."""
    store = DiskStore(tmp_path)
    store.put_newer([entry(1), entry(2)])
    store.close()
    for path in tmp_path.glob(f"{INDEX}*"):
        path.unlink()
    go_on = threading.Event()
    monkeypatch.setattr(DiskStore, "head", lambda *_: go_on.wait(WAIT) and None)
    assert store.nearest(sketch(LABEL, entry(1).request_json)) == []
    assert not go_on.is_set()
    store.close()
    go_on.set()


def test_what_is_merged_is_indexed_at_once(tmp_path: Path) -> None:
    """After `pull` or `import`, the first miss is explained; nothing is left to do in the background."""
    store = DiskStore(tmp_path)
    store.put_newer(entry(number) for number in range(300))
    index = NearestIndex(tmp_path)
    assert index.count() == 300
    assert store.nearest(sketch(LABEL, entry(123).request_json))[0] == "pp2-0123"
    index.close()
    store.close()

"""The index of requests: kept up with puts and removes, harmless whatever a directory brings along."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from cache_store.disk.disk_store import DiskStore
from cache_store.entry import Entry
from cache_store.nearest.nearest_index import INDEX, NearestIndex
from cache_store.nearest.sketch import Sketch, sketch
from cache_store.tiers.memory_store import MemoryStore

LABEL = {"method": "POST", "host": "h.example", "path": "/v1/chat", "model": "m"}


def saved(*texts: str, **more: object) -> bytes:
    """A saved request with a conversation."""
    value = {"model": "m", "messages": [{"role": "user", "content": text} for text in texts]} | more
    return json.dumps({"path": "/v1/chat", "body": {"kind": "json", "value": value}}).encode()


def entry(key: str, *texts: str, **label: str) -> Entry:
    """An entry whose request is that."""
    return Entry(key, 200, "OK", (), b"{}", 1.0, 1.0, "r", LABEL | label, "", saved(*texts))


def wanted(*texts: str) -> Sketch:
    """What is looked for."""
    return sketch(LABEL, saved(*texts))


@pytest.fixture(params=["disk", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DiskStore | MemoryStore]:
    """A store with an index."""
    store = DiskStore(tmp_path / "cache") if request.param == "disk" else MemoryStore(max_entries=3)
    store.open()
    yield store
    store.close()


def test_puts_and_removes_keep_it_up(store: DiskStore | MemoryStore) -> None:
    """What is stored is found, what is removed is not, and what is stored again is found again."""
    store.put(entry("pp1-a", "the weather in one town", "and more"))
    store.put(entry("pp1-b", "something else altogether here"))
    assert store.nearest(wanted("the weather in one town", "and less"))[0] == "pp1-a"
    assert store.endpoints_of("h.example") == [("POST /v1/chat", 2)]
    store.remove("pp1-a")
    assert store.nearest(wanted("the weather in one town", "and less")) == ["pp1-b"]
    store.put(entry("pp1-a", "the weather in one town", "and more"))
    assert store.nearest(wanted("the weather in one town", "and less"))[0] == "pp1-a"
    store.clear()
    assert store.nearest(wanted("the weather in one town")) == []
    assert store.endpoints_of("h.example") == []


def test_what_memory_lets_go_of_is_not_proposed() -> None:
    """The least recently used entry goes, and its sketch with it."""
    store = MemoryStore(max_entries=2)
    for name in "abc":
        store.put(entry(f"pp1-{name}", f"question {name}"))
    assert sorted(store.nearest(wanted("question a"))) == ["pp1-b", "pp1-c"]


def test_hosts_are_kept_apart(store: DiskStore | MemoryStore) -> None:
    """Equal requests to another host are no candidates."""
    store.put(entry("pp1-a", "a question", host="other.example"))
    assert store.nearest(wanted("a question")) == []


def test_notes_of_the_caches_own_are_no_requests(store: DiskStore | MemoryStore) -> None:
    """An entry without a method is neither proposed nor counted."""
    store.put(entry("pp1-a", "a question", method="-"))
    assert store.nearest(wanted("a question")) == []
    assert store.endpoints_of("h.example") == []


def test_a_lost_index_is_made_again(tmp_path: Path) -> None:
    """Entries that were stored without it are taken in once a question is asked."""
    store = DiskStore(tmp_path)
    for name in "abc":
        store.put(entry(f"pp1-{name}", f"question number {name} of many"))
    store.close()
    for path in tmp_path.glob(f"{INDEX}*"):
        path.unlink()
    store.catch_up(30)
    assert store.nearest(wanted("question number b of many"))[0] == "pp1-b"
    store.close()


def test_an_entry_that_went_unseen_is_taken_out(tmp_path: Path) -> None:
    """A key that the store does not have any more is forgotten."""
    store = DiskStore(tmp_path)
    store.put(entry("pp1-a", "a question"))
    index = NearestIndex(tmp_path)
    index.add(entry("pp1-gone", "a question"))
    index.close()
    store.catch_up(30)
    assert store.nearest(wanted("a question")) == ["pp1-a"]
    store.close()


def foreign_file(path: Path) -> None:
    path.write_bytes(b"not a database" * 100)


def foreign_schema(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE entry (id INTEGER PRIMARY KEY, key TEXT)")
    connection.execute("CREATE TRIGGER t AFTER INSERT ON entry BEGIN DELETE FROM entry; END")
    connection.close()


def link(path: Path) -> None:
    outside = path.parent.parent / "outside.db"
    sqlite3.connect(outside).close()
    outside.write_bytes(b"precious")
    path.symlink_to(outside)


def pipe(path: Path) -> None:
    os.mkfifo(path)


def journal(path: Path) -> None:
    Path(f"{path}-journal").write_bytes(b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7" * 64)


@pytest.mark.parametrize("make", [foreign_file, foreign_schema, link, pipe, journal])
@pytest.mark.timeout(20)
def test_a_foreign_index_is_made_anew(make: object, tmp_path: Path) -> None:
    """Whatever lies there is removed, never followed, and the store works as ever."""
    folder = tmp_path / "cache"
    store = DiskStore(folder)
    store.put(entry("pp1-a", "a question"))
    store.close()
    for path in folder.glob(f"{INDEX}*"):
        path.unlink()
    make(folder / INDEX)  # type: ignore[operator]
    store.put(entry("pp1-b", "another question"))
    store.catch_up(30)
    assert sorted(store.nearest(wanted("a question"))) == ["pp1-a", "pp1-b"]
    assert not Path(f"{folder / INDEX}-journal").exists()
    outside = tmp_path / "outside.db"
    assert not outside.exists() or outside.read_bytes() == b"precious"
    store.close()


def test_foreign_rows_do_no_harm(tmp_path: Path) -> None:
    """Rows of any type and length in our own schema propose nothing that is not text, and raise nothing."""
    index = NearestIndex(tmp_path)
    index.add(entry("pp1-a", "a question"))
    index.close()
    connection = sqlite3.connect(tmp_path / INDEX)
    for number, key in enumerate([b"\xff\xfe", "k" * 100_000, 7.5, "pp1-x"], 100):
        connection.execute(
            "INSERT INTO entry VALUES (?, ?, ?, ?, ?)", (number, key, "h.example", "POST /v1/chat", b"odd")
        )
    connection.execute("UPDATE feature SET entry = 'text' WHERE entry = 1 AND feature % 2")
    connection.commit()
    connection.close()
    assert set(index.nearest(wanted("a question"), 10)) <= {"pp1-a", "pp1-x", "7.5"}
    index.remove("pp1-x")
    index.remove("pp1-a")
    index.close()


def test_a_locked_index_holds_nobody_up(tmp_path: Path) -> None:
    """While another process writes, a put and a question go without it."""
    store = DiskStore(tmp_path)
    store.put(entry("pp1-a", "a question"))
    store.catch_up(30)
    other = sqlite3.connect(tmp_path / INDEX, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    assert store.put(entry("pp1-b", "a question"))
    assert store.nearest(wanted("a question")) in ([], ["pp1-a"])
    other.execute("ROLLBACK")
    other.close()
    store.close()


def test_threads_share_it(tmp_path: Path) -> None:
    """What several threads take in is all found."""
    index = NearestIndex(tmp_path)

    def work(n: int) -> None:
        for i in range(10):
            index.add(entry(f"pp1-{n}-{i}", f"q {n} {i}"))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert index.endpoints_of("h.example") == [("POST /v1/chat", 40)]
    index.close()


def test_what_many_share_is_listed_for_some_only(tmp_path: Path) -> None:
    """A feature of every entry takes a bounded number of rows, so that the index does not grow with what says
    nothing; rare features are still found."""
    index = NearestIndex(tmp_path)
    index.add(*(entry(f"pp1-{n:03d}", "the same beginning", f"question {n}") for n in range(100)))
    index.close()
    connection = sqlite3.connect(tmp_path / INDEX)
    (most,) = connection.execute(
        "SELECT max(n) FROM (SELECT count(*) AS n FROM feature GROUP BY feature)"
    ).fetchone()
    connection.close()
    assert most == 40
    assert index.nearest(wanted("the same beginning", "question 77"))[0] == "pp1-077"
    index.close()


def test_space_is_given_back(tmp_path: Path) -> None:
    """After most entries are removed, the file shrinks; after a few, it stays as it is."""
    store = DiskStore(tmp_path)
    store.put_newer(entry(f"pp1-{n:04d}", f"question {n} of so many") for n in range(2000))
    index = tmp_path / INDEX

    def size() -> int:
        store.close()
        return index.stat().st_size

    full = size()
    assert sum(store.remove_all(f"pp1-{n:04d}" for n in range(100))) == 100
    assert size() >= full
    assert list(store.remove_all([f"pp1-{n:04d}" for n in range(100, 2100)])) == [500, 500, 500, 400]
    assert size() < full / 10
    assert store.stats().entries == 0
    store.close()


def test_an_index_that_cannot_be_written_is_read(tmp_path: Path) -> None:
    """It answers, says that it is fixed, and stays as it is; without one, or with a foreign one, memory serves."""
    index = NearestIndex(tmp_path)
    index.add(entry("pp1-a", "a question"))
    index.close()
    before = (tmp_path / INDEX).read_bytes()
    fixed = NearestIndex(tmp_path, read_only=True)
    assert fixed.is_fixed()
    fixed.add(entry("pp1-b", "another question"))
    fixed.remove("pp1-a")
    assert fixed.nearest(wanted("a question")) == ["pp1-a"]
    fixed.close()
    assert (tmp_path / INDEX).read_bytes() == before
    (tmp_path / INDEX).write_bytes(b"not a database" * 100)
    for folder in (tmp_path, tmp_path / "elsewhere"):
        memory = NearestIndex(folder, read_only=True)
        assert not memory.is_fixed()
        memory.add(entry("pp1-b", "another question"))
        assert memory.nearest(wanted("a question")) == ["pp1-b"]
        memory.close()

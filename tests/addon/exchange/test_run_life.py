"""A run's cache is opened before the first request and closed after the last."""

from __future__ import annotations

from pathlib import Path

from addon.accounting.counts import RunCounts
from addon.exchange.run_life import RunLife, close_holes, old_entries_note
from addon.settings.settings import Settings
from cache_store.disk.disk_store import DiskStore
from cache_store.disk.used_by import read_used_by
from cache_store.entry import Entry
from cache_store.errors import StoreUnavailable
from cache_store.tiers.memory_store import MemoryStore

RUN = "c" * 32


def entry(key: str) -> Entry:
    """An entry."""
    return Entry(key, 200, "OK", (), b"x", 5.0, 1.0, RUN, {"method": "GET", "host": "h", "path": "/"})


def test_what_was_used_is_looked_at_before_it_closes(tmp_path: Path) -> None:
    """Used entries have their digests, and the store is closed."""
    settings = Settings.parse({"cache_dir": str(tmp_path / "cache")})
    life = RunLife(RunCounts(RUN, "read-write"))
    answering = life.open(settings)
    assert life.store is not None
    life.store.finish(lambda store: store.put(entry("pp1-a")) and None)
    life.counts.used["pp1-a"] = 1
    life.close(settings, answering)
    assert [used.key for used in life.end.used] == ["pp1-a"]
    assert life.store is None
    assert life.staged is None


def test_which_tests_ran_and_what_they_used(tmp_path: Path) -> None:
    """A test that did not run to its end is noted with what it used; one that only requests name has no end."""
    settings = Settings.parse({"cache_dir": str(tmp_path / "cache")})
    life = RunLife(RunCounts(RUN, "read-write"))
    answering = life.open(settings)
    for client, test in (("gw0", "whole"), ("gw0", "skipped"), ("", "named by a header")):
        verdict = life.counts.verdict(client, test, 1)
        assert verdict is not None
        verdict.use(f"pp1-{test}", 1)
    life.counts.tests_elsewhere["x"] = {"client": "gw1", "test": "elsewhere", "entries": {"pp1-whole": 2}}
    answering.peer.tests.note_ran("whole")
    life.close(settings, answering)
    assert life.end.ran == {"whole", "named by a header"}
    assert life.end.used_by == {
        "pp1-whole": {"whole", "elsewhere"},
        "pp1-skipped": {"skipped"},
        "pp1-named by a header": {"named by a header"},
    }
    assert read_used_by(tmp_path / "cache") == life.end.used_by


def test_a_run_that_knows_no_tests(tmp_path: Path) -> None:
    """Leaves no note."""
    settings = Settings.parse({"cache_dir": str(tmp_path / "cache")})
    life = RunLife(RunCounts(RUN, "read-write"))
    life.close(settings, life.open(settings))
    assert life.end.ran is None
    assert not (tmp_path / "cache" / "used-by.json").exists()


def test_a_sequence_that_was_recorded_with_a_hole_is_renumbered(tmp_path: Path) -> None:
    """Entries, figures and digests are those of the new keys."""
    settings = Settings.parse({"cache_dir": str(tmp_path / "cache"), "repeat": "sequence"})
    life = RunLife(RunCounts(RUN, "read-write"))
    answering = life.open(settings)
    assert life.store is not None
    life.store.finish(lambda store: store.put(entry("pp2-a.2")) and None)
    life.counts.used["pp2-a.2"] = 1
    life.close(settings, answering)
    assert life.counts.used == {"pp2-a": 1}
    assert [(used.key, used.digest != "") for used in life.end.used] == [("pp2-a", True)]


def test_a_staged_run_waits_to_be_committed(tmp_path: Path) -> None:
    """After closing, what it recorded is in the cache only once it is committed."""
    settings = Settings.parse({"cache_dir": str(tmp_path / "cache")})
    life = RunLife(RunCounts(RUN, "read-write"), stages=True)
    answering = life.open(settings)
    assert life.store is not None
    life.store.finish(lambda store: store.put(entry("pp1-a")) and None)
    life.close(settings, answering)
    base = DiskStore(tmp_path / "cache")
    assert list(base.keys()) == []
    assert life.staged is not None
    life.staged.commit()
    assert list(base.keys()) == ["pp1-a"]
    base.close()


def _stored(*keys: str) -> MemoryStore:
    store = MemoryStore()
    store.open()
    for key in keys:
        store.put(Entry(key, 200, "OK", (), key.encode(), 1.0, 1.0, "run"))
    return store


def _bodies(store: MemoryStore) -> dict[str, bytes]:
    return {entry.key: entry.body for entry in store.iterate()}


def test_entries_move_up_in_order() -> None:
    """The order of the answers stays, and the first has the plain key."""
    store = _stored("pp2-a.2", "pp2-a.4", "pp2-a.5", "pp2-b")
    moved = close_holes(store, ["pp2-a.2", "pp2-a.4", "pp2-a.5", "pp2-b"])
    assert moved == {"pp2-a.2": "pp2-a", "pp2-a.4": "pp2-a.2", "pp2-a.5": "pp2-a.3"}
    assert _bodies(store) == {
        "pp2-a": b"pp2-a.2",
        "pp2-a.2": b"pp2-a.4",
        "pp2-a.3": b"pp2-a.5",
        "pp2-b": b"pp2-b",
    }


def test_a_sequence_without_holes_stays() -> None:
    """Entries that the run did not use belong to the sequence as well, up to the last that it used."""
    store = _stored("pp2-a", "pp2-a.2", "pp2-a.3", "pp2-a.5")
    assert close_holes(store, ["pp2-a.3"]) == {}
    assert sorted(_bodies(store)) == ["pp2-a", "pp2-a.2", "pp2-a.3", "pp2-a.5"]


def test_a_test_id_in_a_key_is_not_a_number() -> None:
    """Keys per test have their number behind the test."""
    test = "pp2-a@" + "0" * 32
    store = _stored(f"{test}.3", "pp2-a.b")
    assert close_holes(store, [f"{test}.3", "pp2-a.b"]) == {f"{test}.3": test}


def test_old_entries_are_counted() -> None:
    """Only entries of version 1 count; without any there is nothing to say."""
    assert old_entries_note(_stored("pp2-a", "pp2-b.2")) == ""
    assert old_entries_note(_stored("pp1-a", "pp2-b")) == (
        "1 entry was recorded by an earlier version and is never found: run `provider-proxy rekey`"
    )
    assert old_entries_note(_stored("pp1-a", "pp1-a.2", "pp2-b")).startswith("2 entries were recorded")


def test_a_store_that_cannot_be_read_says_nothing() -> None:
    """A cache that fails at the start is reported elsewhere, and must not stop it."""

    class Failing(MemoryStore):
        def keys(self, prefix=""):  # type: ignore[no-untyped-def]
            raise StoreUnavailable("locked")

    assert old_entries_note(Failing()) == ""

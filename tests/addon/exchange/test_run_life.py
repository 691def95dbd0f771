"""A run's cache is opened before the first request and closed after the last."""

from __future__ import annotations

from pathlib import Path

from addon.accounting.counts import RunCounts
from addon.exchange.run_life import RunLife
from addon.settings.settings import Settings
from cache_store.disk.disk_store import DiskStore
from cache_store.entry import Entry

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

"""A run's own changes: read by this run alone, merged in one step or dropped."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cache_store.disk.disk_store import DiskStore
from cache_store.disk.staged_store import StagedStore, clean_staging, staging_of
from cache_store.entry import Entry

RUN = "a" * 32
OTHER = "b" * 32


def entry(key: str, body: bytes = b"x", at: float | None = None) -> Entry:
    """An entry with a time of its own."""
    return Entry(
        f"pp1-{key}", 200, "OK", (), body, time.time() if at is None else at, 1.0, "r", {"method": "GET"}
    )


@pytest.fixture
def base(tmp_path: Path) -> Iterator[DiskStore]:
    """A cache of two entries."""
    store = DiskStore(tmp_path / "cache")
    for key in "ab":
        store.put(entry(key, b"old", at=5.0))
    yield store
    store.close()


@pytest.fixture
def staged(tmp_path: Path, base: DiskStore) -> Iterator[StagedStore]:
    """A run's view of it."""
    store = StagedStore(DiskStore(tmp_path / "cache"), RUN)
    store.open()
    yield store
    store.discard()


def held(store: DiskStore | StagedStore) -> dict[str, bytes]:
    """Bodies by the last letter of the key."""
    return {found.key[4:]: found.body for found in store.iterate()}


def test_changes_are_seen_by_this_run_alone(base: DiskStore, staged: StagedStore) -> None:
    """New, replaced and removed entries are so for the run, and not for the cache."""
    assert staged.put(entry("c", b"new"))
    assert staged.put(entry("a", b"newer"))
    assert staged.remove("pp1-b")
    assert not staged.remove("pp1-b")
    assert held(staged) == {"a": b"newer", "c": b"new"}
    assert staged.get("pp1-b") is None
    assert held(base) == {"a": b"old", "b": b"old"}
    assert staged.stats().entries == 2


def test_a_commit_merges_all_of_it(base: DiskStore, staged: StagedStore, tmp_path: Path) -> None:
    """After it the cache is as the run saw it, and the staging area is gone."""
    staged.put(entry("c", b"new"))
    staged.put(entry("a", b"newer"))
    staged.remove("pp1-b")
    assert staged.commit() == 2
    assert held(base) == {"a": b"newer", "c": b"new"}
    assert not staging_of(tmp_path / "cache").exists()


def test_a_discard_leaves_the_cache_alone(base: DiskStore, staged: StagedStore, tmp_path: Path) -> None:
    """As if the run had not been."""
    staged.put(entry("c"))
    staged.remove("pp1-a")
    staged.discard()
    assert held(base) == {"a": b"old", "b": b"old"}
    assert not staging_of(tmp_path / "cache").exists()


def test_what_was_removed_and_recorded_again(base: DiskStore, staged: StagedStore) -> None:
    """A retry: the new answer takes the old one's place; removed once more, nothing is left."""
    staged.remove("pp1-a")
    staged.put(entry("a", b"second"))
    assert held(staged)["a"] == b"second"
    staged.remove("pp1-a")
    assert "a" not in held(staged)
    staged.commit()
    assert held(base) == {"b": b"old"}


def test_a_slow_old_request_never_beats_a_newer_entry(staged: StagedStore) -> None:
    """The cache's own rule holds across the staging area."""
    staged.put(entry("c", b"first"))
    assert not staged.put(entry("c", b"late"), began_at=time.time() - 60)
    assert held(staged)["c"] == b"first"


def test_what_others_recorded_later_stays(base: DiskStore, staged: StagedStore) -> None:
    """A merge neither overwrites nor removes what was recorded after it was staged."""
    staged.put(entry("c", b"mine"))
    staged.remove("pp1-a")
    time.sleep(0.01)
    base.put(entry("c", b"theirs"))
    base.put(entry("a", b"theirs"))
    assert staged.commit() == 0
    assert held(base) == {"a": b"theirs", "b": b"old", "c": b"theirs"}


def test_large_entries_are_merged(base: DiskStore, staged: StagedStore) -> None:
    """What lies in files of their own is replaced file by file, after the step is done."""
    base.put(entry("a", b"1" * 2**21, at=6.0))
    staged.put(entry("a", b"2" * 2**21))
    staged.commit()
    assert held(base)["a"] == b"2" * 2**21
    assert len(list(base.directory.rglob("*.val"))) == 1


def test_the_nearest_are_looked_for_in_both(base: DiskStore, staged: StagedStore) -> None:
    """Candidates come from the cache and from the run's own entries."""
    from cache_store.nearest.sketch import sketch

    staged.put(replace(entry("c"), label={"method": "GET", "host": "h", "path": "/"}))
    assert staged.nearest(sketch({"method": "GET", "host": "h", "path": "/"}, b"{}")) == ["pp1-c"]


def test_two_runs_do_not_see_one_another(base: DiskStore, staged: StagedStore, tmp_path: Path) -> None:
    """Each has its own area; cleaning up leaves the living alone, and both are merged."""
    other = StagedStore(DiskStore(tmp_path / "cache"), OTHER)
    other.open()
    staged.put(entry("c", b"one"))
    other.put(entry("d", b"two"))
    assert staged.get("pp1-d") is None
    assert clean_staging(tmp_path / "cache") == 0
    staged.commit()
    other.commit()
    assert held(base) == {"a": b"old", "b": b"old", "c": b"one", "d": b"two"}


def test_cleaning_up_takes_what_is_ours(tmp_path: Path, base: DiskStore) -> None:
    """Areas that nobody holds go; other names, and what a link leads to, stay."""
    root = staging_of(tmp_path / "cache")
    (root / RUN / "entries").mkdir(parents=True)
    (root / "notes").mkdir()
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").touch()
    (root / OTHER).symlink_to(outside)
    assert clean_staging(tmp_path / "cache") == 2
    assert (root / "notes").exists()
    assert not (root / RUN).exists()
    assert (outside / "precious").exists()
    assert clean_staging(tmp_path / "nowhere") == 0


_COMMIT = """
import sys
from pathlib import Path
from cache_store.disk.disk_store import DiskStore
from cache_store.disk.staged_store import StagedStore
store = StagedStore(DiskStore(Path(sys.argv[1])), "{run}")
store.open()
print("ready", flush=True)
sys.stdin.readline()
store.commit()
"""


@pytest.mark.parametrize("seed", range(6))
def test_a_commit_that_is_killed_is_whole_or_none(seed: int, tmp_path: Path) -> None:
    """SIGKILL while merging leaves every entry of the run in the cache, or none."""
    cache = tmp_path / "cache"
    base = DiskStore(cache)
    for number in range(120):
        base.put(entry(f"{number:04d}", b"old", at=5.0))
    staged = StagedStore(DiskStore(cache), RUN)
    staged.open()
    for number in range(300):
        staged.put(entry(f"{number:04d}", b"new" * 500))
    staged.close()
    process = subprocess.Popen(
        [sys.executable, "-c", _COMMIT.replace("{run}", RUN), str(cache)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=Path(__file__).resolve().parents[2],
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdout.readline()
    process.stdin.write(b"\n")
    process.stdin.flush()
    time.sleep(random.Random(seed).uniform(0, 0.4))
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=20)
    found = held(base)
    assert found in (
        {f"{n:04d}": b"old" for n in range(120)},
        {f"{n:04d}": b"new" * 500 for n in range(300)},
    )
    base.close()
    staged.discard()
    clean_staging(cache)
    assert not staging_of(cache).exists()

"""`pull` and `push` that are killed in the middle: both sides are whole, and the next one makes it good."""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest

from cache_store.disk.disk_store import DiskStore
from cache_store.entry import Entry
from tests.e2e.command import COMMAND, provider_proxy
from tests.e2e.conftest import wait_for
from tests.e2e.recordings import file_content, number_of
from tests.s3_server import BUCKET, Gateway, running_s3

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

PACKS = 3
ROUNDS = 3
ENTRIES = 3000
LARGE = range(0, ENTRIES, 100)  # stored in files of their own
OLD, NEW = 1000.0, 2000.0


def _entry(number: int, recorded_at: float) -> Entry:
    size = 2**20 + number if number in LARGE else 200
    body = b"%d at %d " % (number, recorded_at) * (size // 10)
    return file_content(number, body, recorded_at)


def _fill(folder: Path, *entries: Entry) -> None:
    store = DiskStore(folder)
    store.put_newer(entries)
    store.close()


def _new_rows(cache: Path) -> int:
    """How many entries of a pull another process sees."""
    try:
        with closing(sqlite3.connect(f"file:{cache / 'cache.db'}?mode=ro", uri=True)) as connection:
            found = connection.execute("SELECT count(*) FROM Cache").fetchone()
    except sqlite3.Error:
        return 0
    return int(found[0]) - len(LARGE) - 1


def _start(command: str, cache: Path, environ: dict[str, str], *options: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*COMMAND, command, "--cache-dir", str(cache), *options],
        env=environ, cwd=cache.parent, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


@pytest.fixture
def bucket(environ: dict[str, str], tmp_path: Path) -> Path:
    """An empty one on disk, that commands find."""
    environ["PROVIDER_PROXY_REMOTE"] = (tmp_path / "bucket").as_uri()
    return tmp_path / "bucket"


def test_a_pull_killed_in_its_merge(bucket: Path, environ: dict[str, str], tmp_path: Path) -> None:
    """What is there is right, old or new; nothing is lost; the next pull brings all of the rest."""
    for pack in range(PACKS):
        _fill(tmp_path / "job", *(_entry(number, NEW) for number in range(pack, ENTRIES, PACKS)))
        assert provider_proxy("push", "--cache-dir", "job", environ=environ, folder=tmp_path).returncode == 0
    rng = random.Random(6)
    caches = (tmp_path / f"cache{number}" for number in range(9))
    killed = list(islice((c for c in caches if _is_killed_in_its_merge(c, environ, rng)), ROUNDS))
    assert killed, "none was killed in its merge"
    for cache in killed:
        checked = provider_proxy("verify", "--cache-dir", str(cache), environ=environ, folder=tmp_path)
        assert checked.returncode == 0, checked.stdout
        _assert_held(cache, {OLD, NEW})
        again = provider_proxy("pull", "--cache-dir", str(cache), environ=environ, folder=tmp_path)
        assert again.returncode == 0, again.stderr
        assert again.stderr.splitlines()[-1].startswith(f"pulled {PACKS} packs: ")  # after any progress
        assert _assert_held(cache, {NEW}) == ENTRIES


def _is_killed_in_its_merge(cache: Path, environ: dict[str, str], rng: random.Random) -> bool:
    """Kill a pull at a random moment; whether it had merged some, and not all."""
    _fill(cache, *(_entry(number, OLD) for number in LARGE))
    wanted = rng.randrange(1, ENTRIES * 3 // 4)
    process = _start("pull", cache, environ)
    assert wait_for(lambda: _new_rows(cache) >= wanted or process.poll() is not None, 60)
    time.sleep(rng.random() / 25)  # anywhere in the batch that follows
    process.kill()
    process.wait()
    return 0 < _new_rows(cache) < ENTRIES - len(LARGE)


def _assert_held(cache: Path, times: set[float]) -> int:
    """Each entry is one of those that there should be, and the large ones are all there; how many there are."""
    with closing(DiskStore(cache)) as store:
        keys = list(store.keys())
        for key in keys:
            held = store.get(key)
            assert held is not None
            assert held.recorded_at in times
            assert held == _entry(number_of(held), held.recorded_at)
    assert {_entry(number, OLD).key for number in LARGE} <= set(keys)
    return len(keys)


@pytest.fixture(scope="module")
def s3() -> Iterator[Gateway]:
    """One S3 for this file."""
    with running_s3() as running:
        yield running


@pytest.fixture
def slow_s3(s3: Gateway, environ: dict[str, str], tmp_path: Path) -> Gateway:
    """With an empty remote that commands find; a request arrives some time before it is carried out."""
    s3.reset()
    environ |= s3.environ() | {"PROVIDER_PROXY_REMOTE": f"s3://{BUCKET}/{tmp_path.name}"}
    return s3


def _kill_at(
    wanted: Callable[[], bool], s3: Gateway, process: subprocess.Popen[bytes], hang: float = 0.2
) -> None:
    s3.seen.clear()
    s3.hang = hang
    assert wait_for(wanted, 30)
    process.kill()
    process.wait()
    time.sleep(hang + 0.1)  # the server carries out what had arrived
    s3.reset()


def _pulled(environ: dict[str, str], folder: Path, name: str) -> set[int]:
    """What another machine gets: every pack of it must be whole."""
    done = provider_proxy("pull", "--cache-dir", name, environ=environ, folder=folder)
    assert done.returncode == 0, done.stderr
    with closing(DiskStore(folder / name)) as store:
        return {number_of(entry) for entry in store.iterate()}


def test_a_replacement_killed_at_each_of_its_requests(
    slow_s3: Gateway, environ: dict[str, str], tmp_path: Path
) -> None:
    """Before, between or after: the remote holds all of the old, all of the new, or both."""
    old, new = {1, 2}, {3, 4, 5}
    _fill(tmp_path / "job", *(_entry(number, OLD) for number in new))
    for nth in range(1, 5):
        for number in old:
            _fill(tmp_path / f"old{nth}-{number}", _entry(number, OLD))
            provider_proxy("push", "--cache-dir", f"old{nth}-{number}", environ=environ, folder=tmp_path)
        process = _start("push", tmp_path / "job", environ, "--replace")
        _kill_at(lambda nth=nth: len(slow_s3.seen) >= nth, slow_s3, process)  # type: ignore[misc]
        held = _pulled(environ, tmp_path, f"reader{nth}")
        assert held in (old, new, old | new)
        assert (nth, held) != (4, old)
    done = provider_proxy("push", "--cache-dir", "job", "--replace", environ=environ, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert _pulled(environ, tmp_path, "last") == new


def test_a_push_killed_between_the_parts_of_its_pack(
    slow_s3: Gateway, environ: dict[str, str], tmp_path: Path
) -> None:
    """Nobody sees a part of a pack, and the next push brings all."""
    bodies = (replace(_entry(number, OLD), body=os.urandom(9 * 2**20)) for number in (1, 2))
    _fill(tmp_path / "job", *bodies)
    process = _start("push", tmp_path / "job", environ)
    _kill_at(lambda: any("partNumber" in path for _, path in slow_s3.seen), slow_s3, process, hang=1.0)
    assert _pulled(environ, tmp_path, "other") == set()
    assert provider_proxy("push", "--cache-dir", "job", environ=environ, folder=tmp_path).returncode == 0
    assert _pulled(environ, tmp_path, "other") == {1, 2}

"""Every fault of the cache in every mode: what its clients get, what is kept, what is counted, what is sent."""

from __future__ import annotations

import contextlib
import functools
import re
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import requests
import trustme

from addon.settings.modes import Mode
from cache_store.disk.disk_store import DiskStore
from tests.e2e import cache_faults as faults
from tests.e2e.clients import ask, cached
from tests.e2e.conftest import Proxy, clean_environ, end, launch
from tests.e2e.upstream import Exchange, Upstream, chat_answer, running

Start = Callable[..., Proxy]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

# What an answer may be, as `outcome` says it: what its client got, and whether it is kept.
BYPASS, LIVE, STORED, FAILED = "mode-off", "mode", "stored", "store-failed"
HIT, MISS, UNAVAILABLE = "hit", "miss", "unavailable"
SENT = {BYPASS, LIVE, STORED, FAILED}

MODES = (
    Mode.OFF,
    Mode.READ_ONLY,
    Mode.REQUIRE_HIT,
    Mode.READ_WRITE,
    Mode.READ_OLD_WRITE_NEW,
    Mode.WRITE_ONLY,
)
# In the order of MODES: what a recorded and a new question get while the fault lasts, and the same two after it.
CANNOT_BE_WRITTEN = (
    (BYPASS, BYPASS, BYPASS, BYPASS), (HIT, LIVE, HIT, LIVE), (HIT, MISS, HIT, MISS),
    (HIT, FAILED, HIT, STORED), (HIT, FAILED, HIT, STORED), (FAILED, FAILED, STORED, STORED),
)  # fmt: skip
CANNOT_BE_READ = (
    (BYPASS, BYPASS, BYPASS, BYPASS), (LIVE, LIVE, HIT, LIVE), (UNAVAILABLE, UNAVAILABLE, HIT, MISS),
    (FAILED, FAILED, HIT, STORED), (FAILED, FAILED, HIT, STORED), (FAILED, FAILED, STORED, STORED),
)  # fmt: skip
IS_GONE = (
    (BYPASS, BYPASS, BYPASS, BYPASS), (LIVE, LIVE, HIT, LIVE), (MISS, MISS, HIT, MISS),
    (STORED, STORED, HIT, STORED), (STORED, STORED, HIT, STORED), (STORED, STORED, STORED, STORED),
)  # fmt: skip
# What a recorded question gets, twice.
IS_UNUSABLE = (
    (BYPASS, BYPASS), (LIVE, LIVE), (MISS, MISS), (STORED, HIT), (STORED, STORED), (STORED, STORED),
)  # fmt: skip
CHANGES_NOTHING = ((BYPASS, BYPASS), (HIT, HIT), (HIT, HIT), (HIT, HIT), (HIT, HIT), (STORED, STORED))


def long_lines(exchange: Exchange) -> None:
    """Answers with the question in it; one about something big at such length that it has a file of its own."""
    question = re.findall(rb'"content": ?"([^"]*)"', exchange.body)[0].decode()
    exchange.json(chat_answer(f"<{question}> {exchange.number} " + "x" * ("big" in question) * 1_200_000))


@dataclass
class World:
    """A proxy that runs in one mode on a cache that an earlier run filled, and what came of each request.

    It is started by its first use: inside the first fault.
    """

    mode: Mode
    launch: Callable[[], Proxy]
    upstream: Upstream
    cache: Path
    keys: dict[str, str]
    outcomes: list[str] = field(default_factory=list)

    @functools.cached_property
    def proxy(self) -> Proxy:
        """The proxy."""
        return self.launch()

    def ask(self, question: str) -> str:
        """The outcome; also that the answer is this question's, that it came soon, and what was sent for it."""
        proxy, sent, started = self.proxy, self.upstream.count, time.monotonic()
        answer = ask(proxy, question)
        assert time.monotonic() - started < 60, question
        outcome = outcome_of(answer)
        if outcome == "recording":  # its headers left before its end was known
            stored = stats(self.proxy)["total"]["stored"]
            outcome = STORED if stored > self.outcomes.count(STORED) else FAILED
        assert answer.status_code == 502 or f"<{question}>" in answer.text
        assert self.upstream.count - sent == (outcome in SENT)
        self.outcomes.append(outcome)
        return outcome

    def row(self, question: str) -> str:
        """The key of what was recorded for `question`."""
        return self.keys[question]


def stats(proxy: Proxy) -> Any:
    """The proxy's counts so far."""
    return requests.get(f"{proxy.url}/-/stats", timeout=120).json()


def outcome_of(answer: requests.Response) -> str:
    """One of the words above, or what else an answer says of itself."""
    if answer.status_code == 502:
        return str(answer.json()["error"]["type"]).removeprefix("provider_proxy_cache_")
    assert answer.status_code == 200
    status = answer.headers["cache-status"].split("; ")
    assert (cached(answer) == "true") == (status[1] == HIT)
    return HIT if HIT in status else STORED if STORED in status else status[-1].removeprefix("detail=")


type Fault = Callable[[World, str], contextlib.AbstractContextManager[None]]


def of_cache(fault: Callable[[Path], contextlib.AbstractContextManager[None]]) -> Fault:
    """A fault of the whole cache, whatever is asked."""
    return lambda world, _: fault(world.cache)


def of_row(sql: str) -> Fault:
    """A change of the row that answers the question."""

    @contextlib.contextmanager
    def fault(world: World, question: str) -> Iterator[None]:
        faults.change_row(world.cache, f"{sql} WHERE key = ?", world.row(question))
        yield

    return fault


@contextlib.contextmanager
def truncated(world: World, question: str) -> Iterator[None]:
    """The value's file ends after 1000 bytes."""
    with faults.value_file(world.cache, world.row(question)).open("r+b") as file:
        file.truncate(1000)
    yield


@contextlib.contextmanager
def removed(world: World, question: str) -> Iterator[None]:
    """The value's file is not there."""
    faults.value_file(world.cache, world.row(question)).unlink()
    yield


@contextlib.contextmanager
def clock_set_back(world: World, question: str) -> Iterator[None]:
    """The answer was recorded at a time that the clock, set back since, has not reached again."""
    store = DiskStore(world.cache)
    entry = store.get(world.row(question))
    assert entry is not None
    store.put(replace(entry, recorded_at=time.time() + 86_400))
    store.close()
    yield


# The word "big" in a name makes its answers long.
FAULTS: dict[str, tuple[Fault, tuple[tuple[str, ...], ...]]] = {
    "read-only at the start": (of_cache(faults.read_only_mount), CANNOT_BE_WRITTEN),
    "disk full, big": (of_cache(faults.disk_full), CANNOT_BE_WRITTEN),
    "read-only mount": (of_cache(faults.read_only_mount), CANNOT_BE_WRITTEN),
    "no permission, big": (of_cache(faults.no_permission), CANNOT_BE_WRITTEN),
    "locked to writers": (of_cache(faults.locked_to_writers), CANNOT_BE_WRITTEN),
    "locked to all": (of_cache(faults.locked_to_all), CANNOT_BE_READ),
    "deleted": (of_cache(faults.deleted), IS_GONE),
    "zeroed row": (of_row("UPDATE Cache SET value = zeroblob(100)"), IS_UNUSABLE),
    "truncated row": (of_row("UPDATE Cache SET value = substr(value, 1, 60)"), IS_UNUSABLE),
    "newer schema": (
        of_row("UPDATE Cache SET value = CAST(x'50504563' || substr(value, 5) AS BLOB)"), IS_UNUSABLE),
    "truncated file, big": (truncated, IS_UNUSABLE),
    "removed file, big": (removed, IS_UNUSABLE),
    "clock set back": (clock_set_back, CHANGES_NOTHING),
}  # fmt: skip
NEED_A_MOUNT = {"read-only at the start", "disk full, big", "read-only mount"}
# What the report counts of them, where a mode reads at all, and where it writes.
READ_FAULTS = {"read", "unusable entry"}
WRITE_FAULTS = {"write"}


@pytest.fixture(scope="module")
def recorded(
    certificates: tuple[trustme.LeafCert, Path], data_home: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, str]]:
    """A cache that an earlier run filled: its folder, and the key of each question."""
    environ = clean_environ(SSL_CERT_FILE=str(certificates[1]), XDG_DATA_HOME=str(data_home))
    folder = tmp_path_factory.mktemp("recorded")
    keys = {}
    with running(certificates[0], long_lines) as upstream:
        proxy = launch(folder, environ, upstream, "read-write")
        for name in FAULTS:
            answer = ask(proxy, f"known {name}")
            keys[f"known {name}"] = answer.headers["cache-status"].split('"')[1]
        proxy.stop()
        end(proxy)
    return folder / ".provider-proxy" / "cache", keys


def outcomes(world: World, name: str) -> tuple[str, ...]:
    """What one fault does in this world."""
    fault, expected = FAULTS[name]
    asked = (f"known {name}", f"new {name}" if len(expected[0]) == 4 else f"known {name}")
    with fault(world, asked[0]):
        found = [world.ask(question) for question in asked]
    return (*found, *(world.ask(question) for question in asked[: len(expected[0]) - 2]))


@pytest.mark.parametrize("mode", MODES)
def test_faults_of_the_cache(
    mode: Mode, recorded: tuple[Path, dict[str, str]], start_proxy: Start, tmp_path: Path,
    start_upstream: Callable[..., Upstream],
) -> None:  # fmt: skip
    """In each mode each fault has the outcome of the table, is counted, and leaves a cache that is right again."""
    upstream = start_upstream(long_lines)
    with faults.small_disk(tmp_path / "disk", 40) as mounted:
        cache = tmp_path / "disk" / "cache"
        shutil.copytree(recorded[0], cache)
        begin = functools.partial(
            start_proxy, upstream, str(mode), before=faults.OBEYS_PERMISSIONS, cache_dir=str(cache)
        )
        world = World(mode, begin, upstream, cache, recorded[1])
        possible = [name for name in FAULTS if mounted or name not in NEED_A_MOUNT]
        found = {name: outcomes(world, name) for name in possible}
        assert found == {name: FAULTS[name][1][MODES.index(mode)] for name in possible}
        check_counts(world)
        if mode.stores:
            assert set(world.keys.values()) <= faults.readable_keys(cache)
    if not mounted:
        pytest.skip(f"mounting is not allowed here; all passed but: {', '.join(sorted(NEED_A_MOUNT))}")


def check_counts(world: World) -> None:
    """The proxy counted what the clients saw, and its report names the faults."""
    counts = stats(world.proxy)
    seen, total = Counter(world.outcomes), counts["total"]
    assert total["requests"] == sum(seen.values())
    assert (total["hits"], total["stored"], total["errors"]) == (seen[HIT], seen[STORED], seen[UNAVAILABLE])
    assert total["not_stored"] == ({FAILED: seen[FAILED]} if seen[FAILED] else {})
    assert total["live"] == world.upstream.count == sum(seen[outcome] for outcome in SENT)
    assert bool(counts["connections"]) == world.mode.forwards
    reads, writes = world.mode not in (Mode.OFF, Mode.WRITE_ONLY), world.mode.stores
    expected = (READ_FAULTS if reads else set()) | (WRITE_FAULTS if writes else set())
    assert set(counts["cache_faults"]) == expected
    report = world.proxy.stop()
    assert ("cache faults: " in report) == bool(expected)


@pytest.mark.parametrize("fault", [faults.locked_to_writers, faults.locked_to_all])
def test_locked_for_thirty_seconds(
    fault: Callable[[Path], contextlib.AbstractContextManager[None]], recorded: tuple[Path, dict[str, str]],
    start_proxy: Start, tmp_path: Path, start_upstream: Callable[..., Upstream],
) -> None:  # fmt: skip
    """However long the lock lasts, in each mode each answer comes soon, of many at once too, and then all is as before."""
    cache = tmp_path / "cache"
    shutil.copytree(recorded[0], cache)
    proxy = start_proxy(start_upstream(long_lines), "read-write", cache_dir=str(cache))
    name = fault.__name__.replace("_", " ")
    rows = dict(zip(MODES, FAULTS[name][1], strict=True))
    until = time.monotonic() + 30

    def during(mode: Mode) -> list[str]:
        found = []
        while time.monotonic() < until:
            for question in (f"known {name}", f"new {mode} {len(found)}"):
                started = time.monotonic()
                found.append(outcome_of(ask(proxy, question, x_provider_proxy_mode=str(mode))))
                assert time.monotonic() - started < 60, (mode, question)
            time.sleep(2)
        return found

    def burst(number: int) -> str:
        started = time.monotonic()
        outcome = outcome_of(ask(proxy, f"burst {number}"))
        assert time.monotonic() - started < 35  # in turn they would wait 40
        return outcome

    with ThreadPoolExecutor(30) as pool:
        with fault(cache):
            running = {mode: pool.submit(during, mode) for mode in MODES}
            assert list(pool.map(burst, range(20))) == [FAILED] * 20
            found = {mode: future.result() for mode, future in running.items()}
        assert all(len(outcomes) >= 4 for outcomes in found.values())
        assert found == {mode: [*rows[mode][:2]] * (len(found[mode]) // 2) for mode in MODES}
    for mode in MODES:
        after = [ask(proxy, q, x_provider_proxy_mode=str(mode)) for q in (f"known {name}", f"after {mode}")]
        assert (mode, tuple(outcome_of(answer) for answer in after)) == (mode, rows[mode][2:])

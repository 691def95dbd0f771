"""Threads by size of work."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from functools import partial

import pytest

from addon.exchange.lanes import Lanes, decoded_size, lane_helper

SMALL, MIDDLE, LONG, BIG = 1000, 2**20, 2**22, 2**26
PATIENCE = 60


@pytest.fixture
def lanes() -> Iterator[Lanes]:
    """Lanes that end with the test."""
    made = Lanes("test")
    yield made
    made.close()


def test_small_work_passes_big_work(lanes: Lanes) -> None:
    """While bigger pieces of every class are stuck, small ones are done."""
    release = threading.Event()
    stuck = [lanes.submit(size, lambda: release.wait(PATIENCE)) for size in (BIG, LONG, MIDDLE)]
    assert [lanes.submit(SMALL, lambda: 1).result(PATIENCE) for _ in range(3)] == [1, 1, 1]
    assert not any(work.done() for work in stuck)
    release.set()
    assert all(work.result(PATIENCE) for work in stuck)


def test_work_of_one_size_is_done_in_order(lanes: Lanes) -> None:
    """Two writes under one key must not change places."""
    order: list[int] = []
    for n in range(20):
        lanes.submit(SMALL, partial(order.append, n))
    lanes.drain()
    assert order == list(range(20))


async def test_a_size_that_must_be_counted_is_counted_in_a_thread(lanes: Lanes) -> None:
    """A short body that decodes to a long one does not hold the short ones up."""
    release = threading.Event()
    counted_in: list[str] = []

    def count() -> int:
        counted_in.append(threading.current_thread().name)
        return BIG

    stuck = lanes.submit(count, lambda: release.wait(PATIENCE))
    assert await lanes.run(lambda: SMALL, lambda: "small") == "small"
    assert counted_in == ["test-0_0"]
    assert not stuck.done()
    release.set()
    lanes.drain()  # what was handed on to another lane included
    assert stuck.done()


@pytest.mark.parametrize("size", [SMALL, BIG])
async def test_an_error_is_raised_where_the_result_is_awaited(lanes: Lanes, size: int) -> None:
    """In the work itself, and in counting its size."""

    def fail() -> int:
        raise OSError("no")

    with pytest.raises(OSError, match="no"):
        await lanes.run(size, fail)
    with pytest.raises(OSError, match="no"):
        await lanes.run(lambda: size, fail)
    with pytest.raises(OSError, match="no"):
        await lanes.run(fail, int)


def test_closing_does_everything_first() -> None:
    """The last work of each thread comes after all that was submitted."""
    lanes = Lanes("test")
    done: list[str] = []
    lanes.submit(lambda: BIG, lambda: done.append("big"))
    lanes.submit(SMALL, lambda: done.append("small"))
    lanes.close(lambda: done.append("last"))
    assert sorted(done[:2]) == ["big", "small"]
    assert done[2:] == ["last"] * 4


def test_big_work_has_a_helper(lanes: Lanes) -> None:
    """Each class of big work has its own, and keeps it; the others have none."""
    helpers = [lanes.submit(size, lane_helper).result(PATIENCE) for size in (SMALL, MIDDLE, LONG, BIG, BIG)]
    assert helpers[:2] == [None, None]
    assert None not in helpers[2:]
    assert helpers[2] is not helpers[3] is helpers[4]
    assert lane_helper() is None


@pytest.mark.parametrize(
    ("body", "encoding", "size"),
    [
        (b"x" * 100, "", 100),
        (b"x" * 100, "identity", 100),
        (gzip.compress(b"x" * 100, mtime=0), "gzip", 100),
        (b"not gzip", "gzip", 8),
        (gzip.compress(b"x" * 100, mtime=0), "unheard-of", len(gzip.compress(b"x" * 100, mtime=0))),
    ],
)
def test_the_decoded_size_decides(body: bytes, encoding: str, size: int) -> None:
    """A body that cannot be decoded is as long as it is."""
    assert decoded_size(body, encoding) == size


def test_a_bomb_is_not_decoded_to_its_end() -> None:
    """It is known to be big before it is unfolded."""
    assert len(bomb := gzip.compress(bytes(2**26))) < 2**17
    assert 2**23 < decoded_size(bomb, "gzip") < 2**24


def test_a_helper_is_started_for_what_is_expected(lanes: Lanes) -> None:
    """While a big answer still comes, its helper starts, once; small work has none."""
    for size in (SMALL, BIG, BIG):
        lanes.expect(size)

    def process() -> object:
        helper = lane_helper()
        return helper._process if helper is not None else None

    assert lanes.submit(SMALL, process).result(PATIENCE) is None
    started = lanes.submit(BIG, process).result(PATIENCE)
    assert started is not None
    lanes.expect(BIG)
    assert lanes.submit(BIG, process).result(PATIENCE) is started

"""The latest requests, and those who wait for the next one."""

from __future__ import annotations

import asyncio

from addon.page.history import MOST_ROWS, History


def test_rows_are_numbered_and_the_oldest_dropped() -> None:
    """A reader that asks for dropped ones gets what is left."""
    history = History()
    for number in range(MOST_ROWS + 10):
        assert history.add("row", number) == number + 1
    assert history.after(MOST_ROWS + 8) == [
        (MOST_ROWS + 9, "row", MOST_ROWS + 8),
        (MOST_ROWS + 10, "row", MOST_ROWS + 9),
    ]
    assert [row[0] for row in history.after(0)] == list(range(11, MOST_ROWS + 11))
    assert history.after(MOST_ROWS + 10) == history.after(10**9) == []


async def test_a_waiter_wakes_with_the_next_row() -> None:
    """Or with the end of the run."""
    history = History()
    waiting = [asyncio.create_task(history.wait(0, 60)) for _ in range(2)]
    await asyncio.sleep(0)
    history.add("row")
    await asyncio.gather(*waiting)
    last = asyncio.create_task(history.wait(1, 60))
    await asyncio.sleep(0)
    history.close()
    await last
    await history.wait(1, 60)


async def test_waiting_is_bounded() -> None:
    """Too many waiters return at once, and a waiter that is cancelled leaves its place."""
    history = History()
    waiting = [asyncio.create_task(history.wait(0, 60)) for _ in range(16)]
    await asyncio.sleep(0)
    await history.wait(0, 60)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    last = asyncio.create_task(history.wait(0, 60))
    await asyncio.sleep(0)
    assert not last.done()
    history.add("row")
    await last

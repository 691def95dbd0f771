"""Recordings that will never be served are counted by file."""

from __future__ import annotations

import time
from dataclasses import replace

from addon.transfer.losers import Losers
from cache_store.entry import Entry

ENTRY = Entry("pp2-a", 200, "OK", (), b"x", 1000.0, 0.1, "run")


def test_only_other_answers_lose() -> None:
    """The same answer in another file is served just as well; the later recording wins."""
    losers = Losers()
    losers.note(ENTRY, "a")
    losers.note(replace(ENTRY, recorded_at=2000.0), "b")
    losers.note(replace(ENTRY, body=b"y", recorded_at=3000.0), "c")
    losers.note(replace(ENTRY, key="pp2-b"), "d")
    assert list(losers.lines()) == ["a: 1 replaced by c", "b: 1 replaced by c"]


def test_a_time_in_the_future_wins_over_nothing_but_the_past() -> None:
    """Two of them are decided by their digests, as in the cache."""
    future = [
        replace(ENTRY, body=body, recorded_at=time.time() + more) for body, more in ((b"1", 1e6), (b"2", 2e6))
    ]
    winner = max(future, key=lambda entry: entry.pieces()[-1])
    losers = Losers()
    for name, entry in zip("ab", future, strict=True):
        losers.note(entry, name)
    loser = "b" if winner is future[0] else "a"
    assert [line[0] for line in losers.lines()] == [loser]


def test_repeats_in_one_file_are_counted() -> None:
    """They are noted when they are dropped."""
    losers = Losers()
    losers.lost("a")
    losers.lost("a")
    assert list(losers.lines()) == ["a: 2 replaced by another answer in the same file"]

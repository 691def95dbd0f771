"""What a second tier could not take is sent later."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from cache_store.tiers import sending_later as module
from cache_store.tiers.sending_later import SendingLater

WAIT = 60  # seconds, on a machine that is busy


class Tier:
    """Takes keys, or not."""

    def __init__(self) -> None:
        self.refused: set[str] = set()
        self.taken: list[tuple[str, float | None]] = []
        self.asked = threading.Semaphore(0)

    def send(self, key: str, began_at: float | None) -> bool:
        """Takes one, unless it is refused."""
        takes = key not in self.refused
        if takes:
            self.taken.append((key, began_at))
        self.asked.release()
        return takes

    def wait(self, asked: int) -> None:
        """Until it was asked so often."""
        for _ in range(asked):
            assert self.asked.acquire(timeout=WAIT)


@pytest.fixture
def tier() -> Tier:
    """One that takes everything."""
    return Tier()


@pytest.fixture
def later(tier: Tier, monkeypatch: pytest.MonkeyPatch) -> Iterator[SendingLater]:
    """What sends to it, without pauses."""
    monkeypatch.setattr(module, "_PAUSE", 0.001)
    later = SendingLater(tier.send)
    yield later
    later.close()


def settled(later: SendingLater, until: Callable[[], bool]) -> None:
    """Wait until that holds."""
    with later._changed:
        assert later._changed.wait_for(until, WAIT)


def test_a_tier_that_comes_back_gets_everything(tier: Tier, later: SendingLater) -> None:
    """Keys are tried again until they are taken; one that is always refused holds no other up."""
    tier.refused = {"a", "b", "c"}
    for key in "abc":
        later.add(key, 1.0)
    tier.wait(3)
    tier.refused = {"b"}
    settled(later, lambda: len(later) == 1)
    assert sorted(tier.taken) == [("a", 1.0), ("c", 1.0)]
    tier.refused = set()
    settled(later, lambda: len(later) == 0)
    assert ("b", 1.0) in tier.taken


def test_what_is_removed_meanwhile_is_not_sent(tier: Tier, later: SendingLater) -> None:
    """Nor is it kept."""
    tier.refused = {"a"}
    later.add("a", None)
    tier.wait(1)
    later.discard("a")
    tier.refused = set()
    later.add("b", None)
    settled(later, lambda: len(later) == 0)
    assert tier.taken == [("b", None)]


def test_the_latest_keys_are_kept(tier: Tier, later: SendingLater, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tier that is away for long costs a bounded amount of memory."""
    monkeypatch.setattr(module, "_MOST", 3)
    tier.refused = set("abcde")
    for key in "abcde":
        later.add(key, None)
    assert len(later) == 3


def test_the_end_tries_once_more(tier: Tier, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a tier takes by then is sent, without the pause; nothing is added after it."""
    monkeypatch.setattr(module, "_PAUSE", WAIT)
    later = SendingLater(tier.send)
    later.add("a", None)
    assert tier.taken == []  # the tier has just refused it, so it is left alone for a pause
    later.close()
    assert tier.taken == [("a", None)]
    later.add("b", None)
    assert len(later) == 0


def test_a_tier_that_is_still_away_is_asked_once_at_the_end(
    tier: Tier, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many keys are left: the end waits for one of them."""
    monkeypatch.setattr(module, "_PAUSE", WAIT)
    later = SendingLater(tier.send)
    tier.refused = {"a", "b", "c"}
    for key in "abc":
        later.add(key, None)
    later.close()
    assert len(later) == 3
    assert tier.asked.acquire(blocking=False)
    assert not tier.asked.acquire(blocking=False)


def test_it_ends_without_having_begun(tier: Tier) -> None:
    """A run whose tier took everything starts no thread."""
    later = SendingLater(tier.send)
    later.close()
    assert len(later) == 0
    assert tier.taken == []

"""What the processes of a run share."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from addon.workers import board as board_module
from addon.workers.board import Board


class _Run:
    """A board with members, and what they were told."""

    def __init__(self, members: int = 3, max_live: int | None = None, max_usd: Decimal | None = None) -> None:
        self.board = Board(max_live, max_usd)
        self.told: dict[int, list[list[Any]]] = {}
        for member in range(members):
            self.join(member)

    def join(self, member: int) -> None:
        self.told[member] = []
        self.board.join(member, lambda *news: self.told[member].append(list(news)))

    def ask(self, member: int, what: str, *given: Any) -> Any:
        return self.board.handle(member, what, list(given))


def test_one_leads_and_the_others_join() -> None:
    """Whoever claims a key first; those who wait are told how it landed, nobody else is."""
    run = _Run()
    number, leads, _, _ = run.ask(0, "claim", "a", 1.0)
    assert leads
    assert run.ask(1, "claim", "a", 1.0) == [number, False, False, ""]
    assert run.ask(0, "claim", "a", 1.0) == [number, False, False, ""]
    assert run.ask(2, "claim", "b", 1.0)[1]
    run.ask(0, "land", "a", number, "STORED", 2.0)
    assert run.told == {0: [["landed", number, "STORED"]], 1: [["landed", number, "STORED"]], 2: []}
    assert run.ask(1, "claim", "a", 3.0)[1]


def test_who_looked_before_it_landed_looks_again() -> None:
    """A flight that landed since is given as it landed; one from before is forgotten."""
    run = _Run()
    number, *_ = run.ask(0, "claim", "a", 1.0)
    run.ask(0, "answered", "a", number, True)
    run.ask(0, "land", "a", number, "NOT_STORED", 5.0)
    assert run.ask(1, "claim", "a", 4.9) == [number, False, True, "NOT_STORED"]
    assert run.ask(1, "claim", "a", 5.0)[1]


def test_that_a_terminal_event_was_seen_is_told() -> None:
    """To those who wait, and to those who come."""
    run = _Run()
    number, *_ = run.ask(0, "claim", "a", 1.0)
    run.ask(1, "claim", "a", 1.0)
    run.ask(0, "answered", "a", number, True)
    assert run.told[1] == [["answered", number, True]]
    assert run.ask(2, "claim", "a", 1.0) == [number, False, True, ""]


def test_a_death_abandons_flights() -> None:
    """Those who wait are told, and one of them leads next; the dead one's news are refused."""
    run = _Run()
    number, *_ = run.ask(1, "claim", "a", 1.0)
    other, *_ = run.ask(2, "claim", "b", 1.0)
    run.ask(2, "claim", "a", 1.0)
    run.board.leave(1, 2.0)
    assert run.told[2] == [["landed", number, "ABANDONED"]]
    assert run.ask(2, "claim", "a", 3.0)[1]
    assert not run.ask(0, "claim", "b", 3.0)[1]
    assert other != number
    with pytest.raises(ValueError, match="nothing that a worker says"):
        run.ask(1, "claim", "c", 1.0)


def test_only_the_leader_lands_a_flight_and_once() -> None:
    """Neither another member nor an old number ends the flight of now."""
    run = _Run()
    old, *_ = run.ask(0, "claim", "a", 1.0)
    run.ask(0, "land", "a", old, "STORED", 1.5)
    number, *_ = run.ask(0, "claim", "a", 2.0)
    for member, landed in ((0, old), (1, number)):
        run.ask(member, "land", "a", landed, "STORED", 3.0)
        run.ask(member, "answered", "a", landed, True)
        assert run.ask(2, "claim", "a", 2.0) == [number, False, False, ""]


def test_what_landed_is_forgotten_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """So many landings are remembered and no more."""
    monkeypatch.setattr(board_module, "_MOST_LANDED", 2)
    run = _Run()
    for key in "abc":
        run.ask(0, "land", key, run.ask(0, "claim", key, 1.0)[0], "STORED", 9.0)
    assert [run.ask(1, "claim", key, 1.0)[1] for key in "abc"] == [True, False, False]


def test_requests_are_counted_for_all() -> None:
    """The budget is claimed one by one, whoever asks; all are told when it is spent, also who comes later, and
    a death gives nothing back."""
    run = _Run(max_live=2)
    assert [run.ask(member, "take") for member in (0, 1)] == ["", ""]
    words = "the budget PROVIDER_PROXY_MAX_LIVE=2 is spent"
    run.board.leave(1, 1.0)
    assert run.ask(2, "take") == words
    assert run.board.live == 2
    run.join(7)
    assert [run.told[member] for member in (0, 2, 7)] == [[["spent", words]]] * 3


def test_money_is_summed() -> None:
    """The latest sum of each member; what a dead one paid is paid."""
    run = _Run(max_usd=Decimal(3))
    run.ask(0, "paid", "1.5")
    run.ask(1, "paid", "1")
    run.ask(1, "paid", "1.25")
    run.board.leave(1, 1.0)
    assert run.ask(2, "take") == ""
    run.ask(2, "paid", "0.25")
    assert "MAX_USD=3" in run.ask(0, "take")
    assert run.told[0] == [["spent", run.ask(0, "take")]]


def test_sequences_and_credentials_that_worked() -> None:
    """Counted over all; news once."""
    run = _Run()
    assert [run.ask(member, "next", "a") for member in (0, 1, 0)] == [1, 2, 3]
    assert run.ask(1, "next", "b") == 1
    assert not run.ask(0, "has-worked", "d")
    assert [run.ask(member, "worked", "d") for member in (0, 1)] == [True, False]
    assert run.ask(2, "has-worked", "d")


def test_a_secret_is_told_to_all_others() -> None:
    """Before the one who has seen it goes on, and before any later answer."""
    run = _Run()
    run.ask(1, "seen", [["kind", "c2VjcmV0"]])
    assert run.ask(0, "all-seen") is None
    assert run.told == {0: [["seen", [["kind", "c2VjcmV0"]]]], 1: [], 2: [["seen", [["kind", "c2VjcmV0"]]]]}


@pytest.mark.parametrize("what", ["_take", "join", "leave", "", "handle"])
def test_nothing_else_is_understood(what: str) -> None:
    """What is no question is refused."""
    with pytest.raises(ValueError, match="nothing that a worker says"):
        _Run().ask(0, what)

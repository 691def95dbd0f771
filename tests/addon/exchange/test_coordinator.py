"""What all requests of a run share."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from addon.exchange import coordinator as coordinator_module
from addon.exchange.coordinator import Coordinator


class _Run:
    """A coordinator with peers, and the events that these received."""

    def __init__(self, peers: int = 3, max_live: int | None = None, max_usd: Decimal | None = None) -> None:
        self.coordinator = Coordinator(max_live, max_usd)
        self.events: dict[int, list[list[Any]]] = {}
        for peer in range(peers):
            self.join(peer)

    def join(self, peer: int) -> None:
        self.events[peer] = []
        self.coordinator.join(peer, lambda *event: self.events[peer].append(list(event)))

    def ask(self, peer: int, method: str, *args: Any) -> Any:
        return self.coordinator.handle(peer, method, list(args))


def test_one_leads_and_the_others_join() -> None:
    """The first to claim a key leads; peers that wait learn how the flight ended, nobody else does."""
    run = _Run()
    number, leads, _, _ = run.ask(0, "claim", "a", 1.0)
    assert leads
    assert run.ask(1, "claim", "a", 1.0) == [number, False, False, ""]
    assert run.ask(0, "claim", "a", 1.0) == [number, False, False, ""]
    assert run.ask(2, "claim", "b", 1.0)[1]
    run.ask(0, "end", "a", number, "STORED", 2.0)
    assert run.events == {0: [["ended", number, "STORED"]], 1: [["ended", number, "STORED"]], 2: []}
    assert run.ask(1, "claim", "a", 3.0)[1]


def test_a_peer_that_looked_before_the_end_looks_again() -> None:
    """It gets a flight that has ended since; one that ended before is forgotten."""
    run = _Run()
    number, *_ = run.ask(0, "claim", "a", 1.0)
    run.ask(0, "answered", "a", number, True)
    run.ask(0, "end", "a", number, "NOT_STORED", 5.0)
    assert run.ask(1, "claim", "a", 4.9) == [number, False, True, "NOT_STORED"]
    assert run.ask(1, "claim", "a", 5.0)[1]


def test_peers_learn_that_a_terminal_event_has_passed() -> None:
    """Those that wait, and those that claim the key later."""
    run = _Run()
    number, *_ = run.ask(0, "claim", "a", 1.0)
    run.ask(1, "claim", "a", 1.0)
    run.ask(0, "answered", "a", number, True)
    assert run.events[1] == [["answered", number, True]]
    assert run.ask(2, "claim", "a", 1.0) == [number, False, True, ""]


def test_a_death_abandons_flights() -> None:
    """Peers that wait learn it, and the next to claim leads; a dead peer is refused."""
    run = _Run()
    number, *_ = run.ask(1, "claim", "a", 1.0)
    other, *_ = run.ask(2, "claim", "b", 1.0)
    run.ask(2, "claim", "a", 1.0)
    run.coordinator.leave(1, 2.0)
    assert run.events[2] == [["ended", number, "ABANDONED"]]
    assert run.ask(2, "claim", "a", 3.0)[1]
    assert not run.ask(0, "claim", "b", 3.0)[1]
    assert other != number
    with pytest.raises(ValueError, match="not a method of the coordinator"):
        run.ask(1, "claim", "c", 1.0)


def test_only_the_leader_ends_a_flight_and_once() -> None:
    """Neither another peer nor an old number ends the current flight."""
    run = _Run()
    old, *_ = run.ask(0, "claim", "a", 1.0)
    run.ask(0, "end", "a", old, "STORED", 1.5)
    number, *_ = run.ask(0, "claim", "a", 2.0)
    for peer, ended in ((0, old), (1, number)):
        run.ask(peer, "end", "a", ended, "STORED", 3.0)
        run.ask(peer, "answered", "a", ended, True)
        assert run.ask(2, "claim", "a", 2.0) == [number, False, False, ""]


def test_ended_flights_are_forgotten_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bounded number is remembered."""
    monkeypatch.setattr(coordinator_module, "_MOST_ENDED", 2)
    run = _Run()
    for key in "abc":
        run.ask(0, "end", key, run.ask(0, "claim", key, 1.0)[0], "STORED", 9.0)
    assert [run.ask(1, "claim", key, 1.0)[1] for key in "abc"] == [True, False, False]


def test_requests_are_counted_for_all() -> None:
    """The budget is claimed one by one, whoever asks; all learn when it is spent, later peers too, and a dead peer
    gives nothing back."""
    run = _Run(max_live=2)
    assert [run.ask(peer, "take") for peer in (0, 1)] == ["", ""]
    words = "the budget PROVIDER_PROXY_MAX_LIVE=2 is spent"
    run.coordinator.leave(1, 1.0)
    assert run.ask(2, "take") == words
    assert run.coordinator.live == 2
    run.join(7)
    assert [run.events[peer] for peer in (0, 2, 7)] == [[["spent", words]]] * 3


def test_money_is_summed() -> None:
    """Each peer reports its latest sum; the sum of a dead one stays."""
    run = _Run(max_usd=Decimal(3))
    run.ask(0, "pay", "1.5")
    run.ask(1, "pay", "1")
    run.ask(1, "pay", "1.25")
    run.coordinator.leave(1, 1.0)
    assert run.ask(2, "take") == ""
    run.ask(2, "pay", "0.25")
    assert "MAX_USD=3" in run.ask(0, "take")
    assert run.events[0] == [["spent", run.ask(0, "take")]]


def test_an_id_that_was_minted_in_one_process_is_known_in_all() -> None:
    """Whichever peer saw the answer, every other peer finds its request."""
    run = _Run()
    assert run.ask(0, "find-minted", "upload-1") is None
    run.ask(1, "note-minted", "upload-1", "pp2-a", "digest")
    assert run.ask(0, "find-minted", "upload-1") == ("pp2-a", "digest")


def test_repeats_and_accepted_credentials() -> None:
    """Repeats are counted over all peers; a credential is accepted for the first time once."""
    run = _Run()
    assert [run.ask(peer, "next-repeat", "a") for peer in (0, 1, 0)] == [1, 2, 3]
    assert run.ask(1, "next-repeat", "b") == 1
    run.ask(1, "release-repeat", "a", 2)
    assert [run.ask(0, "next-repeat", "a") for _ in range(2)] == [2, 4]
    assert not run.ask(0, "was-accepted", "d")
    assert [run.ask(peer, "accept", "d") for peer in (0, 1)] == [True, False]
    assert run.ask(2, "was-accepted", "d")


def test_a_credential_is_shared_with_all_others() -> None:
    """Before the peer that saw it continues, and before any later result."""
    run = _Run()
    run.ask(1, "share-credentials", [["kind", "c2VjcmV0"]])
    assert run.ask(0, "sync") is None
    assert run.events == {
        0: [["credentials", [["kind", "c2VjcmV0"]]]],
        1: [],
        2: [["credentials", [["kind", "c2VjcmV0"]]]],
    }


@pytest.mark.parametrize("what", ["_take", "join", "leave", "", "handle"])
def test_an_unknown_method_is_refused(what: str) -> None:
    """Private names and ordinary methods included."""
    with pytest.raises(ValueError, match="not a method of the coordinator"):
        _Run().ask(0, what)


def test_without_bounds_nothing_is_ever_spent() -> None:
    """Neither requests nor money count."""
    run = _Run()
    run.ask(0, "pay", "1000000")
    assert {run.ask(0, "take") for _ in range(100)} == {""}


def test_no_request_at_all_is_a_bound_too() -> None:
    """Peers learn it when they join."""
    run = _Run(peers=1, max_live=0)
    words = "the budget PROVIDER_PROXY_MAX_LIVE=0 is spent"
    assert run.events[0] == [["spent", words]]
    assert run.ask(0, "take") == words
    assert run.coordinator.live == 0


def test_requests_are_numbered_for_fault_rules() -> None:
    """Over all peers, for each rule by itself. Past a bound new names get no number, and so no fault."""
    run = _Run()
    assert run.ask(0, "count-faults", ["a", "b"]) == [1, 1]
    assert run.ask(1, "count-faults", ["b"]) == [2]
    assert run.ask(2, "count-faults", ["a", "b"]) == [2, 3]


def test_the_names_of_fault_rules_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that are known count on."""
    monkeypatch.setattr(coordinator_module, "_MOST_FAULTED", 1)
    run = _Run()
    assert run.ask(0, "count-faults", ["a", "b"]) == [1, 0]
    assert run.ask(0, "count-faults", ["a", "b"]) == [2, 0]

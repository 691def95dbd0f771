"""The state that all requests of a run share, in whichever process they are. Pure: no sockets, no clock.

The process that the user started keeps the one `Coordinator`; every process of the run, that one included, is a
peer with a number (0 is that process) and asks it by method name and JSON values, so that it works over an RPC
channel. If a peer dies, its flights are abandoned and what it claimed of the budget stays spent.
"""

from __future__ import annotations

import enum
import itertools
from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from addon.exchange.conflicts import Conflicts
from addon.exchange.gathering import Gathering, Gatherings
from addon.exchange.minted import Answered, Minted
from addon.policy.variants import RepeatCounter
from addon.scopes.registry import Registry
from addon.scopes.scope import Scope, Wish
from cache_store.errors import UsageError

__all__ = ["Coordinator", "Notify", "Outcome"]

type Notify = Callable[..., None]
"""Called with the name of an event and its values: `notify("spent", "the budget … is spent")`."""

# A peer may look at the store just before a flight ends and claim the key just after: ended flights are
# remembered.
_MOST_ENDED = 4096
_MOST_BOUND = 50_000  # recordings that lack headers
_MOST_FAULTED = 200_000  # fault rules of tests


class Outcome(enum.Enum):
    """How a flight ended, which decides what the requests that wait for it do."""

    STORED = "its entry is stored: serve it"
    NOT_STORED = "a whole answer that is not stored: every waiter goes to the provider"
    ABANDONED = "cut off, stalled, or its client left: the next waiter takes over"


@dataclass(slots=True)
class _Flight:
    """One request on its way to the provider: which peer sent it, and which peers wait for it."""

    number: int
    key: str
    leader: int
    answered: bool = False
    waiting: set[int] = field(default_factory=set)


class Coordinator:
    """Single flight by key, counters of repeats and faults, the budget, credentials, open tests, minted ids.

    `max_live` is a number of requests, `max_usd` US dollars; None is no bound. The cost of an answer is known when
    it is whole, so requests in flight can go past `max_usd`.
    """

    def __init__(self, max_live: int | None = None, max_usd: Decimal | None = None) -> None:
        self._peers: dict[int, Notify] = {}
        self._max_live = max_live
        self._max_usd = max_usd
        self._paid: dict[int, Decimal] = {}
        self._numbers = itertools.count(1)
        self._in_flight: dict[str, _Flight] = {}
        self._ended: OrderedDict[str, tuple[float, Outcome, _Flight]] = OrderedDict()
        self._repeats = RepeatCounter()
        self._accepted: set[str] = set()  # digests of credentials
        self._minted = Minted()
        self._tests = Registry()
        self._conflicts = Conflicts()
        self._gatherings = Gatherings()
        self._answered_keys = Answered()
        self._header_values: dict[str, str] = {}
        self._faulted: Counter[str] = Counter()
        self.live = 0
        """Requests that peers were allowed to forward."""

    def join(self, peer: int, notify: Notify) -> None:
        """Add a peer, and tell it which tests are open and whether the budget is spent."""
        self._peers[peer] = notify
        for client, scopes in self._tests.clients():
            notify("tests", client, _values(scopes))
        if bound := self._spent():
            notify("spent", bound)

    def leave(self, peer: int, now: float) -> None:
        """Remove a peer. `now` is monotonic time, as everywhere here."""
        self._peers.pop(peer, None)
        for flight in [flight for flight in self._in_flight.values() if flight.leader == peer]:
            self._end(peer, flight.key, flight.number, Outcome.ABANDONED.name, now)
        for gathering in self._gatherings.leave(peer):
            self._gathered(gathering)

    def handle(self, peer: int, method: str, args: list[Any]) -> Any:
        """Call a method for a peer. Raises ValueError for an unknown method or peer."""
        call = self._methods.get(method)
        if call is None or peer not in self._peers:
            raise ValueError(f"{method} is not a method of the coordinator")
        return call(self, peer, *args)

    def _claim(self, peer: int, key: str, looked: float) -> list[Any]:
        """[number, leads, answered, outcome] of the flight for `key`: a running one, one that ended since the peer
        looked at the store, or a new one that the peer leads.
        """
        flight = self._in_flight.get(key)
        if flight is not None:
            flight.waiting.add(peer)
            return [flight.number, False, flight.answered, ""]
        if key in self._ended:
            ended_at, outcome, last = self._ended[key]
            if ended_at > looked:
                return [last.number, False, last.answered, outcome.name]
        self._in_flight[key] = flight = _Flight(next(self._numbers), key, peer)
        return [flight.number, True, False, ""]

    def _answered(self, peer: int, key: str, number: int, answered: bool) -> None:
        """The leader has, or has not after all, passed on the terminal event of its answer."""
        flight = self._led(peer, key, number)
        if flight is not None:
            flight.answered = answered
            self._notify_waiting(flight, "answered", answered)

    def _end(self, peer: int, key: str, number: int, outcome: str, at: float) -> None:
        flight = self._led(peer, key, number)
        if flight is None:
            return
        del self._in_flight[key]
        self._ended.pop(key, None)
        self._ended[key] = at, Outcome[outcome], flight
        if len(self._ended) > _MOST_ENDED:
            self._ended.popitem(last=False)
        self._notify_waiting(flight, "ended", outcome)

    def _led(self, peer: int, key: str, number: int) -> _Flight | None:
        """The running flight with this number; None if it has ended, or another peer leads it."""
        flight = self._in_flight.get(key)
        return flight if flight is not None and (flight.number, flight.leader) == (number, peer) else None

    def _notify_waiting(self, flight: _Flight, event: str, value: Any) -> None:
        for peer in flight.waiting & self._peers.keys():
            self._peers[peer](event, flight.number, value)

    def _spent(self) -> str:
        if self._max_live is not None and self.live >= self._max_live:
            return f"the budget PROVIDER_PROXY_MAX_LIVE={self._max_live} is spent"
        if self._max_usd is not None and sum(self._paid.values(), Decimal(0)) >= self._max_usd:
            return f"the budget PROVIDER_PROXY_MAX_USD={self._max_usd} is spent"
        return ""

    def _take(self, _: int) -> str:
        """Claim one request of the budget; the bound that forbids it, or ''."""
        bound = self._spent()
        if not bound:
            self.live += 1
            self._notify_if_spent()
        return bound

    def _pay(self, peer: int, usd: str) -> None:
        """Note the total cost of a peer's answers so far."""
        self._paid[peer] = Decimal(usd)
        self._notify_if_spent()

    def _notify_if_spent(self) -> None:
        if bound := self._spent():
            for notify in self._peers.values():
                notify("spent", bound)

    def _accept(self, _: int, digest: str) -> bool:
        is_new = digest not in self._accepted
        self._accepted.add(digest)
        return is_new

    def _bind_headers(self, _: int, key: str, digest: str) -> bool:
        """Whether this digest is that of the values that the run gave to the headers a recording lacks."""
        if key not in self._header_values and len(self._header_values) >= _MOST_BOUND:
            return False
        return self._header_values.setdefault(key, digest) == digest

    def _count_faults(self, _: int, counters: list[str]) -> list[int]:
        """The number, from 1, of this request under each name; 0 for new names once there are too many."""
        for counter in counters:
            if counter in self._faulted or len(self._faulted) < _MOST_FAULTED:
                self._faulted[counter] += 1
        return [self._faulted[counter] for counter in counters]

    def _share_credentials(self, peer: int, credentials: list[Any]) -> None:
        """Tell every other peer before the one that saw them continues."""
        for other, notify in self._peers.items():
            if other != peer:
                notify("credentials", credentials)

    def _begin_test(self, peer: int, token: int, client: str, wish: dict[str, Any]) -> str:
        """Tell every peer which test a client runs; `peer` hears when all know. The result is an error, or ''."""
        try:
            scopes = self._tests.begin(client, Wish(**wish))
        except UsageError as error:
            return str(error)
        self._tell_all("tests", client, _values(scopes))
        self._gather(peer, token, "known", None)
        return ""

    def _end_test(self, peer: int, token: int, client: str, test: str, ran: bool) -> dict[str, Any] | None:
        """End a test, and ask every peer for its part of the verdict; the test, or None if it is not open."""
        ended = self._tests.end(client, test)
        if ended is None:
            return None
        if ran:
            self._tell_all("ran", ended.test)
        self._tell_all("tests", client, _values(self._tests.of(client)))
        self._gather(peer, token, "ended", ended)
        return ended.as_dict()

    def _look_at_test(self, peer: int, token: int, client: str, question: str) -> dict[str, Any] | None:
        """Ask every peer about a client's current test; None if it has none.

        The question is `counts` for its part of the verdict so far, or `sent` for what it was sent.
        """
        scopes = self._tests.of(client)
        if not scopes:
            return None
        self._gather(peer, token, question, scopes[-1])
        return scopes[-1].as_dict()

    def _tell_all(self, event: str, *values: Any) -> None:
        for notify in list(self._peers.values()):
            notify(event, *values)

    def _gather(self, asker: int, token: int, question: str, scope: Scope | None) -> None:
        self._gatherings.begin(asker, token, self._peers)
        self._tell_all("asked", asker, token, question, scope.as_dict() if scope else None)

    def _reply(self, peer: int, asker: int, token: int, value: Any) -> None:
        gathering = self._gatherings.reply(peer, asker, token, value)
        if gathering is not None:
            self._gathered(gathering)

    def _gathered(self, gathering: Gathering) -> None:
        if gathering.asker in self._peers:
            self._peers[gathering.asker]("gathered", gathering.token, gathering.replies)

    _methods: dict[str, Callable[..., Any]] = {  # noqa: RUF012 - never changed
        "claim": _claim,
        "answered": _answered,
        "end": _end,
        "next-repeat": lambda self, _, key: self._repeats.next(key),
        "release-repeat": lambda self, _, key, n: self._repeats.release(key, n),
        "take": _take,
        "pay": _pay,
        "was-accepted": lambda self, _, digest: digest in self._accepted,
        "accept": _accept,
        "share-credentials": _share_credentials,
        "note-answer": lambda self, _, *noted: self._conflicts.note(*noted),
        "begin-test": _begin_test,
        "end-test": _end_test,
        "look-at-test": _look_at_test,
        "reply": _reply,
        "note-minted": lambda self, _, *noted: self._minted.note(*noted),
        "bind-headers": _bind_headers,
        "count-faults": _count_faults,
        "note-answered": lambda self, _, key: self._answered_keys.note(key),
        "answered-since": lambda self, _, place: self._answered_keys.since(place),
        "find-minted": lambda self, _, identifier: self._minted.find(identifier),
        # A peer has received every earlier event when it receives this answer.
        "sync": lambda _self, _: None,
    }


def _values(scopes: list[Scope]) -> list[dict[str, Any]]:
    return [scope.as_dict() for scope in scopes]

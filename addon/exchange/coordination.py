"""One process's part in what a run shares: which request goes live for a key, repeats, the budget, credentials.

The state is in the run's `Coordinator`. A `Peer` asks it through a channel: in place in the process that keeps it,
and over RPC (`addon.workers.rpc`) in every other one. In place nothing gives way to other requests.
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import math
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from typing import Any, Protocol

from addon.accounting.costs import Tally
from addon.exchange.coordinator import Coordinator, Outcome
from addon.exchange.minted import digest_of
from addon.redaction import Taint
from addon.redaction.credentials_seen import Credential
from addon.redaction.taint import MOST_OF_REQUEST
from addon.scopes.open_tests import OpenTests
from addon.scopes.scope import Scope, Wish
from addon.settings.settings import Settings
from cache_store.errors import StoreUnavailable, UsageError

__all__ = ["Channel", "Flight", "LocalChannel", "Peer", "local_peer", "packed"]

_MOST_NOTED = 10_000  # keys

STALLED_SECONDS = 120.0
"""An answer without a new byte for so long has a client that does not read it, or a provider that hangs. (A model
that thinks may be silent for a minute after its first event.)"""


_GATHER_SECONDS = 10.0
"""How long the processes of a run have to answer about a test. A process that is gone does not count."""


class CountTest(Protocol):
    """Counts one process's part of a test."""

    async def __call__(self, scope: Scope, *, is_over: bool) -> dict[str, Any] | None:
        """The counts as JSON values, None if there are none. If it `is_over`, requests in flight are waited for."""


def _sent_nothing(scope: Scope) -> None:  # noqa: ARG001 - as `Peer.sent_by_test` is called
    return None


def _notes_nothing(test: str, outcome: str) -> None:
    """Only a probe asks how a test ended."""


async def _counts_nothing(scope: Scope, *, is_over: bool) -> None:  # noqa: ARG001 - as the protocol says
    return None


class Channel(Protocol):
    """The way to the coordinator."""

    async def ask(self, method: str, *args: Any, then: Callable[[Any], Any] | None = None) -> Any:
        """The result of a method, passed through `then` before any later event arrives."""

    def tell(self, method: str, *args: Any) -> None:
        """Call a method and do not wait."""

    def confirm(self, method: str, *args: Any) -> Awaitable[Any] | None:
        """Call a method; await the result to know that it has run. None if it has run already."""


class LocalChannel:
    """The coordinator is in this process."""

    def __init__(self, coordinator: Coordinator, peer: int) -> None:
        self._coordinator = coordinator
        self._peer = peer

    async def ask(self, method: str, *args: Any, then: Callable[[Any], Any] | None = None) -> Any:
        """The result of a method."""
        result = self._coordinator.handle(self._peer, method, list(args))
        return then(result) if then is not None else result

    def tell(self, method: str, *args: Any) -> None:
        """Call a method."""
        self._coordinator.handle(self._peer, method, list(args))

    def confirm(self, method: str, *args: Any) -> Awaitable[Any] | None:
        """Call a method; there is nothing to await."""
        self.tell(method, *args)
        return None


class Flight:
    """A request on its way to the provider for a key, as one process sees it. It leads there or waits for it."""

    __slots__ = ("_answered", "_on_answered", "ended", "key", "moved", "number", "stalled")

    def __init__(self, key: str, number: int, on_answered: Callable[[Flight], None] | None = None) -> None:
        self.key = key
        self.number = number
        self.moved = math.inf
        """Monotonic time of the latest bytes of its answer; the first may take minutes."""
        self.stalled: asyncio.TimerHandle | None = None
        self._answered = False
        self._on_answered = on_answered
        self.ended: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()

    @property
    def answered(self) -> bool:
        """Whether its terminal event has passed: an equal request is a retry from now on, not a duplicate."""
        return self._answered

    @answered.setter
    def answered(self, answered: bool) -> None:
        if answered != self._answered:
            self._answered = answered
            if self._on_answered is not None:
                self._on_answered(self)

    async def wait(self, seconds: float = math.inf) -> bool:
        """Whether it ends within `seconds`."""
        # `asyncio.wait`, since a waiter that is cancelled must not cancel the others' future.
        await asyncio.wait([self.ended], timeout=None if seconds == math.inf else seconds)
        return self.ended.done()


class Peer:
    """One process of the run.

    `spent` is what its live answers cost; it is reported only if `counts_money`. `before_sending` is called before
    a request is forwarded, so that a process that dies has not sent anything unseen.
    """

    def __init__(
        self,
        channel: Channel,
        spent: Tally,
        *,
        counts_money: bool,
        before_sending: Callable[[], None] = lambda: None,
    ) -> None:
        self.taint = Taint()
        self.tests = OpenTests()
        self.count_test: CountTest = _counts_nothing
        self.note_outcome: Callable[[str, str], None] = _notes_nothing
        self.sent_by_test: Callable[[Scope], dict[str, Any] | None] = _sent_nothing
        """What a test has sent to this process, as JSON values. It is called in a thread."""
        self._tokens = itertools.count(1)
        self._gathering: dict[int, asyncio.Future[list[Any]]] = {}
        self._replying: set[asyncio.Task[None]] = set()
        self._channel = channel
        self._tally = spent
        self._counts_money = counts_money
        self._before_sending = before_sending
        self._bound = ""
        self._led: dict[int, Flight] = {}
        self._joined: dict[int, Flight] = {}
        self._noted: dict[str, None] = {}
        self._holding: asyncio.TimerHandle | None = None

    def receive(self, event: str, values: Sequence[Any]) -> None:
        """Handle an event of the coordinator. Raises ValueError for an unknown one."""
        if event == "ended":
            flight = self._joined.pop(values[0], None)
            if flight is not None:
                flight.ended.set_result(Outcome[values[1]])
        elif event == "answered":
            if values[0] in self._joined:
                self._joined[values[0]].answered = values[1]
        elif event == "spent":
            self._bound = values[0]
        elif event == "credentials":
            self.taint.add(Credential(kind, base64.b64decode(secret)) for kind, secret in values[0])
            if len(values[0]) >= MOST_OF_REQUEST:
                self._hold_back()
        else:
            self._receive_of_tests(event, values)

    def _receive_of_tests(self, event: str, values: Sequence[Any]) -> None:
        if event == "tests":
            self.tests.set(values[0], (Scope(**scope) for scope in values[1]))
        elif event == "asked":
            self._asked(*values)
        elif event == "gathered":
            if values[0] in self._gathering:
                self._gathering.pop(values[0]).set_result(values[1])
        elif event == "ran":
            self.tests.note_ran(values[0])
        else:
            raise ValueError(f"{event} is not an event of the coordinator")

    def _hold_back(self) -> None:
        """Store nothing as long as a request with too many credentials may be in flight in another process."""
        self.taint.crowd(True)
        if self._holding is not None:
            self._holding.cancel()
        self._holding = asyncio.get_running_loop().call_later(STALLED_SECONDS, self.taint.crowd, False)

    def disconnected(self) -> None:
        """The coordinator is gone: nobody waits for a flight any more."""
        joined, self._joined = self._joined, {}
        for flight in joined.values():
            flight.ended.set_result(Outcome.ABANDONED)
        gathering, self._gathering = self._gathering, {}
        for replies in gathering.values():
            replies.set_exception(StoreUnavailable("the process that leads this run is gone"))
            replies.exception()  # nobody may be waiting any more

    def spent(self) -> str:
        """The bound that is known to be reached, as text; '' while requests may be forwarded."""
        return self._bound

    @property
    def is_money_spent(self) -> bool:
        """Whether live answers have cost as much as they may: then none is read on without its client."""
        return "PROVIDER_PROXY_MAX_USD" in self._bound

    async def take(self) -> str:
        """Claim one request of the budget right before it is forwarded; the bound that forbids it, or ''."""
        self._before_sending()
        return str(await self._channel.ask("take"))

    async def pay(self) -> None:
        """Report what live answers cost, if there is a bound on money."""
        if self._counts_money:
            await self._channel.ask("pay", str(self._tally.usd))

    async def next_repeat(self, key: str) -> int:
        """The number of this request among the run's equal ones, from 1."""
        return int(await self._channel.ask("next-repeat", key))

    def release_repeat(self, key: str, n: int) -> None:
        """Give a number back under which nothing was stored or served."""
        self._channel.tell("release-repeat", key, n)

    async def claim(self, key: str, looked: float) -> tuple[Flight, bool]:
        """The flight of `key`, and whether the caller leads it.

        `looked` is the monotonic time before the caller looked at the store: if a flight has ended since, the
        caller may have missed its entry and gets the ended flight.
        """

        def claimed(result: Any) -> tuple[Flight, bool]:
            number, leads, answered, outcome = result
            if leads:
                led = self._led[number] = Flight(key, number, self._tell_answered)
                self._watch(led, STALLED_SECONDS)
                return led, True
            flight = self._led.get(number) or self._joined.get(number) or Flight(key, number)
            if number not in self._led:
                flight.answered = answered
                if outcome:
                    flight.ended.set_result(Outcome[outcome])
                else:
                    self._joined[number] = flight
            return flight, False

        claim: tuple[Flight, bool] = await self._channel.ask("claim", key, looked, then=claimed)
        return claim

    def end(self, flight: Flight, outcome: Outcome) -> None:
        """End a flight that this process leads; a second call has no effect."""
        if self._led.pop(flight.number, None) is None:
            return
        assert flight.stalled is not None
        flight.stalled.cancel()
        flight.ended.set_result(outcome)
        self._channel.tell("end", flight.key, flight.number, outcome.name, time.monotonic())

    def _watch(self, flight: Flight, seconds: float) -> None:
        """Abandon a flight once its answer has stalled: those who wait elsewhere cannot see that."""
        flight.stalled = asyncio.get_running_loop().call_later(seconds, self._abandon_if_stalled, flight)

    def _abandon_if_stalled(self, flight: Flight) -> None:
        left = flight.moved + STALLED_SECONDS - time.monotonic()
        if left > 0:
            self._watch(flight, min(left, STALLED_SECONDS))
        else:
            self.end(flight, Outcome.ABANDONED)

    def _tell_answered(self, flight: Flight) -> None:
        if flight.number in self._led:
            self._channel.tell("answered", flight.key, flight.number, flight.answered)

    async def was_accepted(self, digest: str) -> bool:
        """Whether a provider has accepted the credential with this digest in this run."""
        return bool(await self._channel.ask("was-accepted", digest))

    async def accept(self, digest: str) -> bool:
        """Note that a provider has accepted a credential; True the first time."""
        return bool(await self._channel.ask("accept", digest))

    async def note_answer(self, key: str, digest: str, test: str, attempt: int) -> str | None:
        """Note an answer that was stored; the test whose different answer it replaces, None if there is none."""
        found = await self._channel.ask("note-answer", key, digest, test, attempt)
        return None if found is None else str(found)

    async def begin_test(self, client: str, wish: Wish) -> None:
        """Make a test the client's current one; returns when every process knows. Raises UsageError."""
        await self._gather("begin-test", client, asdict(wish))

    async def end_test(
        self, client: str, test: str, *, ran: bool = True
    ) -> tuple[Scope, list[dict[str, Any]]] | None:
        """End the client's current test, or the open one called `test`: the test, and each process's counts of it.

        `ran` says that it ran to its end and passed. The result is None if there is no such test.
        """
        return await self._gather("end-test", client, test, ran)

    async def look_at_test(self, client: str) -> tuple[Scope, list[dict[str, Any]]] | None:
        """The client's current test and each process's counts of it so far; None if the client has none."""
        return await self._gather("look-at-test", client, "counts")

    async def requests_of_test(self, client: str) -> tuple[Scope, list[dict[str, Any]]] | None:
        """The client's current test and what it has sent to each process; None if the client has none."""
        return await self._gather("look-at-test", client, "sent")

    async def _gather(self, method: str, *args: Any) -> tuple[Scope, list[dict[str, Any]]] | None:
        token = next(self._tokens)
        replies = self._gathering[token] = asyncio.get_running_loop().create_future()
        try:
            result = await self._channel.ask(method, token, *args)
            if isinstance(result, str) and result:
                raise UsageError(result)
            if result is None:
                return None
            async with asyncio.timeout(_GATHER_SECONDS):
                rows = await replies
        except TimeoutError as error:
            raise StoreUnavailable("a process of this run does not answer") from error
        finally:
            self._gathering.pop(token, None)
        return (Scope(**result), rows) if result else None

    def _asked(self, asker: int, token: int, question: str, scope: dict[str, Any] | None) -> None:
        if scope is None:
            self._channel.tell("reply", asker, token, None)
            return
        task = asyncio.ensure_future(self._reply(asker, token, question, Scope(**scope)))
        self._replying.add(task)
        task.add_done_callback(self._replying.discard)

    async def _reply(self, asker: int, token: int, question: str, scope: Scope) -> None:
        if question == "sent":
            found = await asyncio.to_thread(self.sent_by_test, scope)
        else:
            found = await self.count_test(scope, is_over=question == "ended")
        self._channel.tell("reply", asker, token, found)

    def note_minted(self, identifier: str, key: str, digest: str) -> Awaitable[Any] | None:
        """Note which answer minted an id; await the result before the client sees the answer."""
        return self._channel.confirm("note-minted", identifier, key, digest)

    async def find_minted(self, identifier: str) -> tuple[str, str] | None:
        """The key and the digest of the answer that minted an id, in whichever process; None if it is unknown."""
        found = await self._channel.ask("find-minted", identifier)
        return (str(found[0]), str(found[1])) if found else None

    async def bind_headers(self, key: str, values: str) -> bool:
        """Whether the headers that the recording under `key` lacks have these values in this run; the first do."""
        return bool(await self._channel.ask("bind-headers", key, digest_of(values.encode())))

    async def count_faults(self, counters: Sequence[str]) -> list[int]:
        """The number, from 1, of this request under each name; 0 where the run has too many names."""
        return [int(number) for number in await self._channel.ask("count-faults", list(counters))]

    def note_answered(self, key: str) -> None:
        """Note that the answer under `key` was stored or served."""
        if key not in self._noted:
            self._noted[key] = None
            if len(self._noted) > _MOST_NOTED:
                self._noted.pop(next(iter(self._noted)))
            self._channel.tell("note-answered", key)

    async def answered_since(self, place: int) -> tuple[int, list[str]]:
        """The next place, and the keys of the answers from `place` on, of whichever process."""
        after, keys = await self._channel.ask("answered-since", place)
        return int(after), [str(key) for key in keys]

    def share(self, credentials: Sequence[Credential]) -> Awaitable[Any] | None:
        """Tell the other peers about credentials; await the result before anything is sent with them."""
        return self._channel.confirm("share-credentials", packed(credentials))

    async def sync(self) -> None:
        """Return once `taint` knows every credential that was sent anywhere before this call."""
        await self._channel.ask("sync")


def local_peer(coordinator: Coordinator, settings: Settings, spent: Tally) -> Peer:
    """The peer of the process that keeps the coordinator."""
    peer = Peer(LocalChannel(coordinator, 0), spent, counts_money=settings.max_usd is not None)
    coordinator.join(0, lambda event, *values: peer.receive(event, values))
    return peer


def packed(credentials: Sequence[Credential]) -> list[list[str]]:
    """Credentials as JSON values: their kind, and their bytes in base64."""
    return [[kind, base64.b64encode(secret).decode()] for kind, secret in credentials]

"""What is done with a request, and with the live answer to it: the way through the cache, free of mitmproxy.

request → mode → identity → entry → hit, or
request → mode → identity → provider → recording → whole, successful, free of secrets? → entry
"""

from __future__ import annotations

import math
import time
from collections.abc import Awaitable, Callable
from functools import partial

from addon.accounting.counts import HostCounts, RunCounts
from addon.accounting.live_costs import add_live
from addon.exchange.bypassing import bypassed
from addon.exchange.cache_status import bypass_status, hit_status, miss_status
from addon.exchange.coordination import Alone, Coordination
from addon.exchange.decisions import Decision, Forward, Hit, Own
from addon.exchange.explaining import Explaining
from addon.exchange.flights import Landing
from addon.exchange.own_answers import error_body, miss_message
from addon.exchange.store_access import StoreAccess
from addon.identity import identify
from addon.judging.reasons import NotStored
from addon.messages import LiveAnswer, WireRequest
from addon.policy import never_cached
from addon.policy.keeping import Origin, entry_or_reason
from addon.policy.variants import (
    CREDENTIAL_STATUSES,
    credential_digest,
    nth_key,
    rejection_key,
    rejection_mark,
    rejection_mark_key,
)
from addon.settings.modes import Mode, Serves, mode_for_request
from addon.settings.settings import Settings
from cache_store.entry import Entry, is_expired
from cache_store.errors import StoreError, UsageError
from cache_store.store import Store

__all__ = ["Answering"]

# How long a retry waits for the entry of an answer that its client has already seen whole.
ANSWERED_SECONDS = 5.0


class Answering:
    """The cache of one run."""

    def __init__(
        self, settings: Settings, store: StoreAccess, counts: RunCounts,
        explaining: Explaining | None = None, coordination: Coordination | None = None,
    ) -> None:  # fmt: skip
        self.settings = settings
        self.mode = settings.cache_mode
        self._store = store
        self._counts = counts
        self.explaining = explaining or Explaining(store.candidates, counts)
        self._shared = coordination or Alone(settings, counts)
        self._taint = self.explaining.taint = self._shared.taint
        self._taint.learn_proxy_auth(settings.auth)
        # Whether a request's plain key alone says which entry answers it.
        self._by_key = not (settings.sequence or settings.store_errors & CREDENTIAL_STATUSES)

    def decide(
        self, request: WireRequest, asked: str | None, bypass: str = ""
    ) -> Decision | Awaitable[Decision]:
        """What to do with a request, at once where nothing must be waited for; `asked` is its mode header's value.

        `bypass` says why the cache is not to be asked: `websocket`, or that the request is not here whole.
        """
        counts = self._counts.host(request.host)
        counts.requests += 1
        try:
            mode = mode_for_request(self.mode, asked)
        except UsageError as error:
            counts.errors += 1
            return Own(400, error_body("provider_proxy_bad_mode", str(error)), bypass_status("bad-mode"))
        new = self._taint.learn(request)
        telling = self._shared.seen(new) if new else None
        if telling is not None:
            return self._decide_after(telling, request, mode, bypass, counts)
        return self._decide(request, mode, bypass, counts)

    async def _decide_after(
        self, telling: Awaitable[None], request: WireRequest, mode: Mode, bypass: str, counts: HostCounts
    ) -> Decision:
        await telling
        decision = self._decide(request, mode, bypass, counts)
        return await decision if isinstance(decision, Awaitable) else decision

    def _decide(
        self, request: WireRequest, mode: Mode, bypass: str, counts: HostCounts
    ) -> Decision | Awaitable[Decision]:
        over = self._shared.spent() if mode.forwards else ""
        if over:
            mode = Mode.REQUIRE_HIT
        bypass = bypass or never_cached.refusal(request) or ("mode-off" if mode is Mode.OFF else "")
        if bypass:
            return self._bypass(request, mode, bypass, counts, over)
        forward = Forward(request, mode, "")
        forward.identity = identify(request, self.settings.identity)
        entry = self._at_hand(forward)
        return self._hit(forward, entry, counts) if entry else self._look_up(forward, counts, over)

    def _counted(self, decision: Decision, counts: HostCounts, over: str) -> Decision:
        if isinstance(decision, Forward):
            counts.live += 1
        elif over and isinstance(decision, Own):
            self._counts.over_budget += 1
        return decision

    async def keep(self, forward: Forward, answer: LiveAnswer) -> NotStored | None:
        """Store the whole answer to `forward`; None is success, else why it is not stored."""
        counts = self._counts.host(forward.request.host)
        elapsed = time.monotonic() - forward.started
        counts.live_seconds += elapsed
        counts.live_bytes += len(answer.body)
        if not forward.stores:
            await self._count_cost(forward, answer)
            return None if forward.identity is None else NotStored.MODE
        # First of all, and handed to the writer at once: the run may end while the rest is waited for.
        reason = await self._put(forward, answer, elapsed)
        if reason is None:
            counts.stored += 1
        else:
            counts.not_stored[reason] += 1
        self._land(forward, Landing.STORED if reason is None else Landing.NOT_STORED)
        await self._count_cost(forward, answer)
        return reason

    async def _count_cost(self, forward: Forward, answer: LiveAnswer) -> None:
        if forward.identity is not None:
            await self._store.in_background(partial(self._add_cost, forward, answer))
            await self._shared.paid()

    def give_up(self, forward: Forward, reason: NotStored) -> None:
        """The answer to `forward` was cut off: nothing is stored, and a waiter takes over."""
        if forward.stores:
            self._counts.host(forward.request.host).not_stored[reason] += 1
        self._land(forward, Landing.ABANDONED)

    def keep_last(self, forward: Forward, answer: LiveAnswer) -> None:
        """Store an answer that its client has seen whole, when the run ends before its last byte came."""
        if not 200 <= answer.status < 300:  # an error may belong to one credential: `keep` sorts those out
            self.give_up(forward, NotStored.CUT_OFF)
            return
        counts = self._counts.host(forward.request.host)
        make = self._maker(forward, answer, time.monotonic() - forward.started, forward.key)
        reason: NotStored | None = NotStored.STORE_FAILED  # what holds where the store raises

        def work(store: Store) -> None:
            nonlocal reason
            made = make()
            if isinstance(made, NotStored):
                reason = made
            else:
                reason = None if store.put(made, forward.began_at) else NotStored.NEWER_ENTRY

        self._store.finish(work)
        if reason is None:
            counts.stored += 1
            self._counts.used.setdefault(forward.key, 0)
        else:
            counts.not_stored[reason] += 1
        self._land(forward, Landing.ABANDONED)

    def _maker(
        self, forward: Forward, answer: LiveAnswer, elapsed: float, key: str
    ) -> Callable[[], Entry | NotStored]:
        assert forward.identity is not None
        origin = Origin(
            method=forward.request.method,
            path=forward.request.target.partition("?")[0],
            identity=forward.identity,
            key=key,
            run=self._counts.run,
            recorded_at=time.time(),
            elapsed=elapsed,
        )
        return partial(entry_or_reason, origin, answer, self.settings, self._taint)

    def _add_cost(self, forward: Forward, answer: LiveAnswer) -> None:
        assert forward.identity is not None
        whole = forward.recording is None or not forward.recording.too_large
        add_live(self._counts.spent, forward.identity, answer, self.settings.max_body, whole=whole)
        if self.settings.max_usd is not None:
            self._counts.spent.settle()

    async def _put(self, forward: Forward, answer: LiveAnswer, elapsed: float) -> NotStored | None:
        assert forward.identity is not None
        if forward.recording is not None and forward.recording.too_large:
            return NotStored.TOO_LARGE
        digest = (
            credential_digest(forward.request) if self.settings.store_errors & CREDENTIAL_STATUSES else ""
        )
        apart = answer.status in CREDENTIAL_STATUSES
        if apart and await self._shared.has_worked(digest):
            return NotStored.STATUS
        await self._shared.all_seen()
        key = rejection_key(forward.key, digest) if apart else forward.key
        reason = await self._store.put(self._maker(forward, answer, elapsed, key), forward.began_at)
        if reason is None:
            self._counts.used.setdefault(key, 0)
        if apart and reason is None and (removed := forward.removed) is not None:
            # The error belongs to this credential alone; the answer that made way for it was another's.
            await self._store.put(lambda: removed, forward.began_at)
        if digest:
            await self._remember(forward.request.host, digest, answer.status)
        return reason

    async def _remember(self, host: str, digest: str, status: int) -> None:
        """Whether `host` takes this credential, as its last answer says."""
        if status == 401 and status in self.settings.store_errors:
            await self._store.put(lambda: rejection_mark(host, digest, self._counts.run), time.time())
        elif 200 <= status < 300 and await self._shared.worked(digest):
            await self._store.remove(rejection_mark_key(host, digest))

    async def _bypass(
        self, request: WireRequest, mode: Mode, detail: str, counts: HostCounts, over: str
    ) -> Decision:
        decision = bypassed(request, mode, detail, self.settings)
        if isinstance(decision, Forward) and await self._shared.take():
            decision = bypassed(request, Mode.REQUIRE_HIT, detail, self.settings)
            self._counts.over_budget += 1
        counts.bypassed += isinstance(decision, Forward)
        counts.refused += isinstance(decision, Own)
        return self._counted(decision, counts, over)

    def _at_hand(self, forward: Forward) -> Entry | None:
        """The entry that answers, where that is certain without waiting; else None, and `_find` finds out."""
        assert forward.identity is not None
        serves = forward.mode.serves
        if serves is Serves.NOTHING or not self._by_key:
            return None
        entry = self._store.at_hand(forward.identity.key)
        is_own = entry is not None and serves is Serves.OLD and entry.run == self._counts.run
        return None if is_own else self._fresh(entry)

    def _hit(self, forward: Forward, entry: Entry, counts: HostCounts) -> Hit:
        counts.hits += 1
        counts.hit_bytes += entry.size
        counts.saved_seconds += entry.elapsed - (time.monotonic() - forward.started)
        self._counts.used[entry.key] = self._counts.used.get(entry.key, 0) + 1
        return Hit(entry, hit_status(entry.key))

    async def _look_up(self, forward: Forward, counts: HostCounts, over: str) -> Decision:
        try:
            entry = await self._find(forward)
        except StoreError as error:
            if not forward.mode.forwards:
                counts.errors += 1
                body = error_body("provider_proxy_cache_unavailable", f"provider-proxy: {error}")
                own = Own(self.settings.miss_status, body, bypass_status("cache-unavailable"))
                return self._counted(own, counts, over)
            entry = None
        if entry is not None:
            return self._hit(forward, entry, counts)
        counts.misses += 1
        forward.cache_status = miss_status(forward.key)
        # Requests that were looked up meanwhile may have spent what was left.
        late = await self._shared.take() if forward.mode.forwards else ""
        if forward.mode.forwards and not late:
            if forward.mode.serves is not Serves.NOTHING:
                assert forward.identity is not None
                self.explaining.start_soon(forward.key, forward.identity, stored=forward.mode.stores)
            return self._counted(forward, counts, over)
        self._land(forward, Landing.ABANDONED)
        self._counts.over_budget += bool(late)
        return self._counted(await self._miss(forward, over or late), counts, over)

    async def _miss(self, forward: Forward, over: str) -> Own:
        """The answer to a miss that is not forwarded, with what explains it."""
        assert forward.identity is not None
        found = await self.explaining.explain(forward.key, forward.identity)
        # Never the path as it was sent: a credential may stand in it.
        place = found.place if found else f"{forward.request.method} {forward.request.host}"
        message = miss_message(place, over or f"mode {forward.mode}", found.line if found else "")
        nearest = found.as_dict() if found and found.nearest else None
        body = error_body("provider_proxy_cache_miss", message, key=forward.key, nearest=nearest)
        return Own(self.settings.miss_status, body, miss_status(forward.key))

    async def _find(self, forward: Forward) -> Entry | None:
        """The entry that answers; waits for an identical request in flight, or makes this one the leader."""
        assert forward.identity is not None
        key = forward.identity.key
        n = await self._shared.next(key) if self.settings.sequence else 1
        forward.key = nth_key(key, n)
        if self.settings.store_errors & CREDENTIAL_STATUSES and forward.mode.serves is not Serves.NOTHING:
            entry, rejected = await self._rejection(forward)
            if entry is not None or rejected:
                return entry
        if self.settings.sequence:
            return await self._nth(forward, key, n)
        return await self._coalesced(forward, key)

    async def _rejection(self, forward: Forward) -> tuple[Entry | None, bool]:
        """The 401 or 403 that this very credential got, and whether its host rejects it altogether."""
        digest = credential_digest(forward.request)
        entry = await self._servable(rejection_key(forward.key, digest), forward)
        return entry, await self._store.find(rejection_mark_key(forward.request.host, digest)) is not None

    async def _coalesced(self, forward: Forward, key: str) -> Entry | None:
        """The entry, maybe after waiting for an identical request in flight; else this one is the leader."""
        shared = False
        coalesces = self.settings.coalesce and forward.mode.serves is not Serves.NOTHING
        while True:
            looked = time.monotonic()
            entry = await self._servable(key, forward, shared=shared)
            if entry is not None or not forward.mode.stores:
                return entry
            flight, leads = await self._shared.claim(key, looked if coalesces else math.inf)
            if leads:
                forward.flight = flight
                return None
            retry = flight.answered
            if not retry and not coalesces:
                return None
            if not await flight.wait(ANSWERED_SECONDS if retry else math.inf):
                if retry:
                    return None
                self._shared.land(key, flight, Landing.ABANDONED)
            if flight.landed.result() is Landing.NOT_STORED and not retry:
                return None
            shared = flight.landed.result() is Landing.STORED and not retry

    async def _nth(self, forward: Forward, key: str, n: int) -> Entry | None:
        """The answer to the n-th equal request; past the last recorded one, the last in live modes."""
        entry = await self._servable(forward.key, forward)
        if entry is None and forward.mode.forwards and forward.mode.serves is not Serves.NOTHING:
            for earlier in range(n - 1, 0, -1):
                last = self._fresh(await self._store.find(nth_key(key, earlier)))
                if last is not None:
                    return last if last.run != self._counts.run else None
        return entry

    async def _servable(self, key: str, forward: Forward, *, shared: bool = False) -> Entry | None:
        """The entry that its mode may serve. One that this run recorded is removed where the mode wants a new
        answer, so that a retry that fails leaves nothing; `shared` ones come from a flight that was joined.
        """
        serves = forward.mode.serves
        entry = await self._store.find(key) if serves is not Serves.NOTHING else None
        if entry is not None and serves is Serves.OLD and entry.run == self._counts.run and not shared:
            await self._store.remove(key)
            forward.removed = entry if key == forward.key else None
            return None
        return self._fresh(entry)

    def _fresh(self, entry: Entry | None) -> Entry | None:
        return None if entry is None or is_expired(entry, self.settings.max_age) else entry

    def _land(self, forward: Forward, landing: Landing) -> None:
        if forward.flight is not None:
            self._shared.land(forward.key, forward.flight, landing)

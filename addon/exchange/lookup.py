"""Finds the entry that answers a request, or makes the request the one that goes to the provider for its key."""

from __future__ import annotations

import math
import time
from contextlib import suppress

from addon.exchange.coordination import Peer
from addon.exchange.coordinator import Outcome
from addon.exchange.decisions import Forward
from addon.exchange.store_access import StoreAccess
from addon.identity.unknown_headers import UNKNOWN_PREFIX, fits, variants
from addon.judging.endpoints import Endpoint, endpoint_class
from addon.judging.expected_errors import expected_at
from addon.messages import WireRequest
from addon.policy.same_answer import differs
from addon.policy.variants import (
    CREDENTIAL_STATUSES,
    credential_digest,
    key_of_test,
    nth_key,
    rejection_key,
    rejection_mark_key,
    split_key,
)
from addon.settings.modes import Serves
from addon.settings.settings import PER_TEST, SINGLE, Settings
from cache_store.entry import Entry, is_expired
from cache_store.errors import StoreError

__all__ = ["Lookup"]

# How long a retry waits for the entry of an answer that its client has already received whole.
ANSWERED_SECONDS = 5.0


class Lookup:
    """Looks up the requests of the run with the id `run`."""

    def __init__(self, settings: Settings, store: StoreAccess, peer: Peer, run: str) -> None:
        self._settings = settings
        self._store = store
        self._peer = peer
        self._run = run

    def at_hand(self, forward: Forward) -> Entry | None:
        """The entry that answers, if the first tier alone can tell without waiting; None means `find` must look."""
        assert forward.identity is not None
        serves = forward.mode.serves
        if (
            serves is Serves.NOTHING
            or self._repeat_of(forward) != SINGLE
            or self._credentials_matter(forward)
        ):
            return None
        entry = self._store.at_hand(forward.identity.key)
        is_own = entry is not None and entry.run == self._run
        if is_own and (serves is Serves.OLD or _is_action(forward.request)):
            return None
        return self._fresh(entry)

    async def find(self, forward: Forward) -> Entry | None:
        """The entry that answers, maybe after waiting for an identical request in flight.

        Sets `forward.key`, and `forward.flight` where the request is the one that goes to the provider. Raises
        StoreError where the first tier cannot be read.
        """
        assert forward.identity is not None
        key = forward.identity.key
        repeat = self._repeat_of(forward)
        if repeat == PER_TEST:
            assert forward.scope is not None
            key = key_of_test(key, forward.scope.test)
        if repeat != SINGLE:
            forward.counter = key + (forward.scope.counter if forward.scope else "")
            forward.repeat = await self._peer.next_repeat(forward.counter)
        n = max(1, forward.repeat)
        forward.key = nth_key(key, n)
        if self._credentials_matter(forward) and forward.mode.serves is not Serves.NOTHING:
            digest = credential_digest(forward.request)
            rejection = await self._servable(rejection_key(forward.key, digest), forward)
            # A host that rejects this credential altogether must not answer with another credential's success.
            is_rejected = await self._store.find(rejection_mark_key(forward.request.host, digest)) is not None
            if rejection is not None or is_rejected:
                return rejection
        if repeat == SINGLE:
            return await self._single_flight(forward, key)
        entry = await self._nth(forward, key, n)
        if entry is None and repeat == PER_TEST:
            return await self._plain(forward, key, n)
        return entry

    async def forget(self, key: str) -> None:
        """Remove the entry under `key`, as far as the store allows."""
        with suppress(StoreError):
            await self._store.remove(key)

    def _repeat_of(self, forward: Forward) -> str:
        """The rule for equal requests: the test's or the run's. Without a test none are its own."""
        scope = forward.scope
        repeat = (scope.repeat if scope else "") or self._settings.repeat
        return SINGLE if repeat == PER_TEST and scope is None else repeat

    async def _single_flight(self, forward: Forward, key: str) -> Entry | None:
        shared = False
        # Where a run's own entries are not served, equal requests in flight ask for different answers.
        coalesces = (
            self._settings.coalesce
            and not forward.alone
            and forward.mode.serves is Serves.ANY
            and not _is_action(forward.request)
        )
        while True:
            looked = time.monotonic()
            entry = await self._servable(key, forward, shared=shared) or await self._recorded_without(
                forward, key
            )
            if entry is not None or not forward.mode.stores:
                return entry
            flight, leads = await self._peer.claim(key, looked if coalesces else math.inf)
            if leads:
                forward.flight = flight
                return None
            is_retry = flight.answered
            if not is_retry and not coalesces:
                return None
            if not await flight.wait(ANSWERED_SECONDS if is_retry else math.inf):
                return None
            outcome = flight.ended.result()
            if outcome is Outcome.NOT_STORED and not is_retry:
                return None
            shared = outcome is Outcome.STORED and not is_retry

    async def _nth(self, forward: Forward, key: str, n: int) -> Entry | None:
        """The answer to the n-th equal request. Modes that forward repeat the last one past the end."""
        entry = await self._servable(forward.key, forward) or await self._recorded_without(
            forward, forward.key
        )
        if entry is None and forward.mode.forwards and forward.mode.serves is not Serves.NOTHING:
            for earlier in range(n - 1, 0, -1):
                last = await self._recorded(forward, nth_key(key, earlier))
                if last is not None:
                    return last if last.run != self._run else None
        return entry

    async def _plain(self, forward: Forward, key: str, n: int) -> Entry | None:
        """The plain entry for a test that has no recording of its own, if all tests recorded the same there."""
        assert forward.identity is not None
        own = await self._store.find(key) or await self._recorded_without(forward, key)
        if forward.mode.serves is Serves.NOTHING or own is not None:
            return None
        entry = await self._recorded(forward, nth_key(forward.identity.key, n))
        if entry is None or entry.ambiguous or entry.run == self._run:
            return None
        bases = dict.fromkeys((forward.identity.key, split_key(entry.key)[0]))
        others = [other for base in bases for other in await self._store.of_tests(base)]
        return None if differs(entry, others) else entry

    async def _recorded(self, forward: Forward, key: str) -> Entry | None:
        """The entry under `key`, or the recording of this request that lacks some of its headers."""
        return self._fresh(await self._store.find(key)) or await self._recorded_without(forward, key)

    async def _servable(self, key: str, forward: Forward, *, shared: bool = False) -> Entry | None:
        """The entry under `key`, if the request's mode may serve it.

        Where the mode wants a new answer, an entry that this run recorded is removed, so that a retry that fails
        leaves nothing behind; `shared` ones are served, because this request waited for them.
        """
        serves = forward.mode.serves
        entry = await self._store.find(key) if serves is not Serves.NOTHING else None
        is_own = entry is not None and entry.run == self._run
        if is_own and serves is Serves.OLD and not shared:
            await self._store.remove(key)
            forward.removed = entry if key == forward.key else None
            return None
        # Two equal actions of a run have two effects: the second must reach the provider.
        if is_own and forward.mode.forwards and _is_action(forward.request):
            return None
        return self._fresh(entry)

    async def _recorded_without(self, forward: Forward, key: str) -> Entry | None:
        """The only imported recording of this request that lacks the fewest of its headers, if any.

        A run gives the headers that a recording lacks one set of values: a request with others is a miss.
        """
        if forward.mode.serves is Serves.NOTHING or not self._store.holds(UNKNOWN_PREFIX):
            return None
        assert forward.identity is not None
        suffix = key.removeprefix(forward.identity.key)
        for equally_many in variants(forward.identity.request_json):
            found = []
            for variant in equally_many:
                entry = self._fresh(self._store.get(variant.key + suffix))
                if entry is not None and fits(entry, variant.left_out):
                    found.append((entry, variant))
            if found:
                entry, variant = found[0]
                values = repr(variant.left_out)
                return entry if len(found) == 1 and await self._peer.bind_headers(entry.key, values) else None
        return None

    def _credentials_matter(self, forward: Forward) -> bool:
        """Whether errors that belong to one credential are stored of this host."""
        errors = self._settings.store_errors
        return bool(errors) and bool(expected_at(errors, forward.request.host) & CREDENTIAL_STATUSES)

    def _fresh(self, entry: Entry | None) -> Entry | None:
        if entry is None or is_expired(entry, self._settings.max_age, self._store.stored_at):
            return None
        return entry


def _is_action(request: WireRequest) -> bool:
    endpoint = endpoint_class(request.method, request.target, host=request.host, body=request.body)
    return endpoint is Endpoint.ACTION

"""Stores live answers: makes the entry, writes it, and remembers which credentials a host takes."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import cache, partial

from addon.accounting.costs import Billed, billed_live
from addon.accounting.counts import RunCounts
from addon.exchange.conflicts import advice as conflict_advice
from addon.exchange.coordination import Peer
from addon.exchange.decisions import Forward
from addon.exchange.helper import HelperLost
from addon.exchange.lanes import Size, decoded_size, lane_helper
from addon.exchange.recording import Recording
from addon.exchange.refused_answers import RefusedAnswers
from addon.exchange.store_access import StoreAccess
from addon.judging.expected_errors import expected_at
from addon.judging.reasons import NotStored, named
from addon.messages import LiveAnswer
from addon.policy.keeping import Origin, entry_or_reason, is_allowed
from addon.policy.same_answer import words_digest
from addon.policy.variants import (
    CREDENTIAL_STATUSES,
    credential_digest,
    rejection_key,
    rejection_mark,
    rejection_mark_key,
)
from addon.redaction import Taint
from addon.redaction.credentials_seen import Credential
from addon.settings.settings import Settings
from cache_store.answers.usage import tokens_of
from cache_store.entry import Entry, header_value
from cache_store.store import Store

__all__ = ["Answer", "Storing"]

logger = logging.getLogger(__name__)


def _in_helper(
    origin: Origin, live: LiveAnswer, settings: Settings, credentials: list[Credential]
) -> tuple[Entry | NotStored, bool, Billed | None]:
    """The entry, whether its body is the answer's and was left out, and the cost: a big body is sent once only."""
    taint = Taint(most=len(credentials))
    taint.add(credentials)
    made = entry_or_reason(origin, live, settings, taint)
    billed = billed_live(origin.identity.label, live, settings.max_body)
    if isinstance(made, Entry) and made.body == live.body:
        return replace(made, body=b""), True, billed
    return made, False, billed


def _with_rhythm(
    make: Callable[[], Entry | NotStored], recording: Recording, asked_at: float
) -> Entry | NotStored:
    """What `make` makes; an entry also says when the pieces of its answer came."""
    from addon.pacing.rhythm import write_rhythm

    made = make()
    if isinstance(made, NotStored):
        return made
    return replace(made, timing=write_rhythm(recording.chunks, asked_at, made.headers, made.body))


def _kept(make: Callable[[], Entry | NotStored], into: list[tuple[Entry, str]]) -> Entry | NotStored:
    """What `make` makes. An entry is kept with the digest of what it says, which takes long for a big answer."""
    made = make()
    if isinstance(made, Entry):
        into.append((made, words_digest(made)))
    return made


class Answer:
    """A live answer. Its body is decoded in the thread that needs it, because that may take seconds.

    `whole` returns the answer; if it was cut off, as far as its client saw it. `billed` holds its cost once a
    helper has told it.
    """

    def __init__(self, head: LiveAnswer, recording: Recording | None, *, cut_off: bool) -> None:
        self.head = head
        self.billed: tuple[Billed | None] | None = None
        self.whole = cache(partial(recording.seen, head) if recording and cut_off else lambda: head)

    @property
    def size(self) -> Size:
        """The length of its decoded body."""
        encoding = header_value(self.head.headers, b"content-encoding")
        return partial(decoded_size, self.head.body, encoding) if encoding else len(self.head.body)


class Storing:
    """Stores the answers of one run."""

    def __init__(self, settings: Settings, store: StoreAccess, peer: Peer, counts: RunCounts) -> None:
        self._settings = settings
        self._store = store
        self._peer = peer
        self._counts = counts
        self.refused = RefusedAnswers(settings.cache_dir)
        self.shown_test: Callable[[str], str] = lambda test: test
        """The name of a test as it may be logged and saved."""

    async def put(self, forward: Forward, answer: Answer, elapsed: float) -> NotStored | None:
        """Store the whole answer to `forward`, which took `elapsed` seconds; None is success."""
        if forward.recording is not None and forward.recording.too_large:
            return NotStored.TOO_LARGE
        expected = expected_at(self._settings.store_errors, forward.request.host)
        digest = credential_digest(forward.request) if expected & CREDENTIAL_STATUSES else ""
        is_apart = answer.head.status in CREDENTIAL_STATUSES
        if is_apart and await self._peer.was_accepted(digest):
            return NotStored.STATUS
        await self._peer.sync()
        key = rejection_key(forward.key, digest) if is_apart else forward.key
        made: list[tuple[Entry, str]] = []
        make = partial(_kept, self._maker(forward, answer, elapsed, key), made)
        reason = await self._store.put(make, forward.began_at, answer.size)
        if reason is None:
            self._note_used(forward, key)
            await self._look_for_conflict(forward, *made[0])
        if is_apart and reason is None and (removed := forward.removed) is not None:
            # The error belongs to this credential alone; the entry that was removed was another's.
            await self._store.put(lambda: removed, forward.began_at, removed.size)
        if digest:
            await self._remember(forward.request.host, digest, answer.head.status)
        return reason

    async def _look_for_conflict(self, forward: Forward, entry: Entry, digest: str) -> None:
        """Report an answer that differs from the one that it replaces, which this run has stored as well."""
        if not digest:
            return
        test, attempt = (forward.scope.test, forward.scope.attempt) if forward.scope is not None else ("", 0)
        before = await self._peer.note_answer(entry.key, digest, test, attempt)
        if before is None:
            return
        label = entry.label
        place = " ".join((label.get("method", "?"), f"{label.get('host', '?')}{label.get('path', '')}"))
        line = conflict_advice(place, self.shown_test(test), self.shown_test(before))
        self._counts.conflict(entry.key, line)
        logger.warning("%s", line)
        if test != before:
            await self._store.put(lambda: replace(entry, ambiguous=True), time.time(), entry.size)

    def put_last(self, forward: Forward, answer: Answer) -> NotStored | None:
        """Store a success at the end of the run, once what was begun is written; None is success."""
        make = self._maker(forward, answer, time.monotonic() - forward.started, forward.key)
        reason: NotStored | None = NotStored.STORE_FAILED  # if the store raises

        def work(store: Store) -> None:
            nonlocal reason
            made = make()
            if isinstance(made, NotStored):
                reason = made
            else:
                reason = None if store.put(made, forward.began_at) else NotStored.NEWER_ENTRY

        self._store.finish(work)
        if reason is None:
            self._note_used(forward, forward.key)
        return reason

    def _note_used(self, forward: Forward, key: str) -> None:
        self._counts.used.setdefault(key, 0)
        if forward.verdict is not None:
            forward.verdict.use(key, 0)

    def count_end(self, forward: Forward, reason: NotStored | None, status: int = 0) -> None:
        """Count the answer to `forward`, and remember why it was not stored; `status` is its HTTP status."""
        counts = self._counts.host(forward.request.host)
        if reason is None:
            counts.stored += 1
        else:
            counts.not_stored[named(reason, status)] += 1
        if forward.verdict is not None:
            forward.verdict.end(None if reason is None else named(reason, status))
        assert forward.identity is not None
        label = forward.identity.label
        # The request, or its answer, may have taught us that the path or the model is a credential.
        if reason is NotStored.SECRET and self._peer.taint.found_in("\n".join(label.values()).encode()):
            label = {"method": "?", "host": label["host"], "path": "?"}
        allowed = reason is not None and is_allowed(reason, status, forward.request, self._settings)
        test = self.shown_test(forward.verdict.test) if forward.verdict is not None else ""
        refused = self.refused.note(forward.key, reason, status, label, allowed=allowed, test=test)
        if refused is not None:
            self._counts.not_kept(forward.key, refused.place, refused.why, refused.advice, test=test)
        elif reason is None:
            self._counts.kept(forward.key)

    async def count_cost(self, forward: Forward, answer: Answer) -> None:
        """Add the cost of an answer to the run's counts."""
        await self._store.in_background(partial(self._add_cost, forward, answer), answer.size)
        if forward.recording is not None and forward.recording.reads_on:
            self._counts.read_on["answers"] += 1
        await self._peer.pay()

    def _add_cost(self, forward: Forward, answer: Answer) -> None:
        assert forward.identity is not None
        billed = self._billed(forward, forward.identity.label, answer)
        if billed is not None:
            host, model, usage = billed
            # Models are listed in every report, and a client may send anything as one.
            named = not self._peer.taint.found_in(model.encode("utf-8", "replace"))
            self._counts.spent.add(host, model if named else "", usage)
            if forward.recording is not None and forward.recording.reads_on and usage is not None:
                tokens = round(tokens_of(usage)[1] * forward.recording.share_after_leaving)
                self._counts.read_on["tokens"] += tokens
            if forward.verdict is not None:
                forward.verdict.spent.add(host, model if named else "", usage)
        if self._settings.max_usd is not None:
            self._counts.spent.settle()

    def _billed(self, forward: Forward, label: dict[str, str], answer: Answer) -> Billed | None:
        limit = self._settings.max_body
        if answer.billed is not None:
            return answer.billed[0]
        if forward.recording is None or not forward.recording.too_large:
            helper = lane_helper()
            if helper is None:
                return billed_live(label, answer.whole(), limit)
            with suppress(HelperLost):
                return helper.call(billed_live, label, answer.whole(), limit)
        return billed_live(label, replace(answer.head, body=b""), limit)  # a cost that is not known

    def _maker(
        self, forward: Forward, answer: Answer, elapsed: float, key: str
    ) -> Callable[[], Entry | NotStored]:
        assert forward.identity is not None
        origin = Origin(
            request=forward.request,
            identity=forward.identity,
            key=key,
            run=self._counts.run,
            recorded_at=time.time(),
            elapsed=elapsed,
        )
        make = partial(self._make, origin, answer)
        if forward.recording is None:
            return make
        return partial(_with_rhythm, make, forward.recording, forward.started)

    def _make(self, origin: Origin, answer: Answer) -> Entry | NotStored:
        taint = self._peer.taint
        helper = lane_helper()
        if helper is None:
            return entry_or_reason(origin, answer.whole(), self._settings, taint)
        if taint.found_in():  # too many credentials are in flight, which the helper would not know
            return NotStored.SECRET
        live = answer.whole()
        made, same_body, billed = helper.call(_in_helper, origin, live, self._settings, taint.known())
        answer.billed = (billed,)
        return replace(made, body=live.body) if same_body and isinstance(made, Entry) else made

    def expect(self, size: int) -> None:
        """Make ready for an answer of `size` bytes that has begun to come."""
        self._store.expect(size)

    async def _remember(self, host: str, digest: str, status: int) -> None:
        """Remember whether `host` takes this credential."""
        if status == 401 and status in expected_at(self._settings.store_errors, host):
            await self._store.put(lambda: rejection_mark(host, digest, self._counts.run), time.time())
        elif 200 <= status < 300 and await self._peer.accept(digest):
            await self._store.remove(rejection_mark_key(host, digest))

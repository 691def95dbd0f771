"""The way of one request through the cache, free of mitmproxy.

request → mode → identity → entry → hit, or
request → mode → identity → provider → recording → whole, successful, free of secrets → entry
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from addon.accounting.counts import HostCounts, RunCounts
from addon.accounting.verdicts import Verdict
from addon.exchange import own_answers
from addon.exchange.cache_status import HEADER_UNKNOWN, LEARN, PROBE, REBIND_REFUSED, hit_status, miss_status
from addon.exchange.coordination import Peer
from addon.exchange.coordinator import Outcome
from addon.exchange.decisions import SOCKET, Decision, Forward, Hit, Injected, OwnAnswer, Shows
from addon.exchange.explaining import Explaining
from addon.exchange.lanes import Lanes, decoded_size, lane_helper
from addon.exchange.lookup import Lookup
from addon.exchange.minted import MARK, digest_of, uploads_in
from addon.exchange.retries import Retries
from addon.exchange.stale_ids import REFUSALS, StaleIds
from addon.exchange.store_access import StoreAccess
from addon.exchange.storing import Answer, Storing
from addon.exchange.tests_in_flight import TestsInFlight
from addon.identity import Identity, identify
from addon.identity.unknown_headers import UNKNOWN_PREFIX
from addon.judging.reasons import NotStored
from addon.messages import LiveAnswer, WireRequest
from addon.offline.answering import TOKENS, answer_offline, metadata_answer
from addon.offline.dummies import OfflineAnswer
from addon.pacing.paced_body import PacedBody
from addon.policy import never_cached
from addon.redaction import credentials_of
from addon.redaction.credentials_seen import Credential
from addon.redaction.upload_urls import has_upload_url, starting_key, upload_id, without_foreign_urls
from addon.scopes.scope import Scope
from addon.settings.modes import Mode, Serves, mode_for_request
from addon.settings.settings import PER_TEST, Settings
from addon.volatile.rebinding import RebindRefused, rebind
from cache_store.entry import Entry, Headers, header_value
from cache_store.errors import StoreError, UsageError

if TYPE_CHECKING:
    from addon.exchange.faulting import Covering, CutRecording, Faulting
    from addon.exchange.following import Following
    from addon.exchange.takes import Take
    from addon.probing.serving import Probe
    from addon.sockets.conversation import Conversation

__all__ = ["Answering"]

logger = logging.getLogger(__name__)

# A longer body is read in a thread; one with a content-encoding always is, because it may decode to anything.
_INLINE_BYTES = 64 * 1024
_ENCODING = b"content-encoding"
# Statuses with which a server refuses a WebSocket that it does not offer.
_NO_WEBSOCKET = frozenset({400, 404, 405, 426, 501})
_MOST_NOTED = 1000


def _may_take_long(request: WireRequest) -> bool:
    """Whether reading the body is too much for the event loop."""
    return len(request.body) > _INLINE_BYTES or (
        bool(request.body)
        # By length first: this is on the path of every hit.
        and any(len(name) == len(_ENCODING) and name.lower() == _ENCODING for name, _ in request.headers)
    )


def _pacing(settings: Settings) -> Callable[[Entry], PacedBody | None] | None:
    """A function that cuts an entry's answer into pieces; None if every answer is sent in one go."""
    if settings.replay is None and not settings.rechunk:
        return None
    from addon.pacing.replaying import Pace, in_pieces

    pace = Pace(settings.replay, settings.max_pace, settings.rechunk)
    return lambda entry: in_pieces(entry, pace)


def _place(request: WireRequest) -> str:
    """Host, port and path of a request."""
    return f"{request.host}:{request.port}{request.target.partition('?')[0]}"


def _differs(forward: Forward, entry: Entry) -> bool:
    """Whether a volatile value of the request is not the one that was recorded."""
    bindings = forward.identity.bindings if forward.identity else ()
    return bindings != entry.bindings


def _following(peer: Peer) -> Following:
    from addon.exchange.following import Following

    return Following(peer)


class Answering:
    """The cache of one run. `mode` may change while it runs; it applies to later requests.

    `old_entries` is added to the explanation of a miss that is not forwarded. `take` sees every request of a run
    that learns. `probe`, if there is one, alters answers.
    """

    def __init__(
        self, settings: Settings, store: StoreAccess, counts: RunCounts, explaining: Explaining, peer: Peer
    ) -> None:
        self.settings = settings
        self.mode = settings.cache_mode
        self.old_entries = ""
        self.take: Take | None = None
        self.probe: Probe | None = None
        self.explaining = explaining
        self._store = store
        self._counts = counts
        self.peer = peer
        self._taint = peer.taint
        self._taint.learn_proxy_auth(settings.auth)
        self._in_pieces = _pacing(settings)
        self._lookup = Lookup(settings, store, peer, counts.run)
        self._storing = Storing(settings, store, peer, counts)
        self._lanes = Lanes("identity")
        self._retries = Retries()
        self._stale_ids = StaleIds(store, peer, counts)
        self._following = _following(peer) if settings.follow_ids else None
        explaining.refused_line = self._storing.refused.line
        self._no_websocket: set[str] = set()
        self.shows: Shows | None = None
        self._tests = TestsInFlight(counts, store, explaining, peer.taint)
        peer.count_test = self._tests.count
        peer.sent_by_test = self._tests.sent.of
        self._storing.shown_test = self._tests.shown
        explaining.latest_aside = store.latest_aside
        if settings.repeat == PER_TEST:
            explaining.keys_of_test = store.keys_of_test
        explaining.keeps_question = settings.save_request
        if settings.faults:
            _ = self._faulting  # its rules are in the report from the start

    def close(self) -> None:
        """Finish the explanations, and leave a note of the answers that were not stored."""
        self._lanes.close()
        self._stale_ids.close()
        self._storing.refused.save()
        self.explaining.close()
        self._tests.close()

    @cached_property
    def _faulting(self) -> Faulting:
        from addon.exchange.faulting import Faulting

        return Faulting(self.settings.faults, self.peer, self._counts, self._tests.shown)

    # -- requests -------------------------------------------------------------

    def scope_of(self, client: str, named: str) -> Scope | None:
        """The test that a request of `client`, or one that has `named` its test, belongs to."""
        return self.peer.tests.of(client, named)

    def mode_of(self, scope: Scope | None) -> Mode:
        """The mode of a test's requests before each may narrow it further."""
        if scope is None or not scope.mode:
            return self.mode
        try:
            return mode_for_request(self.mode, scope.mode)
        except UsageError:  # the run's mode was narrowed after the test had begun
            return self.mode

    def decide(
        self,
        request: WireRequest,
        asked: str | None,
        bypass: str = "",
        scope: Scope | None = None,
        *,
        alone: bool = False,
        has_left: Callable[[], bool] = lambda: False,
    ) -> Decision | Awaitable[Decision]:
        """What to do with a request. A plain `Decision` where nothing must be waited for.

        `asked` is the value of its mode header. `bypass` says why the cache is not to be asked: `websocket`, or
        that the request is not whole. `scope` is the test that it belongs to. `alone`: it waits for no equal
        request in flight and gets no fault. `has_left` tells whether its client is gone.
        """
        if self.probe is not None:
            request = self.probe.before_look_up(request, scope.test if scope else "")
        if scope is not None:
            return self._decide_for_test(request, asked, bypass, scope, alone=alone, has_left=has_left)
        return self._begin(Forward(request, self.mode, "", alone=alone, has_left=has_left), asked, bypass)

    async def converse(
        self, upgrade: WireRequest, asked: str | None, scope: Scope | None = None
    ) -> Conversation | Decision:
        """A session for a request that opens a WebSocket; what `decide` says where none is recorded."""
        from addon.sockets.upgrade import Kind, kind_of_session

        try:
            mode = mode_for_request(self.mode_of(scope), asked)
        except UsageError as error:
            self._counts.host(upgrade.host).errors += 1
            return own_answers.bad_mode(error)
        kind = kind_of_session(upgrade)
        is_refused = mode.forwards and _place(upgrade) in self._no_websocket
        if mode is Mode.OFF or kind is Kind.SOUND or is_refused or never_cached.refusal(upgrade):
            decision = self.decide(upgrade, asked, "websocket", scope)
            return await decision if isinstance(decision, Awaitable) else decision
        if kind is Kind.RESPONSES:
            from addon.exchange.response_turns import ResponseTurns

            return ResponseTurns(
                self, upgrade, asked, scope, most=self.settings.max_body, forwards=mode.forwards
            )
        return await self._converse(Forward(upgrade, mode, "", scope=scope))

    def show_turn(self, request: WireRequest, decision: Decision, scope: Scope | None) -> None:
        """Show what is done with a turn of a WebSocket session."""
        if self.shows is None:
            return
        if isinstance(decision, Forward):
            decision.on_socket = True
        verdict = self._counts.tests.get(scope.identity) if scope is not None else None
        self.shows.decided(SOCKET, request.host, decision, verdict)

    def note_no_websocket(self, upgrade: WireRequest, status: int) -> None:
        """The provider has refused an upgrade that we had answered: the next one gets the provider's own answer.

        A client may fall back to HTTP then.
        """
        if status in _NO_WEBSOCKET and len(self._no_websocket) < _MOST_NOTED:
            self._no_websocket.add(_place(upgrade))

    async def _converse(self, forward: Forward) -> Conversation | Decision:
        """Answer an upgrade from a recorded opening, or forward it, or explain why neither is possible."""
        from addon.exchange.sessions import Session, SessionRun

        counts = self._counts.host(forward.request.host)
        counts.requests += 1
        forward.verdict = self._tests.enter(forward.scope) if forward.scope is not None else None
        if (sharing := self._share(self._taint.learn(forward.request))) is not None:
            await sharing
        _, over = self._restrict(forward, "")
        session = Session(
            SessionRun(
                self.settings,
                self._store,
                self._storing,
                self.peer,
                self._counts,
                self.explaining,
                self._tests,
                self._lanes,
                self.shows,
            ),
            forward,
        )
        is_recorded = await session.begin()
        if forward.scope is not None:
            self._tests.sent.note(forward, "websocket")
        if is_recorded:
            return session
        forward.identity = self._without_credentials(forward.identity)
        late = await self.peer.take() if forward.mode.forwards else ""
        counts.misses += 1
        if forward.mode.forwards and not late:
            session.forward_upgrade()
            self._explain_soon(forward)
            self._counted(forward, counts, over)
            return session
        self._counts.over_budget += bool(late)
        own = self._counted(await self._miss(forward, over or late, forward.verdict, ""), counts, over)
        self._leave_test(forward)
        return own

    async def _decide_for_test(
        self,
        request: WireRequest,
        asked: str | None,
        bypass: str,
        scope: Scope,
        *,
        alone: bool,
        has_left: Callable[[], bool],
    ) -> Decision:
        verdict = self._tests.enter(scope)
        try:
            forward = Forward(
                request, self.mode_of(scope), "", scope=scope, verdict=verdict, alone=alone, has_left=has_left
            )
            decision = self._begin(forward, asked, bypass)
            if isinstance(decision, Awaitable):
                decision = await decision
        except BaseException:
            if verdict is not None:
                self._tests.leave(verdict)
            raise
        if verdict is not None and not isinstance(decision, Forward):
            self._tests.leave(verdict)
        return decision

    def _begin(self, forward: Forward, asked: str | None, bypass: str) -> Decision | Awaitable[Decision]:
        request = forward.request
        if not forward.mode.forwards and (ours := self._offline(request)):
            return ours  # not counted as a request: it says nothing about the cache
        counts = self._counts.host(request.host)
        counts.requests += 1
        try:
            forward.mode = mode_for_request(forward.mode, asked)
        except UsageError as error:
            counts.errors += 1
            return own_answers.bad_mode(error)
        scope = forward.scope
        has_rules = self.settings.faults or (scope is not None and scope.faults)
        if has_rules and not bypass and not forward.alone:
            covering = self._faulting.covering(request, scope)
            if covering:
                return self._decide_with_faults(forward, covering, counts)
        return self._go_on(forward, bypass, counts)

    async def _decide_with_faults(
        self, forward: Forward, covering: list[Covering], counts: HostCounts
    ) -> Decision:
        rule = await self._faulting.choose(covering, forward.scope)
        injected = await self._faulting.inject(rule, forward) if rule is not None else None
        if injected is not None:
            if forward.scope is not None:
                self._tests.sent.note(forward, "fault")
            return injected
        decision = self._go_on(forward, "", counts)
        return await decision if isinstance(decision, Awaitable) else decision

    def _go_on(self, forward: Forward, bypass: str, counts: HostCounts) -> Decision | Awaitable[Decision]:
        request = forward.request
        if _may_take_long(request) or upload_id(request.target):
            return self._decide_off_the_loop(forward, bypass, counts)
        sharing = self._share(self._taint.learn(request))
        if sharing is not None:
            return self._decide_after(sharing, forward, bypass, counts)
        return self._decide(forward, bypass, counts)

    def _offline(self, request: WireRequest) -> OwnAnswer | None:
        """Our answer to a token endpoint, instance metadata or telemetry."""
        found = answer_offline(request, time.time(), tokens=self.settings.answers_tokens)
        return self._ours(*found, request.host) if found else None

    def metadata(self, request: WireRequest) -> OwnAnswer | None:
        """Our answer to a request for instance metadata that a client sent to the proxy's own address."""
        if self.mode.forwards or not self.settings.answers_tokens:
            return None
        found = metadata_answer(request, time.time())
        return self._ours(*found, "instance metadata") if found else None

    def _ours(self, kind: str, answer: OfflineAnswer, host: str) -> OwnAnswer:
        self._counts.offline[f"{kind} for {host}" if kind == TOKENS else f"{kind} to {host}"] += 1
        return own_answers.offline(answer)

    def relays(self, request: WireRequest) -> bool:
        """Whether a request to a host that is intercepted only to be answered by us is one that it does not answer,
        so that it is passed on like any to another host.
        """
        return never_cached.refusal(request) is None and not answer_offline(request, 0)

    async def _decide_off_the_loop(self, forward: Forward, bypass: str, counts: HostCounts) -> Decision:
        """Decide on a request whose body may take seconds to read, while smaller ones go on, or on an upload."""
        request = forward.request
        size = partial(decoded_size, request.body, header_value(request.headers, _ENCODING))
        if sharing := self._share(await self._lanes.run(size, partial(self._learn, request))):
            await sharing
        bypass, over = self._restrict(forward, bypass)
        if bypass:
            return await self._bypass(forward, bypass, counts, over)
        identifier = upload_id(request.target)
        minted = await self.peer.find_minted(identifier) if identifier else None
        identifying = partial(self._identify, request, minted[0] if minted else "")
        forward.identity = await self._lanes.run(size, identifying)
        decision = self._answer(forward, counts, over)
        return await decision if isinstance(decision, Awaitable) else decision

    def _learn(self, request: WireRequest) -> list[Credential]:
        helper = lane_helper()
        if helper is None:
            return self._taint.learn(request)
        return self._taint.add(helper.call(credentials_of, request), request)

    def _identify(self, request: WireRequest, upload_of: str) -> Identity:
        helper = lane_helper()
        of = (request, self.settings.identity, upload_of)
        return helper.call(identify, *of) if helper is not None else identify(*of)

    def learn_login(self, login: WireRequest) -> Awaitable[Any] | None:
        """Remember what a client sends to this proxy, at least while `login` lives. Await the result, if any."""
        return self._share(self._taint.learn(login))

    def _share(self, new: list[Credential]) -> Awaitable[Any] | None:
        return self.peer.share(new) if new else None

    async def _decide_after(
        self, sharing: Awaitable[Any], forward: Forward, bypass: str, counts: HostCounts
    ) -> Decision:
        await sharing
        decision = self._decide(forward, bypass, counts)
        return await decision if isinstance(decision, Awaitable) else decision

    def _decide(self, forward: Forward, bypass: str, counts: HostCounts) -> Decision | Awaitable[Decision]:
        bypass, over = self._restrict(forward, bypass)
        if bypass:
            return self._bypass(forward, bypass, counts, over)
        forward.identity = identify(forward.request, self.settings.identity)
        return self._answer(forward, counts, over)

    def _restrict(self, forward: Forward, bypass: str) -> tuple[str, str]:
        """Narrow the mode as the budget demands.

        Why the cache is not asked, and which bound is reached; '' for none.
        """
        over = self.peer.spent() if forward.mode.forwards else ""
        if over:
            forward.mode = Mode.REQUIRE_HIT
        off = "mode-off" if forward.mode is Mode.OFF else ""
        return bypass or never_cached.refusal(forward.request) or off, over

    def _answer(self, forward: Forward, counts: HostCounts, over: str) -> Decision | Awaitable[Decision]:
        if forward.scope is not None:
            self._tests.sent.note(forward)
        if self.take is not None:
            return self._answer_in_take(self.take, forward, counts, over)
        entry = self._lookup.at_hand(forward) if self._following is None else None
        if entry is None or has_upload_url(entry.headers) or _differs(forward, entry):
            return self._look_up(forward, counts, over)
        return self._hit(forward, entry, counts)

    async def _answer_in_take(self, take: Take, forward: Forward, counts: HostCounts, over: str) -> Decision:
        """Answer from an earlier take, or as in any other run."""
        identity = forward.identity
        assert identity is not None
        if self._taint.found_in(identity.request_json):  # it would be written as the evidence of a rule
            return await self._look_up(forward, counts, over)
        asked = take.ask(forward.request, identity.bindings, forward.scope)
        if asked.answer is not None:
            return self._hit(
                forward, asked.answer, counts, {LEARN: asked.rebound} if asked.rebound else None, LEARN
            )
        decision = await self._look_up(forward, counts, over)
        asked.key = decision.entry.key if isinstance(decision, Hit) else forward.key or identity.key
        return decision

    async def _bypass(self, forward: Forward, detail: str, counts: HostCounts, over: str) -> Decision:
        if forward.scope is not None:
            self._tests.sent.note(forward, detail)
        decision = own_answers.bypassed(forward, detail, self.settings)
        if isinstance(decision, Forward) and await self.peer.take():
            forward.mode = Mode.REQUIRE_HIT
            decision = own_answers.bypassed(forward, detail, self.settings)
            self._counts.over_budget += 1
        counts.bypassed += isinstance(decision, Forward)
        if isinstance(decision, OwnAnswer):
            counts.refused += 1
            if forward.verdict is not None:
                forward.verdict.refused += 1
            if self.mode is Mode.REQUIRE_HIT and not own_answers.is_expected(detail, self.settings):
                self._counts.refusals[detail] += 1
        return self._counted(decision, counts, over)

    async def _look_up(self, forward: Forward, counts: HostCounts, over: str) -> Decision:
        try:
            entry = await self._find(forward)
        except StoreError as error:
            if not forward.mode.forwards:
                self._release_repeat(forward)
                counts.errors += 1
                unavailable = own_answers.cache_unavailable(error, self.settings.miss_status)
                return self._counted(unavailable, counts, over)
            entry = None
        entry, rebound, refused = await self._with_live_values(forward, entry)
        if entry is not None:
            return self._hit(forward, await self._noted(forward, entry), counts, rebound)
        forward.identity = self._without_credentials(forward.identity)
        forward.cache_status = miss_status(forward.key, detail=REBIND_REFUSED if refused else "")
        # Requests that were looked up meanwhile may have spent the rest of the budget.
        late = await self.peer.take() if forward.mode.forwards else ""
        if forward.mode.forwards and not late:
            counts.misses += 1
            if started_by := starting_key(upload_id(forward.request.target)):
                await self._restart_upload(forward, started_by)
            self._explain_soon(forward)
            return self._counted(forward, counts, over)
        # Another test that sends the same has missed as well.
        is_retry = self._retries.is_retry(forward.key + (forward.scope.counter if forward.scope else ""))
        if is_retry:
            counts.retried += 1
        else:
            counts.misses += 1
        self._release_repeat(forward)
        self._end_flight(forward, Outcome.ABANDONED)
        self._counts.over_budget += bool(late)
        verdict = None if is_retry else forward.verdict
        return self._counted(await self._miss(forward, over or late, verdict, refused), counts, over)

    def _explain_soon(self, forward: Forward) -> None:
        """Explain a miss that is forwarded."""
        if forward.mode.serves is not Serves.NOTHING:
            assert forward.identity is not None
            self.explaining.start_soon(
                forward.key,
                forward.identity,
                stored=forward.mode.stores,
                serves_own=forward.mode.serves is Serves.ANY,
                verdict=forward.verdict,
            )
        elif forward.verdict is not None:
            forward.verdict.miss(forward.key)

    async def _find(self, forward: Forward) -> Entry | None:
        """The entry that answers. Ids count as what minted them, unless a recording has these very ids."""
        assert forward.identity is not None
        if self._following is not None and await self._store.find(forward.identity.key) is None:
            forward.identity = await self._following.identity(forward.request, forward.identity)
        return await self._lookup.find(forward)

    async def _noted(self, forward: Forward, entry: Entry) -> Entry:
        """The entry as it is served, once the ids that its answer mints are noted."""
        if has_upload_url(entry.headers):
            entry = replace(entry, headers=without_foreign_urls(entry.headers, forward.request.host))
            await self._note_uploads(entry.headers, entry.key, entry.body)
        if self._following is not None and forward.identity is not None:
            await self._following.note(entry, forward.identity)
        return entry

    async def _with_live_values(
        self, forward: Forward, entry: Entry | None
    ) -> tuple[Entry | None, dict[str, int], str]:
        """The entry with this request's volatile values, how many of each rule, or why it cannot be served."""
        if entry is None or not _differs(forward, entry):
            return entry, {}, ""
        assert forward.identity is not None
        try:
            rebound = await self._lanes.run(entry.size, partial(rebind, entry, forward.identity.bindings))
        except RebindRefused as error:
            return None, {}, str(error)
        return rebound.entry, rebound.by_rule, ""

    def _without_credentials(self, identity: Identity | None) -> Identity | None:
        """The identity with a label that may be shown: a client may send a credential as a model or a method."""
        if identity is None or not self._taint.found_in("\n".join(identity.label.values()).encode()):
            return identity
        return identity._replace(label={"method": "?", "host": identity.label["host"], "path": "?"})

    async def _miss(
        self, forward: Forward, over: str, verdict: Verdict | None, not_rebound: str
    ) -> OwnAnswer:
        """The answer to a miss that is not forwarded, with what explains it, also to its test."""
        assert forward.identity is not None
        if not_rebound:
            place = "{method} {host}{path}".format_map(forward.identity.label)
            if verdict is not None:
                verdict.miss(forward.key)(
                    f"the recorded answer cannot be adapted: {not_rebound}", "", folded=False
                )
            return own_answers.rebind_refused(forward.key, place, not_rebound, self.settings.miss_status)
        diagnosis = await self.explaining.explain(forward.key, forward.identity, verdict)
        # Never the path as it was sent: it may contain a credential.
        place = diagnosis.place if diagnosis else f"{forward.request.method} {forward.request.host}"
        line = diagnosis.line if diagnosis else ""
        nearest = diagnosis.as_dict() if diagnosis and diagnosis.nearest else None
        why = over or f"mode {forward.mode}"
        status = self.settings.miss_status
        return own_answers.miss(forward.key, place, why, line, nearest, status, self.old_entries)

    async def _restart_upload(self, forward: Forward, started_by: str) -> None:
        """The provider does not know an upload whose start was replayed. Let its next start go live."""
        if forward.stores:
            await self._lookup.forget(started_by)
        logger.warning(
            "%s: an upload was started from the cache and this step of it is not recorded, so the provider will "
            "refuse it; run again to record it",
            forward.request.host,
        )

    async def _note_uploads(self, headers: Headers, key: str, body: bytes) -> None:
        for identifier, started_by in uploads_in(headers, key):
            if noting := self.peer.note_minted(identifier, started_by, digest_of(body)):
                await noting

    def _hit(
        self,
        forward: Forward,
        entry: Entry,
        counts: HostCounts,
        rebound: dict[str, int] | None = None,
        detail: str = "",
    ) -> Hit | Injected | OwnAnswer:
        if forward.fault is not None and (injected := self._faulting.broken(forward, entry)):
            self._release_repeat(forward)  # what follows is the answer to the same request
            self._counts.used.setdefault(entry.key, 0)
            if forward.verdict is not None:
                forward.verdict.use(entry.key, 0)
            return injected
        if self.probe is not None and self._is_refused(self.probe, forward, entry):
            return own_answers.try_again()
        counts.hits += 1
        counts.hit_bytes += entry.size
        paced = self._in_pieces(entry) if self._in_pieces is not None else None
        took = time.monotonic() - forward.started + (paced.seconds if paced is not None else 0.0)
        counts.saved_seconds += entry.elapsed - took
        self._counts.used[entry.key] = self._counts.used.get(entry.key, 0) + 1
        if forward.verdict is not None:
            forward.verdict.hits += 1
            forward.verdict.use(entry.key, 1)
        self.peer.note_answered(entry.key)
        if rebound:
            # One name for all ids that providers mint.
            rules = ("minted ids" if rule.startswith(MARK) else rule for rule in rebound)
            counts.rebound.update(dict.fromkeys(rules, 1))
        detail = detail or (HEADER_UNKNOWN if entry.key.startswith(UNKNOWN_PREFIX) else "")
        status = hit_status(entry.key, sum(rebound.values()) if rebound else 0, detail)
        if self.probe is not None:
            # Last, so that all that is noted of the answer is noted of the recorded one.
            altered = self.probe.after_look_up(entry, forward.scope.test if forward.scope else "")
            if altered is not None:
                return Hit(altered, hit_status(entry.key, detail=PROBE), recorded=entry)
        return Hit(entry, status, paced)

    def _is_refused(self, probe: Probe, forward: Forward, entry: Entry) -> bool:
        """Whether a request gets a 429 in the place of its answer; the next equal one has its number then."""
        scope = forward.scope
        is_refused = probe.refuses(entry.key, scope.test if scope else "", scope.counter if scope else "")
        if is_refused:
            self._release_repeat(forward)
        return is_refused

    def _counted(self, decision: Decision, counts: HostCounts, over: str) -> Decision:
        if isinstance(decision, Forward):
            counts.live += 1
            if decision.verdict is not None:
                decision.verdict.live += 1
        elif over and isinstance(decision, OwnAnswer):
            self._counts.over_budget += 1
        return decision

    # -- live answers ---------------------------------------------------------

    def expect(self, length: str | None) -> None:
        """Make ready for an answer that says that it is so long, in bytes, if it may be kept."""
        if length is not None and length.isdecimal() and int(length) <= self.settings.max_body:
            self._storing.expect(int(length))

    def breaking(self, forward: Forward, live: LiveAnswer, **how: Any) -> CutRecording | None:
        """What breaks the live answer with this head, if a fault rule says so; `how` is a `Recording`'s.

        It records the whole answer if that may be kept.
        """
        if forward.fault is None:
            return None
        limit = self.settings.max_body if forward.stores else 0
        return self._faulting.recording(forward, live, limit, **how)

    async def keep(self, forward: Forward, live: LiveAnswer, *, cut_off: bool = False) -> NotStored | None:
        """Store the whole answer to `forward`; None is success, otherwise why it is not stored.

        `cut_off`: the client left before the last byte. The answer is whole if it had its terminal event by then.
        """
        try:
            reason = await self._keep(forward, live, cut_off=cut_off)
            if self.shows is not None:
                self.shows.ended(forward, reason, forward.verdict)
            return reason
        finally:
            self._leave_test(forward)

    async def _keep(self, forward: Forward, live: LiveAnswer, *, cut_off: bool) -> NotStored | None:
        answer = Answer(live, forward.recording, cut_off=cut_off)
        counts = self._counts.host(forward.request.host)
        elapsed = time.monotonic() - forward.started
        counts.live_seconds += elapsed
        if forward.verdict is not None:
            forward.verdict.live_seconds += elapsed
        counts.live_bytes += len(live.body)
        if live.status >= 400:
            counts.failures[str(live.status)] += 1
        if forward.identity is None:
            return None
        await self._note_uploads(live.headers, forward.key or forward.identity.key, live.body)
        reason: NotStored | None = NotStored.MODE
        if forward.stores:
            # Handed to the writer before anything else: the run may end while the rest is waited for.
            reason = await self._storing.put(forward, answer, elapsed)
            if reason is NotStored.CUT_OFF:
                reason = NotStored.CLIENT_LEFT
                counts.failures[reason] += 1
            if cut_off and reason is not None:
                self._put_back(forward)
            self._storing.count_end(forward, reason, live.status)
            refused = Outcome.ABANDONED if cut_off else Outcome.NOT_STORED
            self._end_flight(forward, Outcome.STORED if reason is None else refused)
        if reason is not None or forward.fault is not None:
            self._release_repeat(forward)
        if reason is None and forward.key:
            await self._note_stored(forward.key, forward.identity)
        if live.status in REFUSALS:
            await self._stale_ids.look_into(forward, live)
        await self._storing.count_cost(forward, answer)
        return reason

    async def _note_stored(self, key: str, identity: Identity) -> None:
        """Note an answer that was just stored, and the ids that it mints."""
        self.peer.note_answered(key)
        if self._following is not None:
            with suppress(StoreError):
                entry = await self._store.find(key)
                if entry is not None:
                    await self._following.note(entry, identity)

    def give_up(self, forward: Forward, reason: NotStored) -> None:
        """Store nothing, because the answer to `forward` was cut off; a waiter takes over."""
        if self.shows is not None:
            self.shows.ended(forward, reason, forward.verdict)
        counts = self._counts.host(forward.request.host)
        counts.failures[reason] += 1
        elapsed = time.monotonic() - forward.started
        counts.live_seconds += elapsed
        if forward.verdict is not None:
            forward.verdict.live_seconds += elapsed
        if forward.stores:
            self._storing.count_end(forward, reason)
        self._release_repeat(forward)
        if reason in (NotStored.CLIENT_LEFT, NotStored.TIMED_OUT):
            self._put_back(forward)
        self._end_flight(forward, Outcome.ABANDONED)
        self._leave_test(forward)

    def _leave_test(self, forward: Forward) -> None:
        if forward.verdict is not None:
            self._tests.leave(forward.verdict)
            forward.verdict = None

    def _put_back(self, forward: Forward) -> None:
        """A client that left has not seen a new answer fail: the entry that was removed for it is put back."""
        if forward.removed is not None:
            self._store.put_back(forward.removed, forward.began_at)

    def finish(self, unfinished: Iterable[Forward]) -> None:
        """At the end of the run, store the answers that their clients have seen whole, and give up the others."""
        for forward in unfinished:
            recording, head = forward.recording, forward.head
            # An error may belong to one credential, which only `keep` sorts out.
            if recording and head and 200 <= head.status < 300:
                answer = Answer(head, recording, cut_off=True)
                self._storing.count_end(forward, self._storing.put_last(forward, answer), head.status)
                self._end_flight(forward, Outcome.ABANDONED)
                self._leave_test(forward)
            else:
                self.give_up(forward, NotStored.CUT_OFF)

    def _release_repeat(self, forward: Forward) -> None:
        """Let the next equal request have the number of one that had no answer to keep."""
        if forward.repeat:
            self.peer.release_repeat(forward.counter, forward.repeat)
            forward.repeat = 0

    def _end_flight(self, forward: Forward, outcome: Outcome) -> None:
        if forward.flight is not None:
            self.peer.end(forward.flight, outcome)

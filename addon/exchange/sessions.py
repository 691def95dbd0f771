"""A WebSocket session that is one recording: replayed from a transcript, or live and recorded as one.

The transcripts of one URL are told apart by what their clients say first. A transcript has the key of the shortest
beginning that no other session has taken, from the first frame on. The key of no frames at all has the opening:
what the provider said before the client said anything. So a lookup is always by key, in every tier.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from addon.accounting.counts import HostCounts, RunCounts
from addon.diagnosis import Diagnosis
from addon.diagnosis.differences import differences
from addon.diagnosis.remedies import RERECORD
from addon.exchange.cache_status import miss_status
from addon.exchange.coordination import Peer
from addon.exchange.decisions import SOCKET, Decision, Forward, Hit, OwnAnswer, Shows
from addon.exchange.explaining import Explaining
from addon.exchange.lanes import Lanes
from addon.exchange.store_access import StoreAccess
from addon.exchange.storing import Answer, Storing
from addon.exchange.tests_in_flight import TestsInFlight
from addon.identity import Identity, identify
from addon.identity.rules import NO_RULES
from addon.judging.expected_errors import IN_BAND, expected_at
from addon.judging.reasons import NotStored
from addon.messages import LiveAnswer, WireRequest
from addon.policy.variants import key_of_test
from addon.redaction import redact_text
from addon.redaction.credentials_seen import Credential
from addon.settings.modes import Serves
from addon.settings.settings import PER_TEST, Settings
from addon.sockets.conversation import (
    INTERNAL_ERROR,
    TOO_LONG,
    Action,
    Close,
    Closed,
    Connect,
    Event,
    Opened,
    Refused,
    Said,
    Say,
    Started,
    TooLong,
    short_reason,
)
from addon.sockets.ending import why_not_whole
from addon.sockets.frames import is_sound, says_same, without_event_id
from addon.sockets.playback import Playback, in_causal_order
from addon.sockets.transcript import CONTENT_TYPE, ClientFrame, Frame, ProviderFrame, Transcript
from addon.sockets.upgrade import frame_request, session_request
from cache_store.entry import Entry, is_expired
from cache_store.errors import CorruptEntry, StoreError

__all__ = ["Session", "SessionRun"]

_MOST_FRAMES = 100_000
_INLINE = 64 * 1024  # characters or bytes of a session that are read on the event loop
_DEEPEST = 64  # first frames of a client by which sessions are told apart
_SHORT_KEY = 12
_DIGEST = 32  # hex digits, 128 bits
_ASIDE = "a client said something else than was recorded, after it had been replayed in part"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SessionRun:
    """The parts of a run's cache that a session uses."""

    settings: Settings
    store: StoreAccess
    storing: Storing
    peer: Peer
    counts: RunCounts
    explaining: Explaining
    tests: TestsInFlight
    lanes: Lanes
    shows: Shows | None = None


class Session:
    """One session. `forward` is its upgrade, with its mode and its test."""

    forwards_upgrade = False

    def __init__(self, run: SessionRun, forward: Forward) -> None:
        self.most = run.settings.max_body
        self.protocol = ""
        self._run = run
        self._forward = forward
        self._rules = replace(run.settings.identity, volatile=NO_RULES)
        self._playback: Playback | None = None
        self._entry: Entry | None = None  # that is replayed; None while it is only an opening
        self._begun: Entry | None = None  # the opening's
        self._opening: Transcript | None = None
        self._depth = 0  # of the beginnings that were looked up
        self._client: list[ClientFrame] = []
        self._asked = 0  # characters that the client has said
        self._sent: list[str | bytes] = []  # what the client said before the provider's socket was open
        self._requests: list[WireRequest] = []  # what is in them is known while they live
        self._is_live = self._is_connected = self._is_over = False
        self._expected: deque[str] = deque()  # what the live provider must repeat
        self._log: list[Frame] = []
        self._size = 0
        self._problem: NotStored | None = None

    @property
    def passes(self) -> bool:
        """Whether a message that is too long to be kept is passed on."""
        return self._is_live

    async def begin(self) -> bool:
        """Look the opening up; False if there is none. Sets the identity of the upgrade."""
        identity = self._identity(0)
        self._forward.identity, self._forward.key = identity, self._keys(identity)[0]
        entry, opening = await self._look(identity)
        if entry is None or opening is None:
            return False
        self._begun = entry
        self._opening, self._playback, self.protocol = opening, Playback(opening), opening.protocol
        self._count_use(entry.key)
        return True

    def forward_upgrade(self) -> None:
        """Let the provider answer the upgrade: nothing is recorded."""
        self.forwards_upgrade = self._is_live = self._is_connected = True
        self._show(self._forward)

    def on(self, event: Event) -> list[Action] | Awaitable[list[Action]]:
        """The actions that follow from an event."""
        if self._is_over:
            return []
        match event:
            case Started(by_provider, protocol):
                self.protocol = protocol
                return [] if by_provider else self._due()
            case Said(True, data):
                return self._client_said(data)
            case Said(False, data):
                return self._provider_said(data)
            case Opened():
                self._is_connected = True
                return [Say(False, data) for data in self._sent]
            case Refused(status):
                return self._refused(status)
            case TooLong():
                return self._too_long()
            case Closed():
                return self._closed(event)
        return []

    def gone(self) -> None:
        """End the session: a live one is not kept, one that was replayed so far is a hit."""
        if self._is_live:
            self._finish_live(NotStored.CLIENT_LEFT)
        else:
            self._finish_hit()

    # -- the client -------------------------------------------------------------

    def _client_said(self, data: str | bytes) -> list[Action] | Awaitable[list[Action]]:
        if len(self._client) >= _MOST_FRAMES or is_sound(data) or not isinstance(data, str):
            return self._not_recordable(data)
        if self._problem is not None:
            return self._passed_on(data)
        if len(data) > _INLINE:
            return self._client_said_much(data)
        request, new = self._learn(data)
        if sharing := self._share(request, new):
            return self._client_said_after(sharing, request, data)
        return self._client_asked(self._frame(request), data)

    async def _client_said_much(self, data: str) -> list[Action]:
        request, new = await self._off_the_loop(len(data), partial(self._learn, data))
        if sharing := self._share(request, new):
            await sharing
        frame = await self._off_the_loop(len(data), partial(self._frame, request))
        actions = self._client_asked(frame, data)
        return actions if isinstance(actions, list) else await actions

    async def _client_said_after(
        self, sharing: Awaitable[Any], request: WireRequest, data: str
    ) -> list[Action]:
        await sharing
        actions = self._client_asked(self._frame(request), data)
        return actions if isinstance(actions, list) else await actions

    def _learn(self, data: str) -> tuple[WireRequest, list[Credential]]:
        """The request that stands for a frame, and the credentials in it that are new."""
        text = without_event_id(data) if self._is_realtime else data
        request = frame_request(self._forward.request, text)
        return request, self._run.peer.taint.learn(request)

    def _share(self, request: WireRequest, new: list[Credential]) -> Awaitable[Any] | None:
        if not new:
            return None
        self._requests.append(request)
        return self._run.peer.share(new)

    def _frame(self, request: WireRequest) -> ClientFrame:
        saved = identify(request, self._rules).request_json
        return ClientFrame(hashlib.sha256(saved).hexdigest()[:_DIGEST], json.loads(saved)["body"])

    def _client_asked(self, frame: ClientFrame, data: str) -> list[Action] | Awaitable[list[Action]]:
        self._client.append(frame)
        self._asked += len(data)
        if self._is_live:
            self._note(frame, len(data))
            return self._passed_on(data)
        self._sent.append(data)
        place = len(self._client) - 1
        if self._entry is not None and self._playback and self._playback.goes_on(place, frame.digest):
            return self._due()
        return self._look_further()

    def _passed_on(self, data: str | bytes) -> list[Action]:
        if self._is_connected:
            return [Say(False, data)]
        self._sent.append(data)
        return []

    def _not_recordable(self, data: str | bytes) -> list[Action] | Awaitable[list[Action]]:
        """Pass on sound, or refuse it where nothing may be sent."""
        self._problem = self._problem or NotStored.SESSION
        self._log, self._client = [], []
        if self._is_live:
            return self._passed_on(data)
        self._sent.append(data)
        return self._go_live("sound and binary frames are not recorded")

    async def _look_further(self) -> list[Action]:
        """Find another recording that fits all that was said."""
        digests = [frame.digest for frame in self._client]
        told = self._playback.told if self._playback is not None else []
        for depth in range(self._depth + 1, min(len(digests), _DEEPEST) + 1):
            self._depth = depth
            entry, transcript = await self._look(await self._identified(depth))
            if entry is None or transcript is None:
                continue
            playback = Playback(transcript, told)
            if await self._off_the_loop(entry.size, partial(playback.fits, digests)):
                self._playback, self._entry = playback, entry
                self._count_use(entry.key)
                return self._due()
        return await self._go_live("")

    def _due(self) -> list[Action]:
        """What the provider said after all that the client has said so far."""
        if self._playback is None:
            return []
        said = len(self._client)
        actions: list[Action] = [Say(True, text) for text in self._playback.due(said)]
        if self._playback.is_over(said):
            self._finish_hit()
            transcript = self._playback.transcript
            actions.append(Close(True, transcript.code, transcript.reason))
        return actions

    # -- a miss -----------------------------------------------------------------

    async def _go_live(self, why: str) -> list[Action]:
        """The client has said what no recording has: ask the provider, where that is allowed, or say why not."""
        mode = self._forward.mode
        over = self._run.peer.spent() if mode.forwards else f"mode {mode}"
        over = over or await self._run.peer.take()
        host = self._counts
        host.misses += 1
        if over:
            self._run.counts.over_budget += mode.forwards
            return self._end_missed(await self._explained(why), over, why)
        host.live += 1
        if self._forward.verdict is not None:
            self._forward.verdict.live += 1
        if why:
            logger.info(
                "a WebSocket session with %s is passed on unrecorded: %s", self._forward.request.host, why
            )
        else:
            await self._explained("")
        self._is_live = True
        self._show(self._forward)
        if self._playback is not None:
            self._expected.extend(self._playback.told)
            for frame in self._playback.so_far(self._client):
                self._note(frame, len(frame.text) if isinstance(frame, ProviderFrame) else 0)
        return [Connect()]

    def _end_missed(self, found: Diagnosis | None, over: str, why: str) -> list[Action]:
        line = found.line if found is not None else ""
        message = f"provider-proxy: no recorded answer ({over}, nothing was sent). {line}"
        at = next((f" at {one.place}" for one in found.differences), "") if found is not None else ""
        status = miss_status(found.key if found is not None else self._forward.key)
        self._show(OwnAnswer(502, b"", status, "provider_proxy_cache_miss"))
        short = f"provider-proxy: {why or f'frame {len(self._client)} differs from what is recorded{at}'}"
        self._end()
        return [*self._error(message), Close(True, INTERNAL_ERROR, short_reason(short))]

    def _error(self, message: str) -> list[Action]:
        """An `error` event of the Realtime API (openai-python, types/realtime/realtime_error_event.py)."""
        if not self._is_realtime:
            return []
        error = {"type": "provider_proxy_cache_miss", "code": "provider_proxy_cache_miss", "message": message}
        event = {"type": "error", "event_id": "event_provider_proxy", "error": {**error, "param": None}}
        return [Say(True, json.dumps(event))]

    async def _explained(self, why: str) -> Diagnosis | None:
        """Count what explains the miss in the report; None if that is not known yet."""
        identity = await self._identified(max(1, min(len(self._client), _DEEPEST)))
        key = self._keys(identity)[0]
        verdict = self._forward.verdict
        explaining, stores = self._run.explaining, self._forward.mode.stores
        if self._entry is None and not why:
            if not self._forward.mode.forwards:
                return await explaining.explain(key, identity, verdict)
            explaining.start_soon(key, identity, stored=stores, verdict=verdict)
            return None
        found = self._diagnosis(key, identity, why)
        pointer = next((difference.place for difference in found.differences), "")
        self._run.counts.miss(key, found.as_dict(), found.line)
        if verdict is not None:
            verdict.miss(key)(found.line, pointer, folded=False)
        logger.warning("miss: %s; %s", found.place, found.line)
        return found

    def _diagnosis(self, key: str, identity: Identity, why: str) -> Diagnosis:
        """How what the client has said differs from the recording that fitted so far."""
        place = redact_text("{method} {host}{path}".format_map(identity.label))
        if self._run.peer.taint.found_in(place.encode()):
            place = self._forward.request.host
        if self._entry is None or self._playback is None or why:
            return Diagnosis(key, place, note=why or "nothing was recorded")
        last = len(self._client) - 1
        recorded = self._playback.transcript.client_values
        old = _as_saved(recorded[last] if last < len(recorded) else None)
        new = _as_saved(self._client[last].value)
        return Diagnosis(
            key,
            place,
            nearest=self._entry.key,
            recorded_at=self._entry.recorded_at,
            differences=tuple(differences(old, new)),
            note=f"It is frame {last + 1} of the client",
            remedy="" if self._forward.mode.stores else RERECORD,
        )

    # -- the provider -----------------------------------------------------------

    def _provider_said(self, data: str | bytes) -> list[Action]:
        if self._expected:
            is_same = isinstance(data, str) and says_same(self._expected.popleft(), data)
            return [] if is_same else self._diverged()
        if isinstance(data, str):
            self._note(ProviderFrame(data), len(data))
        else:
            self._problem = self._problem or NotStored.SESSION
        return [Say(True, data)]

    def _diverged(self) -> list[Action]:
        """The provider says something else than was replayed: the two must not be mixed in one session."""
        if self._entry is not None and self._forward.mode.stores:
            self._run.store.set_aside([self._entry.key], _ASIDE)
        self._finish_live(NotStored.CUT_OFF)
        why = "provider-proxy: the recorded session cannot be continued live; try again"
        return [*self._error(why), Close(True, INTERNAL_ERROR, why), Close(False, 1001)]

    def _refused(self, status: int) -> list[Action]:
        self._finish_live(NotStored.STATUS if status else NotStored.UNREACHABLE)
        said = (
            f"the provider refused the WebSocket with status {status}"
            if status
            else "the provider did not answer"
        )
        return [
            *self._error(f"provider-proxy: {said}"),
            Close(True, INTERNAL_ERROR, f"provider-proxy: {said}"),
        ]

    # -- the end ----------------------------------------------------------------

    def _too_long(self) -> list[Action]:
        if self._is_live:
            self._problem, self._log = NotStored.TOO_LARGE, []
            return []
        self._counts.misses += 1
        self._end()
        return [Close(True, TOO_LONG, "a message is longer than PROVIDER_PROXY_MAX_BODY")]

    def _closed(self, event: Closed) -> list[Action] | Awaitable[list[Action]]:
        if self._is_live:
            return self._closed_live(event)
        self._finish_hit()
        return []

    async def _closed_live(self, event: Closed) -> list[Action]:
        """Keep the session before either side sees its end."""
        reason, log = self._problem, self._log
        if reason is None and not self._forward.mode.stores:
            reason = NotStored.MODE
        if reason is None and self._expected:
            reason = NotStored.CLIENT_LEFT  # nobody knows whether the provider would have said the same
        if reason is None:
            reason = await self._off_the_loop(self._size, partial(self._why_not_whole, log, event))
        if reason is None and not self._is_over:  # the proxy may have stopped in the meantime
            try:
                reason = await self._keep(event, log)
            except StoreError:
                reason = NotStored.STORE_FAILED  # the store has logged it
        self._finish_live(reason)
        return [Close(not event.by_client, event.code, event.reason)]

    def _why_not_whole(self, log: list[Frame], event: Closed) -> NotStored | None:
        answers = [frame.text for frame in log if isinstance(frame, ProviderFrame)]
        expected = expected_at(self._run.settings.store_errors, self._forward.request.host)
        return why_not_whole(answers, event.code, by_client=event.by_client, keeps_errors=IN_BAND in expected)

    async def _keep(self, event: Closed, log: list[Frame]) -> NotStored | None:
        """Store the opening and the transcript; None is success."""
        frames = in_causal_order(log)
        if not self._run.settings.save_request:
            frames = [f._replace(value=None) if isinstance(f, ClientFrame) else f for f in frames]
        transcript = Transcript(tuple(frames), self.protocol, event.by_client, event.code, event.reason)
        if not self._client:
            return await self._put(self._forward, transcript)
        identity, key = await self._place(transcript)
        forward = replace(
            self._forward, request=self._request(0), identity=identity, key=key, verdict=self._forward.verdict
        )
        reason = await self._put(forward, transcript)
        if reason is None:
            self._forward.key = key
            await self._keep_opening(transcript.opening())
        return reason

    async def _keep_opening(self, opening: Transcript) -> None:
        if self._opening is None or len(self._opening.frames) < len(opening.frames):
            identity = self._identity(0)
            await self._put(
                replace(
                    self._forward, request=self._request(0), identity=identity, key=self._keys(identity)[0]
                ),
                opening,
            )

    async def _place(self, transcript: Transcript) -> tuple[Identity, str]:
        """The shortest beginning that no other session has taken, and its key."""
        for depth in range(1, min(len(self._client), _DEEPEST) + 1):
            identity = await self._identified(depth)
            key = self._keys(identity)[0]
            there = await self._run.store.find(key)
            if there is None:
                break
            taken = await self._off_the_loop(there.size, partial(_digests, there))
            if taken in (None, transcript.digests):
                break
        return identity, key

    async def _put(self, forward: Forward, transcript: Transcript) -> NotStored | None:
        body = await self._off_the_loop(self._size, transcript.encode)
        if len(body) > self.most:
            return NotStored.TOO_LARGE
        live = LiveAnswer(200, "", ((b"content-type", CONTENT_TYPE.encode()),), body)
        elapsed = time.monotonic() - forward.started
        return await self._run.storing.put(forward, Answer(live, None, cut_off=False), elapsed)

    def _finish_live(self, reason: NotStored | None) -> None:
        """Count a live session that has ended."""
        if self._is_over:
            return
        elapsed = time.monotonic() - self._forward.started
        self._counts.live_seconds += elapsed
        verdict = self._forward.verdict
        if verdict is not None:
            verdict.live_seconds += elapsed
        if reason in (NotStored.CLIENT_LEFT, NotStored.CUT_OFF, NotStored.UNREACHABLE):
            self._counts.failures[reason] += 1
        if self._forward.mode.stores:
            self._run.storing.count_end(self._forward, reason)
        if self._run.shows is not None:
            self._run.shows.ended(self._forward, reason, verdict)
        self._end()

    def _finish_hit(self) -> None:
        """Count a session that was replayed to its end, or as far as its client wanted."""
        if self._is_over:
            return
        counts, entry = self._counts, self._entry
        counts.hits += 1
        if self._forward.verdict is not None:
            self._forward.verdict.hits += 1
        if (used := entry or self._begun) is not None:
            self._show(Hit(used, ""))
        if entry is not None:
            counts.hit_bytes += entry.size
            counts.saved_seconds += entry.elapsed - (time.monotonic() - self._forward.started)
        self._end()

    def _count_use(self, key: str) -> None:
        used = self._run.counts.used
        used[key] = used.get(key, 0) + 1
        if self._forward.verdict is not None:
            self._forward.verdict.use(key, 1)

    def _show(self, decision: Decision) -> None:
        """Show what became of the session."""
        if self._run.shows is not None:
            self._forward.on_socket = True
            self._run.shows.decided(SOCKET, self._forward.request.host, decision, self._forward.verdict)

    def _end(self) -> None:
        self._is_over = True
        self._log, self._sent = [], []
        if self._forward.verdict is not None:
            self._run.tests.leave(self._forward.verdict)
            self._forward.verdict = None

    # -- recordings -------------------------------------------------------------

    @property
    def _is_realtime(self) -> bool:
        """Whether the session is one of OpenAI's Realtime API, which others have too."""
        return "/realtime" in self._forward.request.target.partition("?")[0]

    @property
    def _counts(self) -> HostCounts:
        return self._run.counts.host(self._forward.request.host)

    def _note(self, frame: Frame, size: int) -> None:
        """Add a frame to the recording, as long as it may be kept."""
        self._size += size
        if self._size > self.most or len(self._log) >= _MOST_FRAMES:
            self._problem = self._problem or NotStored.TOO_LARGE
        if self._problem is not None:
            self._log = []
        else:
            self._log.append(frame)

    def _request(self, depth: int) -> WireRequest:
        """The request that stands for a session whose client began with its first `depth` frames."""
        values = [_inner(frame.value) for frame in self._client[:depth]]
        return session_request(self._forward.request, values)

    def _identity(self, depth: int) -> Identity:
        return identify(self._request(depth), self._rules)

    async def _identified(self, depth: int) -> Identity:
        return await self._off_the_loop(self._asked, partial(self._identity, depth))

    def _keys(self, identity: Identity) -> list[str]:
        """The keys to look under; the first is the one to store under."""
        scope = self._forward.scope
        repeat = (scope.repeat if scope else "") or self._run.settings.repeat
        if repeat != PER_TEST or scope is None:
            return [identity.key]
        return [key_of_test(identity.key, scope.test), identity.key]

    async def _look(self, identity: Identity) -> tuple[Entry | None, Transcript | None]:
        """The recording that the mode may serve, and its transcript; None for none that can be used."""
        serves, settings, store = self._forward.mode.serves, self._run.settings, self._run.store
        if serves is Serves.NOTHING:
            return None, None
        for key in self._keys(identity):
            try:
                entry = await store.find(key)
            except StoreError:
                continue
            is_old = serves is not Serves.OLD or entry is None or entry.run != self._run.counts.run
            if entry is None or not is_old or is_expired(entry, settings.max_age, store.stored_at):
                continue
            try:
                transcript = await self._off_the_loop(entry.size, partial(Transcript.decode, entry.body))
                if key == self._keys(identity)[0] or await self._is_anyones(entry, transcript):
                    return entry, transcript
            except CorruptEntry as error:
                logger.warning("%s: %s; record it again", key[:_SHORT_KEY], error)
        return None, None

    async def _is_anyones(self, entry: Entry, transcript: Transcript) -> bool:
        """Whether a test without a recording of its own may have this one: all tests recorded the same."""
        if entry.run == self._run.counts.run:
            return False
        try:
            own = await self._run.store.of_tests(entry.key)
            size = entry.size + sum(other.size for other in own)
            return await self._off_the_loop(size, partial(_all_say, transcript, own))
        except (StoreError, CorruptEntry):
            return False

    async def _off_the_loop[T](self, size: int, work: Callable[[], T]) -> T:
        """The result of `work` on `size` characters or bytes. Long work is done in a thread."""
        return work() if size <= _INLINE else await self._run.lanes.run(size, work)


def _inner(value: Any) -> Any:
    """What a client's frame says, out of the form in which a body is saved."""
    return value.get("value", value) if isinstance(value, dict) else value


def _as_saved(value: Any) -> dict[str, Any]:
    """A saved request with this body, for a comparison."""
    return {"body": value}


def _digests(entry: Entry) -> list[str] | None:
    try:
        return Transcript.decode(entry.body).digests
    except CorruptEntry:
        return None


def _all_say(transcript: Transcript, own: list[Entry]) -> bool:
    """Whether the recordings of all tests say the same as `transcript`. Raises CorruptEntry."""
    return all(transcript.says_same(Transcript.decode(other.body)) for other in own)

"""Injects faults into a run: chooses the rule for a request, answers in the provider's place, breaks answers.

A fault is ours: it is never stored, and the request that follows it is an ordinary one. A live answer that is
broken is recorded whole; the client alone gets less.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from http import HTTPStatus
from typing import Any, NamedTuple

from addon.accounting.counts import RunCounts
from addon.accounting.verdicts import Verdict
from addon.exchange.cache_status import fault_status
from addon.exchange.coordination import Peer
from addon.exchange.decisions import Forward, Injected, OwnAnswer
from addon.exchange.recording import Recording
from addon.faults.cutting import CUTS, Cutter, suits
from addon.faults.provider_errors import answer_of, error_in_stream
from addon.faults.rules import FaultRule, Kind, parse_rules
from addon.messages import LiveAnswer, WireRequest
from addon.pacing.paced_body import Cut, PacedBody
from addon.policy import never_cached
from addon.scopes.scope import Scope
from cache_store.answers.content_coding import codings_of
from cache_store.answers.media import essence_of, kind_of
from cache_store.answers.passing_coding import PassingDecoder
from cache_store.entry import Entry, Headers, header_value

__all__ = ["CutRecording", "Faulting", "wait"]

_MOST_NAMES = 1000  # that the report counts
_LOOKS = 0.05  # seconds between two looks whether the client has left


class Covering(NamedTuple):
    """A rule that covers a request, and the name under which the run numbers the rule's requests."""

    counter: str
    rule: FaultRule


class Faulting:
    """The faults of one process of a run. `text` are the run's own rules; `shown` hides credentials in names."""

    def __init__(self, text: str, peer: Peer, counts: RunCounts, shown: Callable[[str], str]) -> None:
        self._text = text
        self._peer = peer
        self._counts = counts
        self._shown = shown
        for rule in parse_rules(text):
            counts.faults[rule.name] += 0  # the report names a rule that nothing fits, too

    def covering(self, request: WireRequest, scope: Scope | None) -> list[Covering]:
        """The rules that cover a request: those of its test first. Tokens and the like get no faults."""
        test = scope.test if scope is not None else ""
        path = request.target.partition("?")[0]
        texts = (scope.faults, self._text) if scope is not None else (self._text,)
        found = [
            Covering(_counter(text, number, scope), rule)
            for text in texts
            for number, rule in enumerate(parse_rules(text))
            if rule.covers(request.host, path, test)
        ]
        return [] if found and never_cached.refusal(request) else found

    async def choose(self, covering: Sequence[Covering], scope: Scope | None) -> FaultRule | None:
        """The first of the rules that fires. The request is counted for each of them."""
        numbers = await self._peer.count_faults([counter for counter, _ in covering])
        test = scope.test if scope is not None else ""
        fire = (one.rule for one, n in zip(covering, numbers, strict=True) if one.rule.fires(test, n))
        return next(fire, None)

    async def inject(self, rule: FaultRule, forward: Forward) -> Injected | None:
        """The fault in the place of an answer; None lets the request go on, maybe to an answer that is broken."""
        if rule.kind == Kind.LATENCY:
            self._count(rule, forward.verdict)
            await wait(rule.seconds, forward.has_left)
            return _reset() if forward.has_left() else None
        if rule.kind == Kind.RESET and not (rule.after_bytes or rule.after_events):
            self._count(rule, forward.verdict)
            return _reset()
        if rule.kind in CUTS:
            forward.fault = rule
            return None
        answer = answer_of(rule, forward.request.host, forward.request.target)
        if answer is None:
            return None
        self._count(rule, forward.verdict)
        return Injected(OwnAnswer(answer.status, answer.body, fault_status(), "", more=answer.headers))

    def broken(self, forward: Forward, entry: Entry) -> Injected | None:
        """The recorded answer as the request's fault breaks it; None if that cannot break it."""
        rule = forward.fault
        cutter = self._cutter(rule, forward.request, entry.status, entry.headers, entry.body)
        if rule is None or cutter is None:
            return None
        body = cutter.feed(entry.body) + cutter.end()
        if not cutter.broke:
            return None
        self._count(rule, forward.verdict)
        paced = None
        if rule.kind == Kind.RESET:
            if not body:
                return _reset()
            paced = PacedBody(body, [Cut(0.0, len(body))], whole=False)
        elif rule.kind == Kind.STALL:
            passed, body = len(body), body + bytes(cutter.rest)
            paced = PacedBody(body, [Cut(0.0, passed), Cut(rule.seconds, len(body))])
        return Injected(OwnAnswer(entry.status, body, fault_status(), "", more=_plain(entry.headers)), paced)

    def recording(self, forward: Forward, live: LiveAnswer, limit: int, **how: Any) -> CutRecording | None:
        """A recording of the whole live answer with this head, which passes on what the fault leaves of it.

        `limit` and `how` are those of a `Recording`. None if the fault cannot break the answer.
        """
        rule = forward.fault
        cutter = self._cutter(rule, forward.request, live.status, live.headers, b"")
        encoding = header_value(live.headers, b"content-encoding")
        decoder = PassingDecoder(encoding) if codings_of(encoding) else None
        if rule is None or cutter is None or (decoder is not None and decoder.is_lost):
            return None
        media_type = header_value(live.headers, b"content-type")
        recording = CutRecording(limit, media_type, forward.flight, encoding=encoding, **how)
        recording.cut_by(rule, cutter, decoder, partial(self._count, rule, forward.verdict))
        return recording

    def _cutter(
        self, rule: FaultRule | None, request: WireRequest, status: int, headers: Headers, body: bytes
    ) -> Cutter | None:
        kind = kind_of(essence_of(headers), body)
        is_success = HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES and request.method != "HEAD"
        if rule is None or not is_success or not suits(rule, kind):
            return None
        error = b""
        if rule.kind == Kind.STREAM_ERROR:
            path = request.target.partition("?")[0]
            error = error_in_stream(rule, request.host, path, essence_of(headers))
        return Cutter(rule, kind, error)

    def _count(self, rule: FaultRule, verdict: Verdict | None) -> None:
        name, faults = self._shown(rule.name), self._counts.faults
        if name in faults or len(faults) < _MOST_NAMES:
            faults[name] += 1
        if verdict is not None:
            verdict.faults[name] += 1
            verdict.changed = True


class CutRecording(Recording):
    """Records an answer whole and gives its client what a fault leaves of it."""

    def cut_by(
        self,
        rule: FaultRule,
        cutter: Cutter,
        decoder: PassingDecoder | None,
        broke: Callable[[], None],
    ) -> None:
        """Set how the answer is broken. `decoder` undoes its content-encoding; `broke` is called when it breaks."""
        self._rule, self._cutter, self._decoder, self._broke = rule, cutter, decoder, broke

    async def ends_early(self, has_left: Callable[[], bool]) -> bool:
        """Stall as the fault says, or tell that the connection is to end without the end of the answer."""
        if not self._cutter.broke:
            return False
        if self._rule.kind == Kind.STALL:
            await wait(self._rule.seconds, has_left)
        return self._rule.kind == Kind.RESET

    def __call__(self, chunk: bytes) -> bytes | tuple[bytes, ...]:
        """Copy `chunk` and return what the client gets of it."""
        super().__call__(chunk)
        was_broken = self._cutter.broke
        if chunk:
            passed = self._cutter.feed(chunk if self._decoder is None else self._decoder(chunk))
        else:
            passed = self._cutter.end()
            # Sent after the `response` hook, which waits as long as the answer stalls.
            self.held = bytes(self._cutter.rest)
        if self._cutter.broke and not was_broken:
            self._broke()
        return (passed,) if passed else ()


async def wait(seconds: float, has_left: Callable[[], bool]) -> None:
    """Wait for so many seconds, or until the client has left."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0 and not has_left():
        await asyncio.sleep(min(left, _LOOKS))


def _reset() -> Injected:
    return Injected(None)


def _plain(headers: Headers) -> dict[str, str]:
    """The headers of an entry by lower-case name, without those that state its length."""
    named = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in headers}
    return {
        name: value for name, value in named.items() if name not in ("content-length", "transfer-encoding")
    }


def _counter(text: str, number: int, scope: Scope | None) -> str:
    """The name of a rule's count: other rules, and each attempt of a test, have counts of their own."""
    return f"{_digest(text)} {number} {scope.counter if scope is not None else ''}"


@lru_cache(maxsize=256)
def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:16]

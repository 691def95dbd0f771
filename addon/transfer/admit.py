"""Admits what another tool recorded: identified, redacted and judged like a live answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from addon.identity import identify
from addon.identity.unknown_headers import marked, unknown_headers
from addon.judging.reasons import NotStored
from addon.messages import LiveAnswer, WireRequest
from addon.policy import never_cached
from addon.policy.keeping import Origin, entry_or_reason
from addon.policy.variants import (
    CREDENTIAL_STATUSES,
    RepeatCounter,
    credential_digest,
    key_of_test,
    nth_key,
    rejection_key,
)
from addon.redaction import Taint
from addon.settings.settings import SEQUENCE, Settings
from addon.transfer.recorded_request import with_credential
from cache_store.answers.content_coding import BadCoding, TooLarge, decode
from cache_store.entry import Entry, Headers, header_value

__all__ = ["Admission", "Exchange", "Refused", "why_unreadable"]

_OTHER_HOST = "not-in-PROVIDER_PROXY_HOSTS"
_CODING = b"content-encoding"


@dataclass(frozen=True, slots=True)
class Exchange:
    """A recorded request and its answer, maybe compressed as their headers say.

    `recorded_at` is in Unix seconds, `elapsed` in seconds.
    """

    request: WireRequest
    answer: LiveAnswer
    recorded_at: float
    elapsed: float = 0.0


@dataclass(frozen=True, slots=True)
class Refused:
    """A recording that is not an exchange. `what` names it and says why, in one line."""

    reason: str
    what: str = ""


def why_unreadable(error: BaseException) -> str:
    """What is wrong with a recording, in words, from the error that reading it raised."""
    if isinstance(error, LookupError):
        return f"{error} is missing"
    is_ours = isinstance(error, ValueError | TypeError) and "object" not in str(error)
    return str(error) if is_ours else "it does not have the form of a recording"


@dataclass
class Admission:
    """Admits exchanges, and counts by reason those that it does not.

    `run` is the run id of the entries. `test` is the test to which what is read now belongs, '' for none. `unknown`
    names headers, in lower case, that a recorder may have left out.
    """

    settings: Settings
    run: str
    unknown: frozenset[str] = frozenset()
    test: str = ""
    skipped: Counter[str] = field(default_factory=Counter)
    named: list[str] = field(default_factory=list)
    _taint: Taint = field(default_factory=Taint)
    _repeats: RepeatCounter = field(default_factory=RepeatCounter)

    def entries(self, recordings: Iterable[Exchange | Refused]) -> Iterator[Entry]:
        """The entries of the admitted exchanges, in order."""
        for recording in recordings:
            if isinstance(recording, Refused):
                self.skipped[recording.reason] += 1
                if recording.what:
                    self.named.append(recording.what)
                continue
            entry = self._entry(recording)
            if isinstance(entry, Entry):
                yield entry
            else:
                self.skipped[entry] += 1

    def _entry(self, exchange: Exchange) -> Entry | str:
        """The entry, or the reason why there is none."""
        request, answer, limit = exchange.request, exchange.answer, self.settings.max_body
        request = replace(request, headers=_true_coding(request.headers, request.body, limit))
        answer = replace(answer, headers=_true_coding(answer.headers, answer.body, limit))
        if never_cached.refusal(request):
            return NotStored.NEVER_CACHED
        if not self.settings.hosts.match(request.host, request.port):
            # A browser's HAR holds whole pages; an entry that would never be served does not belong in a cache.
            return _OTHER_HOST
        self._taint.learn(request)
        identity = identify(request, self.settings.identity)
        restored = with_credential(request, identity, answer.status)
        if restored is not None:
            request, identity = restored, identify(restored, self.settings.identity)
        key = key_of_test(identity.key, self.test) if self.test else identity.key
        counts = bool(self.test) or self.settings.repeat == SEQUENCE
        nth = self._repeats.next(key) if counts else 1
        own = nth_key(key, nth)
        if answer.status in CREDENTIAL_STATUSES:  # it belongs to this credential alone, as in a run
            own = rejection_key(own, credential_digest(request))
        origin = Origin(
            request=request,
            identity=identity,
            key=own,
            run=self.run,
            recorded_at=exchange.recorded_at,
            elapsed=exchange.elapsed,
        )
        kept = entry_or_reason(origin, answer, self.settings, self._taint)
        if not isinstance(kept, Entry):
            if counts:
                self._repeats.release(key, nth)
            return kept
        if restored is not None:
            kept = replace(kept, account="")  # nobody's
        return marked(kept, unknown_headers(request, self.unknown))


def _true_coding(headers: Headers, body: bytes, limit: int) -> Headers:
    """The headers, without a content-encoding that does not describe the body.

    Many recorders save the decoded body and leave the header.
    """
    try:
        decode(body, header_value(headers, _CODING), limit)
    except TooLarge:
        return headers
    except BadCoding:
        return tuple((name, value) for name, value in headers if name.lower() != _CODING)
    return headers

"""Whether what another tool recorded becomes an entry: identified, redacted and judged as a live answer is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from addon.identity import identify
from addon.judging.reasons import NotStored
from addon.messages import LiveAnswer, WireRequest
from addon.policy import never_cached
from addon.policy.keeping import Origin, entry_or_reason
from addon.policy.variants import RepeatCounter, nth_key
from addon.redaction import Taint
from addon.settings.settings import Settings
from addon.transfer.recorded_request import with_credential
from cache_store.entry import Entry

__all__ = ["Admission", "Exchange", "Refused"]

_OTHER_HOST = "not-in-PROVIDER_PROXY_HOSTS"


@dataclass(frozen=True, slots=True)
class Exchange:
    """A recorded request and its answer, maybe compressed as its headers say. Unix seconds, seconds."""

    request: WireRequest
    answer: LiveAnswer
    recorded_at: float
    elapsed: float = 0.0


@dataclass(frozen=True, slots=True)
class Refused:
    """What is no exchange; `what` names it and says why, in one line."""

    reason: str
    what: str = ""


@dataclass
class Admission:
    """Lets exchanges in, and counts by reason what stays out. `run` is the id that their entries carry."""

    settings: Settings
    run: str
    skipped: Counter[str] = field(default_factory=Counter)
    named: list[str] = field(default_factory=list)
    _taint: Taint = field(default_factory=Taint)
    _sequence: RepeatCounter = field(default_factory=RepeatCounter)

    def entries(self, found: Iterable[Exchange | Refused]) -> Iterator[Entry]:
        """The entries of what may be kept, in order."""
        for item in found:
            if isinstance(item, Refused):
                self.skipped[item.reason] += 1
                if item.what:
                    self.named.append(item.what)
                continue
            entry = self._entry(item)
            if isinstance(entry, Entry):
                yield entry
            else:
                self.skipped[entry] += 1

    def _entry(self, exchange: Exchange) -> Entry | str:
        """The entry, or the reason why there is none."""
        request = exchange.request
        if never_cached.refusal(request):
            return NotStored.NEVER_CACHED
        if not self.settings.hosts.match(request.host, request.port):
            # A browser's HAR holds whole pages; what would never be served has no place in a cache.
            return _OTHER_HOST
        self._taint.learn(request)
        identity = identify(request, self.settings.identity)
        restored = with_credential(request, identity, exchange.answer.status)
        if restored is not None:
            request, identity = restored, identify(restored, self.settings.identity)
        nth = self._sequence.next(identity.key) if self.settings.sequence else 1
        origin = Origin(
            request=request,
            identity=identity,
            key=nth_key(identity.key, nth),
            run=self.run,
            recorded_at=exchange.recorded_at,
            elapsed=exchange.elapsed,
        )
        return entry_or_reason(origin, exchange.answer, self.settings, self._taint)

"""The work of `drift`: finds what can be asked, asks it, and keeps what came of it."""

from __future__ import annotations

import os
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from addon.accounting.costs import Billed, Tally, billed_entry, billed_live
from addon.cli.asking import Asking, NoAnswer
from addon.cli.keys import short_key
from addon.cli.progress import Progress
from addon.cli.showing import summary
from addon.drift.credentials import with_credential
from addon.drift.question import Question, question_of
from addon.drift.reading import Reading
from addon.drift.reason import Reason
from addon.drift.sampling import form_of, route_of
from addon.drift.verdict import Comparison, Recorded, Verdict, compare
from addon.identity import Identity
from addon.messages import LiveAnswer, WireRequest
from addon.policy.keeping import Origin, entry_or_reason
from addon.policy.variants import split_key
from addon.redaction import Taint, redact_text
from addon.settings.settings import Settings
from addon.volatile.binding import Binding
from cache_store.answers.content_coding import BadCoding, decode
from cache_store.entry import Entry, header_value
from cache_store.errors import EntryError, StoreError
from cache_store.store import Store

__all__ = ["Candidates", "DriftRun", "candidates"]

_LEARNED = 20  # answers of one form from which its shape is learned
_NAMED = 3
_REASONS = 50
_STORED = "stored"


@dataclass(slots=True)
class NotAsked:
    """Requests that are not asked, by reason: how many, and the first keys. Further reasons are one."""

    counts: dict[str, int] = field(default_factory=dict)
    keys: dict[str, list[str]] = field(default_factory=dict)

    def add(self, why: str, key: str) -> None:
        if why not in self.counts and len(self.counts) >= _REASONS:
            why = "other reasons"
        self.counts[why] = self.counts.get(why, 0) + 1
        named = self.keys.setdefault(why, [])
        if len(named) < _NAMED:
            named.append(key)


@dataclass(slots=True)
class Candidates:
    """Keys that can be asked by route, keys of every usable entry by form and by request, and what is not asked."""

    by_route: dict[tuple[str, ...], list[str]] = field(default_factory=lambda: defaultdict(list))
    by_form: dict[tuple[str, ...], list[str]] = field(default_factory=lambda: defaultdict(list))
    by_request: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    not_asked: NotAsked = field(default_factory=NotAsked)


def candidates(
    store: Store, shown: Progress, fits: Callable[[Entry], bool], *, include_writes: bool
) -> Candidates:
    """Sort the entries of `store`: those that `fits` wants are asked or listed, and shapes are learned from all."""
    found = Candidates()
    for entry in shown.over(store.iterate(), "entries read"):
        question = question_of(entry, os.environ)
        is_wanted = fits(entry)
        if isinstance(question, Question):
            for keys in (found.by_form[form_of(entry, question)], found.by_request[split_key(entry.key)[0]]):
                if len(keys) < _LEARNED:
                    keys.append(entry.key)
            why = _why_not(question, include_writes=include_writes)
        else:
            why = question
        if not is_wanted:
            continue
        if why:
            found.not_asked.add(why, entry.key)
        else:
            found.by_route[route_of(entry)].append(entry.key)
    return found


def _why_not(question: Question, *, include_writes: bool) -> str:
    if question.acts and not include_writes:
        return f"{question.acts}; --include-writes asks it"
    sent = with_credential(question.request, os.environ, wanted=question.has_credential)
    return sent if isinstance(sent, str) else ""


class DriftRun:
    """Asks one request after the other, and keeps the rows of the report.

    `max_usd` bounds what all of them may cost. With `refresh`, new answers are stored.
    """

    def __init__(
        self,
        store: Store,
        settings: Settings,
        asking: Asking,
        found: Candidates,
        max_usd: Decimal | None,
        *,
        refresh: bool,
    ) -> None:
        self._store = store
        self._settings = settings
        self._asking = asking
        self._found = found
        self._max_usd = max_usd
        self._refresh = refresh
        self._id = uuid.uuid4().hex
        self._taint = Taint()
        self._usd = Decimal(0)
        self._maybe_billed = Decimal(0)  # for requests without a whole answer
        self._unpriced = 0
        self._rows: list[dict[str, Any]] = []

    def ask(self, key: str) -> None:
        """Ask one recorded request and note how its answer differs."""
        entry = self._entry(key)
        question = question_of(entry, os.environ) if entry is not None else ""
        if entry is None or isinstance(question, str):
            return  # it was removed since
        expected = _price(billed_entry(entry))
        if why := self._over_budget(expected):
            self._found.not_asked.add(why, key)
            return
        request = with_credential(question.request, os.environ, wanted=question.has_credential)
        if isinstance(request, str):
            return
        self._taint.learn(request)
        began = time.time()
        try:
            answer = self._asking.ask(request)
        except NoAnswer as error:
            self._maybe_billed += expected or Decimal(0)
            self._note(entry, Comparison(Verdict.UNANSWERED, (Reason(str(error), ""),)))
            return
        elapsed = time.time() - began
        self._pay(_price(billed_live(entry.label, answer, self._settings.max_body)), expected)
        comparison = compare(
            question, self._recorded(entry, question), _reading(answer, self._settings.max_body)
        )
        stored = self._stored(entry, request, answer, began, elapsed) if self._refresh else None
        self._note(entry, comparison, stored)

    def report(self) -> dict[str, Any]:
        """The report as JSON."""
        counts = {verdict: sum(row["verdict"] == verdict for row in self._rows) for verdict in Verdict}
        order = [Verdict.CHANGED, Verdict.BENIGN, Verdict.UNANSWERED, Verdict.SAME]
        not_asked = self._found.not_asked
        return {
            "asked": len(self._rows),
            "same": counts[Verdict.SAME],
            "benign": counts[Verdict.BENIGN],
            "changed": counts[Verdict.CHANGED],
            "not_answered": counts[Verdict.UNANSWERED],
            "usd": float(self._usd) if self._usd or not self._unpriced else None,
            "unpriced": self._unpriced,
            "stored": sum(row.get("refresh") == _STORED for row in self._rows) if self._refresh else None,
            "entries": sorted(self._rows, key=lambda row: order.index(row["verdict"])),
            "not_asked": [
                {
                    "why": self._safe(why),
                    "count": count,
                    "keys": keys,
                    "shorts": [short_key(key) for key in keys],
                }
                for why, count in not_asked.counts.items()
                for keys in [not_asked.keys[why]]
            ],
        }

    def _entry(self, key: str) -> Entry | None:
        try:
            return self._store.local.get(key)
        except EntryError:
            return None

    def _over_budget(self, expected: Decimal | None) -> str:
        if self._max_usd is None:
            return ""
        if expected is None:
            return "its price is not known, so --max-usd cannot bound it"
        spent = self._usd + self._maybe_billed
        return f"--max-usd {self._max_usd} would be exceeded" if spent + expected > self._max_usd else ""

    def _pay(self, price: Decimal | None, expected: Decimal | None) -> None:
        """Add what an answer cost; one that does not say is taken to cost what the recorded one did."""
        price = expected if price is None else price
        self._usd += price or Decimal(0)
        self._unpriced += price is None

    def _recorded(self, entry: Entry, question: Question) -> Recorded:
        of_request = self._found.by_request[split_key(entry.key)[0]]
        of_form = self._found.by_form[form_of(entry, question)]
        return Recorded(
            _as_reading(entry),
            [*self._others(entry, of_request)],
            [*self._others(entry, [key for key in of_form if key not in of_request])],
        )

    def _others(self, entry: Entry, keys: list[str]) -> Iterator[Reading]:
        for key in keys:
            other = self._entry(key) if key != entry.key else None
            if other is not None and other.status == entry.status:
                yield _as_reading(other)

    def _stored(
        self, entry: Entry, request: WireRequest, answer: LiveAnswer, began: float, elapsed: float
    ) -> str:
        """_STORED, or why the new answer does not replace the recorded one."""
        # The saved request stays: what was sent lacks what it leaves out, as cache markers.
        bindings = tuple(Binding(*binding) for binding in entry.bindings)
        identity = Identity(entry.key, entry.request_json, entry.label, bindings)
        origin = Origin(request, identity, entry.key, self._id, time.time(), elapsed)
        kept = entry_or_reason(origin, answer, self._settings, self._taint)
        if not isinstance(kept, Entry):
            return f"not stored: {kept}"
        kept = replace(kept, request_json=entry.request_json)
        try:
            return _STORED if self._store.put(kept, began) else "not stored: newer-entry"
        except StoreError as error:
            return f"not stored: {error}"

    def _note(self, entry: Entry, comparison: Comparison, stored: str | None = None) -> None:
        about = summary(entry)
        reasons = [self._safe_reason(reason).as_dict() for reason in comparison.reasons]
        row = {
            "key": entry.key,
            "short": short_key(entry.key),
            "verdict": str(comparison.verdict),
            "reasons": reasons,
            **{
                name: about.get(name, "")
                for name in ("method", "host", "path", "model", "question", "recorded")
            },
            "recorded_at": entry.recorded_at,
        }
        self._rows.append(row if stored is None else row | {"refresh": stored})

    def _safe_reason(self, reason: Reason) -> Reason:
        old, new = (None if value is None else self._safe(value) for value in (reason.old, reason.new))
        return replace(reason, what=self._safe(reason.what), place=self._safe(reason.place), old=old, new=new)

    def _safe(self, text: str) -> str:
        """Text of an answer without secrets: an error may repeat the key that it refuses."""
        text = redact_text(text)
        return "(it holds a credential)" if self._taint.found_in(text.encode("utf-8", "replace")) else text


def _price(billed: Billed | None) -> Decimal | None:
    """What an answer costs in US dollars; None if that is not known."""
    if billed is None:
        return Decimal(0)
    tally = Tally()
    tally.add(*billed)
    tally.settle()
    return None if tally.unknown else tally.usd


def _as_reading(entry: Entry) -> Reading:
    return Reading(entry.status, entry.headers, entry.body)


def _reading(answer: LiveAnswer, most: int) -> Reading:
    try:
        body = decode(answer.body, header_value(answer.headers, b"content-encoding"), most)
    except BadCoding:
        body = b""
    return Reading(answer.status, answer.headers, body)

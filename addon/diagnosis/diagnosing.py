"""Finds the recorded request that is nearest to one that missed, and describes how they differ."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, runtime_checkable

from addon.diagnosis.differences import (
    MOST,
    Difference,
    differences,
    json_body,
    parse_saved,
    pattern_of,
    shared_messages,
)
from addon.diagnosis.kinds import Kind
from addon.diagnosis.likeness import NEAR, likeness, shared_turns
from addon.diagnosis.per_request import per_request_headers
from addon.diagnosis.remedies import RERECORD, remedy
from addon.diagnosis.shortening import shortened
from addon.diagnosis.volatile_rule import covering_rule
from addon.printing import program
from cache_store.entry import Entry
from cache_store.errors import EntryError
from cache_store.nearest.nearest_index import HostEndpoints
from cache_store.nearest.sketch import Sketch, question_of, sketch

__all__ = ["Candidates", "Diagnosis", "diagnose", "diagnose_saved"]

_CANDIDATES = 5
_CANDIDATES_BESIDE_OWN = 20
_OF_TEST = 50
_SHORT_KEY = 12
_NAMED = 3  # further differences that the line names
_PLACE = 200
_LONG_START = 16  # characters of a shared start that are worth mentioning

# Kinds that are guessed from how a text looks; the others follow from its place.
_GUESSED = frozenset(
    {
        Kind.UUID,
        Kind.TIMESTAMP,
        Kind.DATE,
        Kind.TOOL_CALL_ID,
        Kind.ANSWER_ID,
        Kind.HEX,
        Kind.PATH,
        Kind.PER_REQUEST,
    }
)


# How near an entry is: the same endpoint, the test's own, shared turns, likeness; the entry; its saved request,
# parsed.
type _Near = tuple[tuple[bool, bool, int, float], Entry, dict[str, Any]]


@runtime_checkable
class Candidates(Protocol):
    """A store that can find the entries whose requests resemble another."""

    def head(self, key: str) -> Entry | None:
        """The entry under `key`, maybe without its body."""

    def nearest(self, wanted: Sketch, most: int = 3) -> list[str]:
        """The keys of at most `most` entries that resemble `wanted`, the best first."""

    def endpoints_of(self, host: str) -> HostEndpoints:
        """The endpoints of `host` that have entries, with the number of each."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Why `key` has no entry.

    `place` is the request's method, host and path, `question` the first words of what it asks. `nearest` is the
    key of the nearest entry ('' if there is none), recorded at `recorded_at` (Unix seconds); `of_test` if the test
    that asks has it as its own. `more` is true if there may be more differences than `differences` lists. `shared`
    counts the messages that both conversations begin with. `note` explains what no difference can.
    """

    key: str
    place: str
    nearest: str = ""
    recorded_at: float = 0.0
    differences: tuple[Difference, ...] = ()
    more: bool = False
    shared: int = 0
    note: str = ""
    remedy: str = ""
    question: str = ""
    wanted: Sketch = field(default=Sketch("", ""), repr=False)
    of_test: bool = False

    @property
    def line(self) -> str:
        """The whole diagnosis in one line."""
        if not self.nearest:
            return self.note
        which = "this test's own recording" if self.of_test else "nearest recorded:"
        line = f"{which} {self.nearest[:_SHORT_KEY]}…"
        if self.differences:
            line += f" differs at {_described(self.differences[0])}"
            if self.shared:
                first = "first message is" if self.shared == 1 else f"first {self.shared} messages are"
                line += f" (the conversation's {first} the same)"
            others = _places(self.differences[1:])
            if others:
                more = ", …" if self.more or len(others) > _NAMED else ""
                line += f"; it also differs at {', '.join(others[:_NAMED])}{more}"
        return ". ".join(part for part in (line, self.note, self.remedy) if part)

    def as_dict(self) -> dict[str, Any]:
        """The diagnosis as JSON; the report and `explain --json` print it."""
        return {
            "key": self.key,
            "place": self.place,
            "question": self.question,
            "nearest": self.nearest or None,
            "recorded_at": self.recorded_at or None,
            "shared_messages": self.shared,
            "differences": [difference.as_dict() for difference in self.differences],
            "more": self.more,
            "note": self.note,
            "remedy": self.remedy,
        }


def diagnose(
    key: str,
    request_json: bytes,
    label: Mapping[str, str],
    store: Candidates,
    rerecord: str = RERECORD,
    since: float = math.inf,
    own: str = "",
    secret_in: Callable[[bytes], str | None] = lambda _: None,
    of_test: Sequence[str] = (),
) -> Diagnosis:
    """Explain why the request under `key`, whose redacted form is `request_json`, has no entry.

    `rerecord` is the command or setting that records it, '' if this run records it anyway. An entry under `key`
    that was recorded at `since` (Unix seconds) or later is this request's own answer and is passed over; so are all
    entries of the run `own`.
    `secret_in` returns the kind of a credential found in some bytes, or None; if either request holds one, none
    of its text is shown. `of_test` are keys that the test which asks has as its own: of the same endpoint, one of
    these is nearest. Reads the heads of a few entries. Raises StoreError if the store cannot be read.
    """
    wanted = sketch(label, request_json)
    place = _place(label)
    new = parse_saved(request_json)
    near: list[_Near] = []
    olds: list[dict[str, Any]] = []
    unsaved, answered = 0, False
    most = _CANDIDATES if since == math.inf else _CANDIDATES + 1
    found = store.nearest(wanted, _CANDIDATES_BESIDE_OWN if own else most)
    for candidate in dict.fromkeys([*of_test[:_OF_TEST], *found]):
        try:
            entry = store.head(candidate)
        except EntryError:
            continue
        if entry is None:
            continue
        is_answer = entry.key == key and entry.recorded_at >= since
        if is_answer or (own and entry.run == own):
            answered = answered or is_answer
            continue
        old = parse_saved(entry.request_json)
        if old is None or new is None:
            unsaved += 1
            continue
        olds.append(old)
        alike, same, mine = likeness(old, new), _same_endpoint(old, new), candidate in of_test
        if alike >= NEAR or (same and mine):
            near.append(((same, mine, shared_turns(old, new), alike), entry, old))
    best, compared = None, b""
    if new is not None and near:
        best, compared = _nearest(key, place, near, new, wanted, rerecord, per_request_headers(new, olds))
        best = replace(best, of_test=best.nearest in of_test)
    if best is None:
        held = store.endpoints_of(wanted.host)
        if answered:
            counted = [(endpoint, number - (endpoint == wanted.endpoint)) for endpoint, number in held]
            held = [(endpoint, number) for endpoint, number in counted if number]
        note = _nothing_near(held, wanted, rerecord, saved=bool(olds) or not unsaved)
        best = Diagnosis(key, place, note=note, wanted=wanted)
    # Both requests are searched whole: the shortened text may show only a part of a credential.
    kind = secret_in(request_json) or secret_in(compared) or secret_in(best.line.encode("utf-8", "replace"))
    return _hidden(best, label, kind) if kind else replace(best, question=_question(new))


def _place(label: Mapping[str, str]) -> str:
    return shortened(f"{label.get('method', '')} {label.get('host', '')}{label.get('path', '')}", _PLACE)


def _question(saved: dict[str, Any] | None) -> str:
    body = json_body(saved) if saved is not None else None
    return shortened(" ".join(question_of(body)[:_PLACE].split())) if body is not None else ""


def _hidden(diagnosis: Diagnosis, label: Mapping[str, str], kind: str) -> Diagnosis:
    """Strip a diagnosis of all text that comes from the requests, because one of them holds a credential."""
    return Diagnosis(
        diagnosis.key,
        f"{label.get('method', '')} {label.get('host', '')}",
        diagnosis.nearest,
        diagnosis.recorded_at,
        shared=diagnosis.shared,
        note=_NOT_SHOWN.format(kind),
        wanted=diagnosis.wanted,
    )


def diagnose_saved(entry: Entry, other: Entry) -> Diagnosis:
    """Describe how the saved request of `other` differs from that of `entry`."""
    place = _place(other.label)
    old, new = parse_saved(entry.request_json), parse_saved(other.request_json)
    if old is None or new is None:
        return Diagnosis(other.key, place, note=_UNSAVED)
    return _compared(other.key, place, entry, old, new, Sketch("", ""), "")


def _remedy(places: list[Difference], old: dict[str, Any], new: dict[str, Any], rerecord: str) -> str:
    first, *others = places
    rule = "" if others else covering_rule(first, old, new)
    return remedy(first, rerecord, tuple(others), rule)


_NOT_SHOWN = (
    "The text of this request, or of the nearest one, contains a credential that this run has seen ({}), so "
    "neither is shown, and an answer is not stored. Use a made-up value in the request"
)
_UNSAVED = (
    "The recorded entries have no saved request (PROVIDER_PROXY_SAVE_REQUEST=false), so there is nothing to "
    "compare with"
)
_EQUAL = (
    "That entry has the same request, but cannot be served here: it is too old (PROVIDER_PROXY_MAX_AGE), the "
    "request was sent more often than it was recorded (PROVIDER_PROXY_REPEAT), it is another test's and their "
    "answers differ (PROVIDER_PROXY_REPEAT=per-test; for a renamed test, `rekey --rename-test`), it was "
    "recorded under other ignore rules, or its answer repeats a volatile value that cannot be replaced"
)


def _compared(
    key: str,
    place: str,
    entry: Entry,
    old: dict[str, Any],
    new: dict[str, Any],
    wanted: Sketch,
    rerecord: str,
    ids: frozenset[str] = frozenset(),
) -> Diagnosis:
    found = [_as_id(difference, ids) for difference in differences(old, new)]
    ignored = [difference for difference in found if difference.kind is Kind.IGNORED]
    places = [difference for difference in found if difference.kind is not Kind.IGNORED]
    note = _other_rules(ignored) if ignored else "" if places else _EQUAL
    return Diagnosis(
        key,
        place,
        entry.key,
        entry.recorded_at,
        tuple(places),
        more=len(found) >= MOST,
        shared=shared_messages(old, new),
        note=note,
        remedy=_remedy(places, old, new, rerecord) if places else "",
        wanted=wanted,
    )


def _other_rules(ignored: list[Difference]) -> str:
    """A note on places that an ignore rule leaves out of one of the two requests only."""
    now = [difference for difference in ignored if difference.new]
    if now:
        return (
            f"The recording was made before the settings left out {_listed(now)}, so it has another key. "
            f"`{program()} rekey` moves the recordings to the keys of the present settings"
        )
    return (
        f"The recording was made while the settings left out {_listed(ignored)}. Set them as they were, or record "
        "it again"
    )


def _listed(differences: Sequence[Difference]) -> str:
    places = _places(differences)
    return ", ".join(places[:_NAMED]) + (", …" if len(places) > _NAMED else "")


def _places(differences: Sequence[Difference]) -> list[str]:
    """The places, with one pattern for those that differ in an array index only."""
    counted = Counter(pattern_of(difference.place) for difference in differences)
    return list(
        dict.fromkeys(
            f"{pattern} ({counted[pattern]} places)" if counted[pattern] > 1 else difference.place
            for difference in differences
            for pattern in (pattern_of(difference.place),)
        )
    )


def _nearest(
    key: str,
    place: str,
    near: list[_Near],
    new: dict[str, Any],
    wanted: Sketch,
    rerecord: str,
    ids: frozenset[str],
) -> tuple[Diagnosis, bytes]:
    """The diagnosis of the nearest entry, and its saved request. Only equally near ones are compared in full.

    `ids` are the headers that seem to identify a request.
    """
    highest = max(rank for rank, _, _ in near)
    compared = [
        (_compared(key, place, entry, old, new, wanted, rerecord, ids), entry.request_json)
        for rank, entry, old in near
        if rank == highest
    ]
    return max(compared, key=lambda pair: _fewest(pair[0]))


def _as_id(difference: Difference, ids: frozenset[str]) -> Difference:
    part, _, name = difference.place.partition(" ")
    return replace(difference, kind=Kind.PER_REQUEST) if part == "header" and name in ids else difference


def _same_endpoint(old: dict[str, Any], new: dict[str, Any]) -> bool:
    return all(old.get(name) == new.get(name) for name in ("method", "path"))


def _fewest(diagnosis: Diagnosis) -> tuple[int, int]:
    """Rank by the number of differences, then by the text that both share."""
    return -len(diagnosis.differences), sum(difference.same for difference in diagnosis.differences)


def _nothing_near(held: HostEndpoints, wanted: Sketch, rerecord: str, *, saved: bool) -> str:
    advice = f". Record it: {rerecord}" if rerecord else ""
    if not saved:
        return _UNSAVED + advice
    verb = "is" if rerecord else "was"
    host = shortened(wanted.host)
    if not held:
        return f"Nothing {verb} recorded for {host}{advice}"
    here = dict(held).get(wanted.endpoint)
    if here:
        entries = "1 entry" if here == 1 else f"{here} entries"
        return f"Nothing similar {verb} recorded for this endpoint, which has {entries}{advice}"
    counted = ", ".join(f"{shortened(endpoint)} ({number})" for endpoint, number in held)
    return f"Nothing {verb} recorded for this endpoint; {host} has {counted}{advice}"


def _described(difference: Difference) -> str:
    old, new = ("nothing" if value is None else f"“{value}”" for value in (difference.old, difference.new))
    same = f"same for {difference.same} characters, then " if difference.same > _LONG_START else ""
    kind = f"looks like {difference.kind}" if difference.kind in _GUESSED else difference.kind
    return f"{difference.place}: {same}{old} / {new}, {kind}"

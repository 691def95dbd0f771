"""Finds the nearest recorded request and says what differs."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from addon.diagnosis.differences import MOST, Difference, differences, parse_saved, shared_messages
from addon.diagnosis.kinds import Kind
from addon.diagnosis.remedies import RERECORD, remedy
from addon.diagnosis.shortening import shortened
from cache_store.entry import Entry
from cache_store.errors import EntryError
from cache_store.nearest.nearest_index import Held
from cache_store.nearest.sketch import Sketch, sketch

__all__ = ["Candidates", "Diagnosis", "diagnose", "diagnose_saved", "looks"]

_CANDIDATES = 3
_SHORT_KEY = 12
_SAID = 3  # differences that one line names
_PLACE = 200
_WORTH_SAYING = 16  # characters that both texts begin with


# Told by how a text looks; the other kinds are told by where they are.
_GUESSED = frozenset(
    {Kind.UUID, Kind.TIMESTAMP, Kind.DATE, Kind.TOOL_CALL_ID, Kind.ANSWER_ID, Kind.HEX, Kind.PATH}
)


@runtime_checkable
class Candidates(Protocol):
    """A store that knows which of its entries are like a request."""

    def head(self, key: str) -> Entry | None:
        """The entry under `key`; its body may be left out."""

    def nearest(self, wanted: Sketch, most: int = 3) -> list[str]:
        """Keys of the entries most like `wanted`, best first."""

    def held(self, host: str) -> Held:
        """What there is of `host`."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Why `key` has no entry. `nearest` is the key of the nearest entry; '' where there is none.

    `recorded_at` is Unix seconds. `more` says that there are more differences than were looked for. `note` says
    what differences cannot. `place` is method, host and path.
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
    wanted: Sketch = field(default=Sketch("", ""), repr=False)

    @property
    def line(self) -> str:
        """All of it in one line."""
        if not self.nearest:
            return self.note
        said = f"nearest recorded: {self.nearest[:_SHORT_KEY]}…"
        if self.differences:
            said += f" differs at {_said(self.differences[0])}"
            if self.shared:
                first = "first message is" if self.shared == 1 else f"first {self.shared} messages are"
                said += f" (the conversation's {first} the same)"
            others = [difference.place for difference in self.differences[1:]]
            if others:
                more = "…" if self.more or len(others) > _SAID else ""
                said += f"; it also differs at {', '.join(others[:_SAID])}{more and ', ' + more}"
        return ". ".join(part for part in (said, self.note, self.remedy) if part)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "key": self.key,
            "place": self.place,
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
    secret_in: Callable[[bytes], str | None] = lambda _: None,
) -> Diagnosis:
    """Why there was no entry for the request under `key`, whose redacted form is `request_json`.

    `rerecord` is how to record what is missing, '' where the run does so itself. One that was recorded at `since`
    (Unix seconds) or later is its own answer. Where `secret_in` (the kind of a credential in some bytes) finds one
    in either request, nothing of them is shown. Reads the heads of at most four entries. Raises StoreError where
    the store cannot be read.
    """
    wanted = sketch(label, request_json)
    place = shortened(f"{label.get('method', '')} {label.get('host', '')}{label.get('path', '')}", _PLACE)
    new = parse_saved(request_json)
    best: Diagnosis | None = None
    compared = b""
    saved, answered = True, False
    for candidate in store.nearest(wanted, _CANDIDATES if since == math.inf else _CANDIDATES + 1):
        try:
            entry = store.head(candidate)
        except EntryError:
            continue
        if entry is None:
            continue
        if entry.key == key and entry.recorded_at >= since:
            answered = True
            continue
        old = parse_saved(entry.request_json)
        if old is None or new is None:
            saved = False
            continue
        found = _compared(key, place, entry, old, new, wanted, rerecord)
        if best is None or _closeness(found) > _closeness(best):
            best, compared = found, entry.request_json
    if best is None:
        held = store.held(wanted.host)
        if answered:
            counted = [(endpoint, number - (endpoint == wanted.endpoint)) for endpoint, number in held]
            held = [(endpoint, number) for endpoint, number in counted if number]
        best = Diagnosis(key, place, note=_without(held, wanted, rerecord, saved=saved), wanted=wanted)
    # Both requests whole: what is shown of them is cut, and may be a part of it.
    kind = secret_in(request_json) or secret_in(compared) or secret_in(best.line.encode("utf-8", "replace"))
    return _hidden(best, label, kind) if kind else best


def _hidden(found: Diagnosis, label: Mapping[str, str], kind: str) -> Diagnosis:
    """What may be said of a request that holds a credential outside of the places for one."""
    return Diagnosis(
        found.key, f"{label.get('method', '')} {label.get('host', '')}", found.nearest, found.recorded_at,
        shared=found.shared, note=_NOT_SHOWN.format(kind), wanted=found.wanted,
    )  # fmt: skip


def diagnose_saved(entry: Entry, other: Entry) -> Diagnosis:
    """How the request of `other` differs from that of `entry`; both are recorded."""
    label = other.label
    place = shortened(f"{label.get('method', '')} {label.get('host', '')}{label.get('path', '')}", _PLACE)
    old, new = parse_saved(entry.request_json), parse_saved(other.request_json)
    if old is None or new is None:
        return Diagnosis(other.key, place, note=_UNSAVED)
    return _compared(other.key, place, entry, old, new, Sketch("", ""), "")


_ENDPOINT = frozenset({"method", "path"})
_NOT_SHOWN = (
    "A credential that this run has seen ({}) stands in the text of this request, or of the nearest, so nothing of "
    "them is shown, and an answer to it is not stored. Use a made-up value there"
)
_UNSAVED = (
    "What is recorded there was stored without its request (PROVIDER_PROXY_SAVE_REQUEST=false), so there is "
    "nothing to compare with"
)
_EQUAL = (
    "That entry has the same request, but it may not be served here: it is too old (PROVIDER_PROXY_MAX_AGE), was "
    "asked for once more than it was recorded (PROVIDER_PROXY_REPEAT), or was recorded under other ignore rules"
)


def _compared(
    key: str,
    place: str,
    entry: Entry,
    old: dict[str, Any],
    new: dict[str, Any],
    wanted: Sketch,
    rerecord: str,
) -> Diagnosis:
    found = differences(old, new)
    return Diagnosis(
        key, place, entry.key, entry.recorded_at, tuple(found), len(found) >= MOST, shared_messages(old, new),
        note="" if found else _EQUAL,
        remedy=remedy(found[0], rerecord) if found else "",
        wanted=wanted,
    )  # fmt: skip


def _closeness(found: Diagnosis) -> tuple[bool, int, int, int]:
    """The same endpoint, the longest shared beginning, the fewest differences, the longest shared text."""
    same_place = _ENDPOINT.isdisjoint(difference.place for difference in found.differences)
    return (
        same_place,
        found.shared,
        -len(found.differences),
        sum(difference.same for difference in found.differences),
    )


def _without(held: Held, wanted: Sketch, rerecord: str, *, saved: bool) -> str:
    advice = f". Record it: {rerecord}" if rerecord else ""
    if not saved:
        return _UNSAVED + advice
    verb = "is" if rerecord else "was"
    if not held:
        return f"Nothing {verb} recorded for {shortened(wanted.host)}{advice}"
    counted = ", ".join(f"{shortened(endpoint)} ({number})" for endpoint, number in held)
    return f"Nothing like it {verb} recorded; for {shortened(wanted.host)} there {verb} {counted}{advice}"


def _said(difference: Difference) -> str:
    old, new = ("nothing" if value is None else f"“{value}”" for value in (difference.old, difference.new))
    same = ""
    if difference.same > _WORTH_SAYING:
        same = f"same for {difference.same} characters, then "
    return f"{difference.place}: {same}{old} / {new}, {looks(difference)}"


def looks(difference: Difference) -> str:
    """What kind of thing it is, as it reads behind the values."""
    return f"looks like {difference.kind}" if difference.kind in _GUESSED else str(difference.kind)

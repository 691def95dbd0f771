"""Proposes the narrowest volatile rules that cover the values in which two takes differ.

Only what cannot mean anything gets a rule: a value of a kind without meaning, a random id or folder, and a date, a
time, a port or a duration that the text states as its own. Words, numbers, dates that are asked about and members
that may name a resource are real differences.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from addon.diagnosis.remedies import identifies_a_call
from addon.diagnosis.shortening import shared_start
from addon.learning.comparing import Change, place_name
from addon.learning.patterns import literal, random_pattern, temp_pattern
from addon.volatile.kinds import KINDS
from addon.volatile.own_time import asks_about, states_own_time
from addon.volatile.rules import parse_volatile
from cache_store.errors import UsageError

__all__ = ["Proposal", "Refused", "propose", "why_no_rule"]

_GAP = "⟦…⟧"
_MANY_ANCHORS = 4
_BEFORE = re.compile(r"(?:\S{1,30}[ \t]+){0,5}\S{0,30}$")
_AFTER = re.compile(r"\S{0,30}(?:[ \t]+\S{1,30}){0,2}")
# What redaction and other values put into a text is no anchor.
_FOREIGN = re.compile(r"[⟦⟧\n\r\ud800-\udfff]|<(?:redacted|sha256)[^<>]*>")
_LEAST_ANCHOR = 3  # characters but blanks, as a rule wants them
_TIMES = frozenset({"date", "iso-datetime", "unix-time"})
_STATES = {
    "port": re.compile(r"(?:localhost|127\.0\.0\.1|\[::1\]|0\.0\.0\.0):$|\bport:? $", re.IGNORECASE),
    "duration": re.compile(
        r"\b(?:took|elapsed|wall time|duration|(?:finished|completed) in)\b", re.IGNORECASE
    ),
}
_SLUG = re.compile("[^a-z0-9]+")
_LONGEST_NAME = 40


class Refused(NamedTuple):
    """A difference without a rule, and why it has none."""

    change: Change
    why: str


@dataclass
class Proposal:
    """A rule as a table of provider-proxy.toml has it, and the differences that it explains."""

    members: dict[str, str]
    changes: list[Change] = field(default_factory=list)


class _Form(NamedTuple):
    """What the changes that one rule covers have in common. `pointer` has `*` for every index."""

    host: str
    path: str
    where: str
    name: str
    pointer: tuple[str, ...]
    source: str  # a kind, `random`, or the expression of a temporary folder
    before: str
    after: str


def propose(changes: Iterable[Change], names: Collection[str] = ()) -> tuple[list[Proposal], list[Refused]]:
    """Rules for `changes`, and those changes that get none. `names` are taken already."""
    refused: list[Refused] = []
    groups: dict[_Form, list[Change]] = {}
    for change in changes:
        form = _form(change)
        if isinstance(form, str):
            refused.append(Refused(change, form))
        else:
            groups.setdefault(form, []).append(change)
    proposals: list[Proposal] = []
    taken = set(names)
    for form, of in _folded(groups).items():
        members = _members(form, of)
        name = _name(form, taken)
        rule = {"name": name} | members
        try:
            parse_volatile("", json.dumps([rule]))
        except UsageError as error:
            refused += [Refused(change, str(error).partition(": ")[2] or str(error)) for change in of]
            continue
        taken.add(name)
        proposals.append(Proposal(rule, of))
    return proposals, refused


def why_no_rule(change: Change) -> str:
    """Why a change gets no rule; '' if it may get one."""
    form = _form(change)
    return form if isinstance(form, str) else ""


def _form(change: Change) -> _Form | str:
    place = change.place
    if place.is_fixed:
        return "it decides what the answer is"
    if not change.old or not change.new:
        return "words were put in or left out"
    kind = change.kind or _number_kind(change)
    source = _source(change, kind)
    if not source:
        return "words and numbers may mean something"
    before, after = _anchor(change)
    if source in KINDS and not KINDS[source].is_plain:
        if place.where in ("header", "query") or not _states(source, before):
            return f"the text does not say that the {source} is its own"
        if asks_about(change.rest, 0):
            return f"the text may ask about the {source}"
        after = ""
    elif not place.is_text and (why := _why_not_there(change, source)):
        return why
    elif source == "random" and not (before or after or change.is_whole):
        return "no text around it says what it is"
    where = "part" if place.where == "filename" else place.where
    pointer = tuple("*" if token.isdecimal() else token for token in place.pointer)
    if source not in KINDS and source != "random":
        before = after = ""  # its own beginning says where it is
    return _Form(change.host, change.path, where, place.name, pointer, source, before, after)


def _why_not_there(change: Change, source: str) -> str:
    """Why a place that holds no text gets no rule; '' if it only identifies the call."""
    where = change.place.where
    if not identifies_a_call(place_name(change.place)) or (where == "pointer" and source not in KINDS):
        return "it may name a resource of the provider"
    if where == "header" and not change.is_whole:
        return "the rest of the header, which the rule would show, may be a secret"
    return ""


def _number_kind(change: Change) -> str:
    """`port` for two numbers that stand where one does."""
    both = change.old, change.new
    is_port = all(re.fullmatch("[1-9][0-9]{1,4}", value) for value in both)
    return "port" if is_port and _states("port", change.before) else ""


def _source(change: Change, kind: str) -> str:
    if kind in ("temp", "tmp-path", ""):
        # The kind leaves out names that could be words; here they are known to be random.
        folder = (
            temp_pattern(change.old, change.new) if change.old[:1] in "/\\" or change.old[1:2] == ":" else ""
        )
        if folder or kind == "tmp-path":
            return folder or kind
        return "random" if not kind and random_pattern((change.old, change.new)) else ""
    return kind


def _states(kind: str, before: str) -> bool:
    return states_own_time(before) if kind in _TIMES else _STATES[kind].search(before) is not None


def _anchor(change: Change) -> tuple[str, str]:
    """The words before the value, else those after it, that a rule can name; '' and '' if there are too few."""
    before = change.before
    if foreign := [match.end() for match in _FOREIGN.finditer(before)]:
        before = before[foreign[-1] :]
    words = _BEFORE.search(before)
    before = words[0].lstrip() if words else ""
    if _enough(before):
        return before, ""
    foreign_after = _FOREIGN.search(change.after)
    words = _AFTER.match(change.after[: foreign_after.start()] if foreign_after else change.after)
    after = words[0].rstrip() if words else ""
    return (before.strip(" \t") and before, after) if _enough(after) else ("", "")


def _enough(text: str) -> bool:
    return len("".join(text.split())) >= _LEAST_ANCHOR


def _folded(groups: dict[_Form, list[Change]]) -> dict[_Form, list[Change]]:
    """`groups`, of which those of one place and source are one: by the words that their anchors share, or without
    an anchor if they are many and their kind has no meaning.
    """
    by_place: dict[_Form, list[_Form]] = {}
    for form in groups:
        by_place.setdefault(form._replace(before="", after=""), []).append(form)
    folded: dict[_Form, list[Change]] = {}
    for plain, forms in by_place.items():
        together = plain._replace(before=_shared_words([form.before for form in forms]))
        kind = KINDS.get(plain.source)
        is_plain = kind is None or kind.is_plain
        shares = _enough(together.before) and (is_plain or _states(plain.source, together.before))
        if len(forms) > 1 and (shares or (kind is not None and is_plain and len(forms) > _MANY_ANCHORS)):
            folded[together if shares else plain] = [change for form in forms for change in groups[form]]
        else:
            folded |= {form: groups[form] for form in forms}
    return folded


def _shared_words(texts: Sequence[str]) -> str:
    """The whole words with which all `texts` end."""
    ends = [text[::-1] for text in texts]
    shared = ends[0][: min(shared_start(ends[0], end) for end in ends)][::-1]
    if all(text == shared or text[-len(shared) - 1].isspace() for text in texts if shared):
        return shared
    blank = re.search(r"\s+", shared)
    return shared[blank.end() :] if blank else ""


def _members(form: _Form, changes: Sequence[Change]) -> dict[str, str]:
    members = {"host": _glob(form.host), "path": _glob(form.path)}
    members[form.where] = _pointer(changes) if form.where == "pointer" else form.name
    if form.source in KINDS:
        members["kind"] = form.source
        if form.before or form.after:
            members["anchor"] = f"{form.before}{_GAP}{form.after}"
    elif form.source != "random":
        members["regex"] = f"({form.source})\\b"
    else:
        value = random_pattern([value for change in changes for value in (change.old, change.new)])
        if form.before or form.after:
            members["regex"] = f"{literal(form.before)}({value})" + (literal(form.after) or r"\b")
        else:
            members["regex"] = f"^({value})$"
    return members


def _glob(text: str) -> str:
    """A glob that matches exactly `text`."""
    return re.sub(r"[*?\[]", r"[\g<0>]", text)


def _pointer(changes: Sequence[Change]) -> str:
    """The narrowest pointer to all places: `*` where they differ."""
    tokens = zip(*(change.place.pointer for change in changes), strict=True)
    shared = ["*" if len(set(each)) > 1 else each[0].replace("~", "~0").replace("/", "~1") for each in tokens]
    return "/" + "/".join(shared)


def _name(form: _Form, taken: Collection[str]) -> str:
    source = form.source if form.source in KINDS or form.source == "random" else "temp-folder"
    words = _SLUG.sub("-", (form.before or form.after or form.name).lower()).strip("-").split("-")[-2:]
    base = "-".join(filter(None, (*words, "id" if source == "random" else source)))[: _LONGEST_NAME - 4]
    base = base.strip("-") if base[:1].isalpha() else f"the-{base}"[: _LONGEST_NAME - 4].strip("-")
    return next(
        name for n in range(1, len(taken) + 2) if (name := base if n == 1 else f"{base}-{n}") not in taken
    )

"""Compares two requests of which one may stand for the other: the values that differ, and whatever else does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from addon.diagnosis.differences import differences, parse_saved
from addon.diagnosis.shortening import shared_start
from addon.identity.families import family_of, is_provider
from addon.identity.header_form import keep_headers
from addon.learning.asked import Asked
from addon.learning.spans import Span, changed_spans
from addon.volatile.rules import Place

__all__ = ["Change", "Compared", "compare", "place_name"]

_CONTEXT = 120  # characters around a value that a rule may name
_MOST = 500  # values in one request, as many as are bound
_SHOWN = 60


class Change(NamedTuple):
    """A value at `place` that is `old` in take 1 and `new` in take 2.

    `before` and `after` are the texts around it, as far as both takes have them, 120 characters at most. `rest` is
    what follows in take 2. `is_whole`: the value is all of its text. `kind` is that of both values, or ''.
    """

    test: str
    host: str
    path: str
    place: Place
    old: str
    new: str
    kind: str
    before: str
    after: str
    rest: str
    is_whole: bool


class Compared(NamedTuple):
    """The values that differ, and lines that name every other difference."""

    changes: list[Change]
    others: list[str]


def compare(one: Asked, two: Asked) -> Compared:
    """How `two`, of take 2, differs from its partner in take 1, but for what the run's own rules cover."""
    changes: list[Change] = []
    others: list[str] = []
    if one.saved == two.saved:
        return Compared(changes, others)
    known = {(binding.n, binding.rule): binding.value for binding in one.bindings}
    bound = {(known.get((binding.n, binding.rule)), binding.value) for binding in two.bindings}
    for place, old, new in _texts(one, two):
        spans = changed_spans(old, new)
        if spans is None or len(changes) + len(spans) > _MOST:
            others.append(f"{place_name(place)}: the texts differ too much to be compared")
            continue
        for at, span in enumerate(spans):
            # The text around a value ends where the next one begins: it differs in every take.
            first = spans[at - 1].end if at else 0
            last = spans[at + 1].start if at + 1 < len(spans) else len(old)
            change = _change(two, place, (old, new), span, (first, last))
            if (change.old, change.new) not in bound:
                changes.append(change)
    return Compared(changes, others + list(_others(one, two)))


def place_name(place: Place) -> str:
    """A place as a person reads it: a JSON Pointer, or such as `header x-session`."""
    if place.where != "pointer":
        return f"{place.where} {place.name}"
    tokens = (token.replace("~", "~0").replace("/", "~1") for token in place.pointer)
    return "/" + "/".join(tokens) if place.pointer else "the body"


def _texts(one: Asked, two: Asked) -> Iterator[tuple[Place, str, str]]:
    for place, old in one.form.texts.items():
        new = two.form.texts.get(place)
        if new is not None and new != old:
            yield place, old, new
    mine, theirs = _headers(one), _headers(two)
    for name, _ in sorted(set(one.form.heads) ^ set(two.form.heads)):
        if name in mine and name in theirs and mine[name] != theirs[name]:
            yield Place("header", name), mine.pop(name), theirs[name]


def _headers(asked: Asked) -> dict[str, str]:
    """The headers that count, as sent; none of a request that was read from a recording."""
    if asked.request is None:
        return {}
    family = family_of(asked.request.host)
    kept, _ = keep_headers(asked.request.headers, is_provider=is_provider(family))
    names = [name for name, _ in kept]
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in kept if names.count(name) == 1}


def _change(
    asked: Asked, place: Place, texts: tuple[str, str], span: Span, around: tuple[int, int]
) -> Change:
    start, end, new_start, new_end, kind = span
    old, new = texts
    first, last = max(around[0], start - _CONTEXT), min(around[1], end + _CONTEXT)
    ends = [old[first:start][::-1], new[max(0, new_start - _CONTEXT) : new_start][::-1]]
    before = ends[0][: shared_start(*ends)][::-1]
    rests = [old[end:last], new[new_end : new_end + _CONTEXT]]
    after = rests[0][: shared_start(*rests)]
    return Change(
        asked.test, asked.form.host, asked.form.path, place, old[start:end], new[new_start:new_end], kind, before,
        after, new[new_end : new_end + 1000], start == 0 and end == len(old),
    )  # fmt: skip


def _others(one: Asked, two: Asked) -> Iterator[str]:
    """What differs beyond texts; a header whose values are not known is among it."""
    old, new = parse_saved(one.saved), parse_saved(two.saved)
    if old is None or new is None:
        return
    texts = {place_name(place) for place, *_ in _texts(one, two)}
    for difference in differences(old, new):
        if difference.place not in texts:
            before, after = (
                "nothing" if text is None else text[:_SHOWN] for text in (difference.old, difference.new)
            )
            yield f"{difference.place}: {before} in take 1, {after} in take 2"

"""Lists the alterations that an answer admits, and what each one changes in its documents."""

from __future__ import annotations

import enum
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from addon.probing.parts import Call, Parts, Place, Text, value_at
from addon.probing.undoing import Undo, undo_member, undo_text
from addon.probing.words import other_text, other_value
from addon.volatile.json_texts import JsonText, json_leaves
from addon.volatile.pieces import Match, spread
from cache_store.answers.bounded_json import loads

__all__ = ["Change", "Edit", "Kind", "edits_of"]

_MOST_VALUES = 12  # of one text or call
_TOO_MANY = 2**53  # tokens; Python writes no integer of more than 4,300 digits
# What an answer says that ended to call tools, and what it says if it called none.
_WITHOUT_CALLS = {
    "tool_calls": "stop",
    "function_call": "stop",
    "tool_use": "end_turn",
    "TOOL_CALL": "COMPLETE",
}
_COMPLETED, _INCOMPLETE = "response.completed", "response.incomplete"


class Kind(enum.StrEnum):
    """What is altered, the most telling first."""

    TEXT = "text"
    FIELD = "field"  # a value in a text that is JSON
    ARGUMENT = "argument"
    CALL = "call"
    EMPTY = "empty"
    LENGTH = "length"
    USAGE = "usage"


class Change(NamedTuple):
    """An alteration: its kind, and the JSON Pointer of what it alters.

    Below an argument or a field the pointer goes on into the JSON text.
    """

    kind: Kind
    pointer: str


_NOTHING = Undo()


@dataclass(frozen=True, slots=True)
class Edit:
    """What an alteration does: new values by place, items of lists and whole documents that go, and how a later
    request takes it back. `renames` is an event's name and its new one.
    """

    change: Change
    sets: tuple[tuple[Place, Any], ...]
    removes: tuple[Place, ...] = ()
    drops: frozenset[int] = frozenset()
    renames: tuple[str, str] | None = None
    undo: Undo = _NOTHING


def edits_of(parts: Parts, turn: int) -> Iterator[Edit]:
    """The alterations of an answer; `turn` (from 0) says which other words it gets."""
    texts = [text for text in parts.texts.values() if text.pieces and parts.said(text)]
    for text in texts:
        yield from _of_text(parts, text, turn)
    for call in parts.calls.values():
        yield from _of_arguments(parts, call, turn)
        yield _without(parts, call)
    if texts:
        yield _empty(parts, texts)
    yield from _at_limit(parts)
    yield from _used(parts)


def _of_text(parts: Parts, text: Text, turn: int) -> Iterator[Edit]:
    said = parts.said(text)
    if _is_json(said):
        yield from _of_values(parts, text, Kind.FIELD, turn)
        return
    other = other_text(said, turn)
    if other != said:
        # Letter by letter, so each piece can be altered by itself.
        sets = (
            (place, other_text(value_at(parts.values, place), turn)) for place in (*text.pieces, *text.copies)
        )
        yield Edit(Change(Kind.TEXT, text.pointer), tuple(sets), undo=undo_text(other, said))


def _of_arguments(parts: Parts, call: Call, turn: int) -> Iterator[Edit]:
    if call.arguments.pieces:
        if _is_json(parts.said(call.arguments)):
            yield from _of_values(parts, call.arguments, Kind.ARGUMENT, turn)
        return
    if not call.objects:
        return
    given = json.dumps(value_at(parts.values, call.objects[0]))
    for leaf, old, new in _others(given, turn):
        sets = tuple((Place(place.document, (*place.path, *leaf.pointer)), new) for place in call.objects)
        change = Change(Kind.ARGUMENT, call.arguments.pointer + _pointer(leaf.pointer))
        yield Edit(change, sets, undo=undo_member(leaf.pointer[-1], new, old))


def _of_values(parts: Parts, text: Text, kind: Kind, turn: int) -> Iterator[Edit]:
    """Alterations of the values in a text that is JSON."""
    said = parts.said(text)
    pieces = [value_at(parts.values, place) for place in text.pieces]
    for leaf, old, new in _others(said, turn):
        match = Match(leaf.start, leaf.end, json.dumps(new, ensure_ascii=False))
        whole = said[: match.start] + match.new + said[match.end :]
        sets = [
            *zip(text.pieces, spread(pieces, [match]), strict=True),
            *((copy, whole) for copy in text.copies),
        ]
        undo = undo_member(leaf.pointer[-1], new, old)
        undo = undo._replace(texts=((whole, said), *undo.texts))
        yield Edit(Change(kind, text.pointer + _pointer(leaf.pointer)), tuple(sets), undo=undo)


def _others(document: str, turn: int) -> list[tuple[JsonText, Any, Any]]:
    """The values of a JSON document that have another one, each with it; no more than 12, from all over it."""
    found = []
    for leaf in json_leaves(document):
        try:
            old = json.loads(leaf.value)
        except ValueError:  # a number of thousands of digits
            continue
        new = other_value(old, turn)
        if new is not None and leaf.pointer:
            found.append((leaf, old, new))
    step = -(-len(found) // _MOST_VALUES) or 1
    return found[::step]


def _without(parts: Parts, call: Call) -> Edit:
    """The answer without a tool call. Later ones move up."""
    drops = frozenset(call.documents)
    sets: list[tuple[Place, Any]] = [
        (Place(element.document, (*element.path, "index")), other.number - 1)
        for other in parts.calls.values()
        if other.family == call.family and other.number > call.number
        for element in other.elements
        if type(value_at(parts.values, element).get("index")) is int
    ]
    sets += _recounted(parts, call, drops)
    if len(parts.calls) == 1:
        for place, _ in parts.ends:
            said = value_at(parts.values, place)
            if said in _WITHOUT_CALLS:
                sets.append((place, _WITHOUT_CALLS[said]))
    return Edit(Change(Kind.CALL, call.pointer), tuple(sets), tuple(call.elements), drops)


def _recounted(parts: Parts, call: Call, drops: frozenset[int]) -> Iterator[tuple[Place, Any]]:
    """New numbers of a stream's blocks and events, where it counts them."""
    gone = 0
    for number, value in enumerate(parts.values):
        if number in drops:
            gone += 1
        elif isinstance(value, dict):
            block, event = value.get(call.counter), value.get("sequence_number")
            if type(block) is int and block > call.number:
                yield Place(number, (call.counter,)), block - 1
            if gone and type(event) is int:
                yield Place(number, ("sequence_number",)), event - gone


def _empty(parts: Parts, texts: list[Text]) -> Edit:
    sets = tuple((place, "") for text in texts for place in (*text.pieces, *text.copies))
    said = parts.said(texts[0])
    undo = Undo(members=(("content", "", said), ("text", "", said))) if len(texts) == 1 else Undo()
    return Edit(Change(Kind.EMPTY, texts[0].pointer), sets, undo=undo)


def _at_limit(parts: Parts) -> Iterator[Edit]:
    ends = [(place, limit) for place, limit in parts.ends if value_at(parts.values, place) != limit]
    if ends:
        path = [token for token in ends[0][0].path if token not in ("delta", "response")]
        if type(path[0]) is int:
            del path[0]
        yield Edit(Change(Kind.LENGTH, _pointer(path)), tuple(ends))
    elif parts.responses:
        sets: list[tuple[Place, Any]] = []
        renames = None
        for number, at in parts.responses:
            sets.append((Place(number, (*at, "status")), "incomplete"))
            sets.append((Place(number, (*at, "incomplete_details")), {"reason": "max_output_tokens"}))
            event = parts.values[number]  # an array, where it is no event
            if isinstance(event, dict) and event.get("type") == _COMPLETED:
                sets.append((Place(number, ("type",)), _INCOMPLETE))
                renames = (_COMPLETED, _INCOMPLETE)
        yield Edit(Change(Kind.LENGTH, "/status"), tuple(sets), renames=renames)


def _used(parts: Parts) -> Iterator[Edit]:
    """Twice as many tokens of every kind, so that the sums are right."""
    sets = [
        (Place(usage.document, (*usage.path, *path)), count * 2)
        for usage in parts.usages
        for path, count in _counts(value_at(parts.values, usage))
    ]
    if sets:
        yield Edit(Change(Kind.USAGE, _pointer(parts.usages[0].path[-1:])), tuple(sets))


def _counts(value: Any) -> Iterator[tuple[tuple[str | int, ...], int]]:
    items: Any = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for name, inner in items:
        if type(inner) is int and 0 < inner < _TOO_MANY:
            yield (name,), inner
        else:
            yield from (((name, *path), count) for path, count in _counts(inner))


def _is_json(text: str) -> bool:
    if text.lstrip()[:1] not in ("{", "["):
        return False
    try:
        return isinstance(loads(text), dict | list)
    except ValueError:
        return False


def _pointer(path: Any) -> str:
    """A JSON Pointer (RFC 6901)."""
    return "".join("/" + str(token).replace("~", "~0").replace("/", "~1") for token in path)

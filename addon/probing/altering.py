"""Alters one part of a stored answer. The result is an answer of the same dialect, whole or streamed."""

from __future__ import annotations

import copy
import json
import re
from collections import defaultdict
from dataclasses import replace
from itertools import islice
from typing import Any, NamedTuple

from addon.probing.edits import Change, Edit, edits_of
from addon.probing.parts import Parts, Place, parts_of
from addon.probing.undoing import Undo
from addon.volatile.json_texts import json_leaves, quoted, with_replacements
from cache_store.entry import Entry

__all__ = ["Altered", "altered", "changes_of"]

_MOST = 100  # alterations of one answer


class Altered(NamedTuple):
    """An altered answer, and how a later request takes the alteration back."""

    entry: Entry
    undo: Undo


def changes_of(entry: Entry, turn: int) -> list[Change]:
    """The alterations that an answer admits; none of an error, or of what is not JSON. Never raises."""
    parts = parts_of(entry.headers, entry.body) if entry.status < 300 else None
    if parts is None:
        return []
    return list(dict.fromkeys(edit.change for edit in islice(edits_of(parts, turn), _MOST)))


def altered(entry: Entry, change: Change, turn: int) -> Altered | None:
    """`entry` with one of its `changes_of`; None if it does not admit that."""
    parts = parts_of(entry.headers, entry.body)
    if parts is None:
        return None
    edit = next((edit for edit in edits_of(parts, turn) if edit.change == change), None)
    return None if edit is None else Altered(replace(entry, body=_body(parts, edit)), edit.undo)


def _body(parts: Parts, edit: Edit) -> bytes:
    sets: dict[int, list[tuple[Place, Any]]] = defaultdict(list)
    removes: dict[int, list[Place]] = defaultdict(list)
    for place, value in edit.sets:
        sets[place.document].append((place, value))
    for place in edit.removes:
        removes[place.document].append(place)
    texts: list[str | None] = list(parts.documents.texts)
    for number in sets.keys() | removes.keys():
        text = parts.documents.texts[number]
        texts[number] = _document(text, parts.values[number], sets[number], removes[number])
    for number in edit.drops:
        texts[number] = None
    body = parts.documents.join(texts)
    if edit.renames is not None:
        old, new = (re.escape(name).encode() for name in edit.renames)
        body = re.sub(rb"(?m)^(event: ?)" + old + rb"(?=\r?$)", rb"\1" + new.replace(b"\\", b""), body)
    return body


def _document(text: str, value: Any, sets: list[tuple[Place, Any]], removes: list[Place]) -> str:
    """The document with new values. All else stays as it was written where that is possible."""
    spans = {leaf.pointer: (leaf.start, leaf.end) for leaf in json_leaves(text)}
    if not removes and all(place.path in spans for place, _ in sets):
        replacements = [
            (*spans[place.path], quoted(new) if isinstance(new, str) else json.dumps(new))
            for place, new in sets
        ]
        return with_replacements(text, sorted(replacements))
    value = copy.deepcopy(value)
    for place, new in sets:
        _holder(value, place)[place.path[-1]] = new
    for place in sorted(removes, key=lambda place: int(place.path[-1]), reverse=True):
        items = _holder(value, place)
        del items[place.path[-1]]
        if not items:
            _settle(_holder(value, Place(place.document, place.path[:-1])), str(place.path[-2]))
    # An event of several lines keeps their number.
    return json.dumps(value, separators=(",", ":")) + "\n" * text.count("\n")


def _holder(value: Any, place: Place) -> Any:
    for token in place.path[:-1]:
        value = value[token]
    return value


def _settle(holder: dict[str, Any], name: str) -> None:
    """Write a list of which nothing is left as the dialect does."""
    if name == "parts":
        holder[name] = [{"text": ""}]
    elif name == "tool_calls":
        del holder[name]
        if holder.get("content", "") is None and holder.get("role") == "assistant":
            holder["content"] = ""

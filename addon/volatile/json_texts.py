"""The texts of a JSON document and where they stand, so that one can be replaced and all else stays."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import NamedTuple

__all__ = ["JsonText", "json_leaves", "json_texts", "quoted", "with_replacements"]

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],]|[^\s{}\[\],:"]+')


class JsonText(NamedTuple):
    """A text that is a value: its pointer, where its quotes begin and end in the document, and its value."""

    pointer: tuple[str | int, ...]
    start: int
    end: int
    value: str


def json_texts(document: str) -> Iterator[JsonText]:
    """The texts of `document`, which is valid JSON, in order. Member names are not among them."""
    for leaf in json_leaves(document):
        if leaf.value[0] == '"':
            yield leaf._replace(value=_text(leaf.value))


def json_leaves(document: str) -> Iterator[JsonText]:
    """The texts, numbers and words of `document`, which is valid JSON, in order; each one's value is its JSON."""
    holders: list[list[str | int]] = []  # the name or index that each open object or array is at
    is_object: list[bool] = []
    name = ""
    for match in _TOKEN.finditer(document):
        mark = match[0]
        if mark in "{[":
            if holders and is_object[-1]:
                holders[-1][0] = name
            holders.append(["" if mark == "{" else 0])
            is_object.append(mark == "{")
            awaits_name = mark == "{"
        elif mark in "}]":
            holders.pop()
            is_object.pop()
            awaits_name = False
        elif mark == ",":
            awaits_name = is_object[-1]
            if not awaits_name:
                holders[-1][0] = int(holders[-1][0]) + 1
        elif mark[0] == '"' and holders and is_object[-1] and awaits_name:
            name = _text(mark)
            holders[-1][0] = name
            awaits_name = False
        else:
            yield JsonText(tuple(holder[0] for holder in holders), match.start(), match.end(), mark)


def _text(mark: str) -> str:
    """The value of a text with its quotes. Most have no escape, and reading those takes most of the time."""
    if "\\" not in mark:
        return mark[1:-1]
    value: str = json.loads(mark)
    return value


def with_replacements(text: str, replacements: list[tuple[int, int, str]]) -> str:
    """`text` with each span (start, end), in order, replaced by a new text."""
    pieces: list[str] = []
    at = 0
    for start, end, new in replacements:
        pieces += (text[at:start], new)
        at = end
    return "".join((*pieces, text[at:]))


def quoted(value: str) -> str:
    """`value` as a JSON text that any encoding can hold."""
    return json.dumps(value, ensure_ascii=not value.isprintable())

"""Canonical JSON: two texts have the same canonical form if and only if they have the same value.

Keys are sorted by code point at every depth, except directly under a member named `properties`. Structured
outputs follow the order of a JSON Schema's properties, so that order shapes the answer. We cannot tell whether a
`properties` belongs to a schema; keeping the order of all of them can at worst cost a miss.

The standard library's C parser does the reading, with one Python call for each object and each number, and orjson
does the writing. Every number except a short integer is kept as text and never converted to a float.
"""

from __future__ import annotations

import json
import re
import threading
from functools import lru_cache
from typing import Any, NoReturn

import orjson

from addon.identity.exact_number import canonical
from addon.redaction.members import NEVER_PLAIN, PLAIN_NAMES, may_hold_credentials

__all__ = [
    "CREDENTIALS",
    "MARKERS",
    "MAX_DEPTH",
    "Document",
    "NotCanonical",
    "Number",
    "Ordered",
    "parse",
    "written",
]

MAX_DEPTH = 128
"""Levels of nesting. Python's own limit depends on its version and on the depth of the stack."""

_ORDERED = "properties"
MARKERS, CREDENTIALS = "cache_control", "credentials"
"""Noted while parsing where a later step has to look for them, so that most documents are never walked again."""

Number = orjson.Fragment
"""A number that is not a short integer: JSON text that orjson writes as it is."""

_SHORT_INTEGER = 18
_USUAL_NUMBER = 24
# Numbers such as 1.0 and 0.50 repeat, so their canonical form is cached.
_SHORT_NUMBER = 6
_WHITESPACE = " \t\n\r"
_BACKSLASH = ord("\\")
_LONG_ESCAPE = b"\\u"
_SURROGATE_ESCAPE = re.compile(rb"\\u[dD][89A-Fa-f]")


class NotCanonical(ValueError):
    """The text is not JSON, or is JSON without a canonical form here; the caller uses its bytes instead."""


class Ordered(dict[str, Any]):
    """An object whose members are written in their original order."""

    __slots__ = ()


_HOLDERS = frozenset({dict, list, Ordered})


def written(value: Any) -> bytes:
    """`value` (text, integers, lists, objects and Numbers) as JSON in UTF-8, without spaces, names sorted.

    Raises TypeError for text with a lone surrogate, which cannot be written in UTF-8.
    """
    return orjson.dumps(value, _in_order, orjson.OPT_SORT_KEYS | orjson.OPT_PASSTHROUGH_SUBCLASS)


def _in_order(members: Ordered) -> orjson.Fragment:
    """The JSON of an object that keeps its order, because orjson would sort it."""
    pieces = [b"%b:%b" % (written(name), written(member)) for name, member in members.items()]
    return orjson.Fragment(b"{%b}" % b",".join(pieces))


class Document:
    """A JSON value, and whether a later step has to look for MARKERS or CREDENTIALS in it (`notable`)."""

    __slots__ = ("notable", "value")

    def __init__(self, value: Any, notable: set[str]) -> None:
        self.value = value
        self.notable = notable

    def inner(self, value: Any) -> Document:
        """A part of this document's value as a document."""
        return Document(value, self.notable)

    def dump(self) -> bytes:
        """The canonical form in UTF-8."""
        return written(self.value)


def parse(data: bytes, max_depth: int = MAX_DEPTH) -> Document:
    """The document in `data` (UTF-8).

    Raises NotCanonical for duplicate keys, NaN and infinities, numbers of more than 4,300 digits, nesting deeper
    than `max_depth`, a lone surrogate, invalid UTF-8, text after the value, and anything else that is not JSON.
    """
    try:
        return _parsed(data, max_depth)
    except (ValueError, RecursionError) as error:
        raise NotCanonical(str(error)) from error


def _parsed(data: bytes, max_depth: int) -> Document:
    reader = _OF_THREAD.reader
    value = reader.read(data.decode())
    # Each level needs an object or a `[`. Removing all `[` is faster than counting them.
    holders = reader.objects + len(data) - len(data.replace(b"[", b""))
    if holders > max_depth and not _is_within(value, max_depth):
        raise NotCanonical("nested too deep")
    # Searching for one byte, or from the end, is faster than searching for several from the start.
    if _BACKSLASH in data and data.rfind(_LONG_ESCAPE) >= 0 and _SURROGATE_ESCAPE.search(data):
        _refuse_lone_surrogates(value)
    return Document(value, reader.notable)


def _refuse_lone_surrogates(value: Any) -> None:
    try:
        written(value)
    except TypeError as error:
        raise NotCanonical("a lone surrogate") from error


def _is_within(value: Any, max_depth: int) -> bool:
    """Whether `value` nests at most `max_depth` deep."""
    level = [value] if type(value) in _HOLDERS else []
    for _ in range(max_depth):
        level = [
            item
            for holder in level
            for item in (holder if type(holder) is list else holder.values())
            if type(item) in _HOLDERS
        ]
        if not level:
            return True
    return not level


def _refuse(name: str) -> NoReturn:
    raise NotCanonical(f"{name} is not JSON")


class _Reader:
    """Parses one text at a time and notes the members that a later step may have to handle."""

    __slots__ = ("_decoder", "notable", "objects")

    def __init__(self) -> None:
        self._decoder = json.JSONDecoder(
            object_pairs_hook=self._object,
            parse_int=_integer,
            parse_float=_number,
            parse_constant=_refuse,
        )

    def read(self, text: str) -> Any:
        self.notable: set[str] = set()
        self.objects = 0
        text = text.strip(_WHITESPACE)
        value, end = self._decoder.raw_decode(text)
        if end != len(text):
            raise NotCanonical("text after the value")
        return value

    def _object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        self.objects += 1
        members = dict(pairs)
        if len(members) != len(pairs):
            raise NotCanonical("a duplicate key")
        # One test in C: a call for every object would take as long as parsing it.
        if not PLAIN_NAMES.issuperset(members):
            self._note(members)
        return members

    def _note(self, members: dict[str, Any]) -> None:
        if isinstance(inner := members.get(_ORDERED), dict):
            members[_ORDERED] = Ordered(inner)
        if isinstance(members.get(MARKERS), dict):
            self.notable.add(MARKERS)
        if not PLAIN_NAMES.issuperset(members.keys() - NEVER_PLAIN) and may_hold_credentials(members):
            self.notable.add(CREDENTIALS)


def _integer(text: str) -> int | Number:
    return int(text) if len(text) <= _SHORT_INTEGER else _number(text)


def _number(text: str) -> Number:
    # Most numbers are canonical already, such as 0.7 and -0.01834.
    if (
        len(text) <= _USUAL_NUMBER
        and text[-1] != "0"
        and not ("000000" in text or "e" in text or "E" in text)
    ):
        return Number(text)
    return _short_number(text) if len(text) <= _SHORT_NUMBER else Number(canonical(text))


@lru_cache(maxsize=4096)
def _short_number(text: str) -> Number:
    return Number(canonical(text))


class _OfThread(threading.local):
    """One reader for each thread, because making a decoder takes as long as parsing a short body."""

    def __init__(self) -> None:
        self.reader = _Reader()


_OF_THREAD = _OfThread()

"""JSON in one spelling: two texts have the same canonical form if and only if they have the same value.

Keys are sorted by code point at every depth, except directly under a member named `properties`: structured
outputs follow the order of a JSON Schema's properties, so it shapes the answer. (Whether a `properties` is a
schema's cannot be told for sure; keeping the order of all of them can only cost a miss.)

The work is done by the standard library's C parser, with one call of ours for each object and each number, and by
orjson's writer. Numbers other than short integers travel as the text that is to be written: nothing goes through
a float.
"""

from __future__ import annotations

import json
import re
import threading
from functools import lru_cache
from typing import Any, NoReturn

import orjson

from addon.identity.exact_number import canonical
from addon.redaction.credential_places import BODY_FIELDS

__all__ = ["MAX_DEPTH", "Document", "NotCanonical", "Number", "Ordered", "parse", "written"]

MAX_DEPTH = 128
"""Levels of nesting. Python's own limit depends on its version and on the depth of the stack."""

_ORDERED = "properties"
# Members that a later step looks for; told while parsing, so that most documents are never walked.
_HOLDING_OBJECTS = frozenset({"cache_control", "headers"})
_NOTABLE = _HOLDING_OBJECTS | BODY_FIELDS.keys()
_NOTED = _NOTABLE | {_ORDERED}

Number = orjson.Fragment
"""The type of a number that is not a short integer; `written` tells which number it is."""

_SHORT_INTEGER = 18
_USUAL_NUMBER = 24
# Such as 1.0 and 0.50, which repeat.
_SHORT_NUMBER = 6
_WHITESPACE = " \t\n\r"
_BACKSLASH = ord("\\")
_LONG_ESCAPE = b"\\u"
_SURROGATE_ESCAPE = re.compile(rb"\\u[dD][89A-Fa-f]")


class NotCanonical(ValueError):
    """Not JSON, or JSON that has no canonical form here: its bytes are what it is."""


class Ordered(dict[str, Any]):
    """An object whose members are written in their own order."""

    __slots__ = ()


_HOLDERS = frozenset({dict, list, Ordered})


def written(value: Any) -> bytes:
    """A value of text, integers, lists, objects and Numbers as JSON in UTF-8, without spaces, names sorted.

    Raises TypeError for text with a lone surrogate, which UTF-8 does not have.
    """
    return orjson.dumps(value, _in_order, orjson.OPT_SORT_KEYS | orjson.OPT_PASSTHROUGH_SUBCLASS)


def _in_order(members: Ordered) -> orjson.Fragment:
    """What orjson is to write for an object that keeps its order: it sorts all those that it knows."""
    pieces = [b"%b:%b" % (written(name), written(member)) for name, member in members.items()]
    return orjson.Fragment(b"{%b}" % b",".join(pieces))


class Document:
    """A JSON value. `notable` names the members that a later step may have to look at."""

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

    Raises NotCanonical for duplicate keys, NaN and infinities, numbers beyond 4,300 digits, nesting deeper than
    `max_depth`, a lone surrogate, invalid UTF-8, anything behind the value, and whatever else is not JSON.
    """
    try:
        return _parsed(data, max_depth)
    except (ValueError, RecursionError) as error:
        raise NotCanonical(str(error)) from error


def _parsed(data: bytes, max_depth: int) -> Document:
    reader = _OF_THREAD.reader
    value = reader.read(data.decode())
    # Each level takes an object or a `[`. To take them out is faster than to count them.
    holders = reader.objects + len(data) - len(data.replace(b"[", b""))
    if holders > max_depth and not _is_within(value, max_depth):
        raise NotCanonical("nested too deep")
    # One byte is found faster than several are looked for.
    if _BACKSLASH in data and _LONG_ESCAPE in data and _SURROGATE_ESCAPE.search(data):
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
    """Parses one text after the other, and notes of each what a later step may have to look at."""

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
            raise NotCanonical("something behind the value")
        return value

    def _object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        self.objects += 1
        members = dict(pairs)
        if len(members) != len(pairs):
            raise NotCanonical("a duplicate key")
        if not _NOTED.isdisjoint(members):
            self._note(members)
        return members

    def _note(self, members: dict[str, Any]) -> None:
        if isinstance(inner := members.get(_ORDERED), dict):
            members[_ORDERED] = Ordered(inner)
        # A credential is a scalar, the others hold objects; a schema's property of that name is the reverse.
        for name in _NOTABLE.intersection(members):
            if isinstance(members[name], dict) == (name in _HOLDING_OBJECTS):
                self.notable.add(name)


def _integer(text: str) -> int | Number:
    return int(text) if len(text) <= _SHORT_INTEGER else _number(text)


def _number(text: str) -> Number:
    # Most have their one spelling already: 0.7, -0.01834.
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
    """A reader for each thread: to make a decoder takes as long as to parse a short body."""

    def __init__(self) -> None:
        self.reader = _Reader()


_OF_THREAD = _OfThread()

"""JSON in one spelling: two texts have the same canonical form if and only if they have the same value.

Keys are sorted by code point at every depth, except directly under a member named `properties`: structured
outputs follow the order of a JSON Schema's properties, so it shapes the answer. (Whether a `properties` is a
schema's cannot be told for sure; keeping the order of all of them can only cost a miss.)

The work is done by the standard library's C parser and writer, with one call of ours for each object and each
number. Numbers other than short integers travel as text between two marks, which cannot occur otherwise and are
taken off after writing: nothing goes through a float.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from functools import lru_cache
from itertools import accumulate
from typing import Any, NoReturn

from addon.identity.exact_number import canonical
from addon.redaction.credential_places import BODY_FIELDS

__all__ = ["MAX_DEPTH", "Document", "NotCanonical", "Number", "Placed", "parse"]

MAX_DEPTH = 128
"""Levels of nesting. Python's own limit depends on its version and on the depth of the stack."""

_ORDERED = "properties"
# Members that a later step looks for; told while parsing, so that most documents are never walked.
_HOLDING_OBJECTS = frozenset({"cache_control", "headers"})
_NOTABLE = _HOLDING_OBJECTS | BODY_FIELDS.keys()
_NOTED = _NOTABLE | {_ORDERED}

# DEL is written as it is; a document that has one itself is marked with a surrogate, which UTF-8 does not have.
_MARK = "\x7f"
_RARE_MARK = "\udc80"
_SHORT_INTEGER = 18
_WHITESPACE = " \t\n\r"
# Parameters such as 0.7 and 1.0 come with every request; the numbers of embeddings are longer and do not repeat.
_SHORT_NUMBER = 5
_canonical_short = lru_cache(maxsize=1024)(canonical)

_STEP = [1 if byte in b"[{" else -1 for byte in range(256)]
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


class NotCanonical(ValueError):
    """Not JSON, or JSON that has no canonical form here: its bytes are what it is."""


class Number(str):
    """A number as text, between two marks."""

    __slots__ = ()


class Placed(str):
    """A member's name that sorts by its `place` among its siblings; otherwise the text that it is."""

    __slots__ = ("place",)
    place: int

    def __lt__(self, other: Any) -> bool:
        place: int = other.place
        return self.place < place

    def renamed(self, text: str) -> Placed:
        """Another name in the same place."""
        name = Placed(text)
        name.place = self.place
        return name


def _placed(members: dict[str, Any]) -> dict[Placed, Any]:
    placed: dict[Placed, Any] = {}
    for place, (text, member) in enumerate(members.items()):
        name = Placed(text)
        name.place = place
        placed[name] = member
    return placed


class Document:
    """A JSON value. `notable` names the members that a later step may have to look at."""

    __slots__ = ("_mark", "notable", "value")

    def __init__(self, value: Any, mark: str, notable: set[str]) -> None:
        self.value = value
        self.notable = notable
        self._mark = mark

    def inner(self, value: Any) -> Document:
        """A part of this document's value as a document."""
        return Document(value, self._mark, self.notable)

    def dump(self) -> bytes:
        """The canonical form in UTF-8."""
        first, *rest = _encode(self.value).split(self._mark)
        if not rest:
            return first.encode()
        # Every second piece is a number, and the quotes that it was written in are its neighbours' last and first.
        pieces = ['"' + first, *rest]
        pieces[-1] += '"'
        pieces[::2] = [piece[1:-1] for piece in pieces[::2]]
        return "".join(pieces).encode()


def parse(data: bytes, max_depth: int = MAX_DEPTH) -> Document:
    """The document in `data` (UTF-8).

    Raises NotCanonical for duplicate keys, NaN and infinities, numbers beyond 4,300 digits, nesting deeper than
    `max_depth`, a lone surrogate, invalid UTF-8, anything behind the value, and whatever else is not JSON.
    """
    if not _is_within(data, max_depth):
        raise NotCanonical("nested too deep")
    try:
        text = data.decode()
        has_escapes = "\\" in text and "\\u" in text
        mark = _RARE_MARK if _MARK in text or (has_escapes and "\\u007" in text) else _MARK
        reader = _OF_THREAD.reader
        document = Document(reader.read(text, mark), mark, reader.notable)
        if has_escapes and ("\\ud" in text or "\\uD" in text):
            _check_surrogates(document, mark, reader.numbers)
    except (ValueError, RecursionError) as error:
        raise NotCanonical(str(error)) from error
    return document


def _check_surrogates(document: Document, mark: str, numbers: int) -> None:
    """Raises where a string has a lone surrogate: `dump` could not write it, or would take it for a mark."""
    if mark == _RARE_MARK and _encode(document.value).count(mark) != 2 * numbers:
        raise NotCanonical("a lone surrogate")
    document.dump()


def _is_within(data: bytes, max_depth: int) -> bool:
    """Whether JSON `data` nests at most `max_depth` deep, counted outside of strings."""
    if data.count(b"[") + data.count(b"{") <= max_depth:
        return True
    if b"\\" in data:
        data = data.replace(b"\\\\", b"").replace(b'\\"', b"")
    brackets = b"".join(data.split(b'"')[::2]).translate(None, _NOT_BRACKETS)
    return max(accumulate(map(_STEP.__getitem__, brackets)), default=0) <= max_depth


def _refuse(name: str) -> NoReturn:
    raise NotCanonical(f"{name} is not JSON")


class _Reader:
    """Parses one text after the other, and notes of each what a later step may have to look at."""

    __slots__ = ("_decoder", "_mark", "notable", "numbers")

    def __init__(self) -> None:
        self._decoder = json.JSONDecoder(
            object_pairs_hook=self._object,
            parse_int=self._int,
            parse_float=self._number,
            parse_constant=_refuse,
        )

    def read(self, text: str, mark: str) -> Any:
        self.notable: set[str] = set()
        self.numbers = 0
        self._mark = mark
        text = text.strip(_WHITESPACE)
        value, end = self._decoder.raw_decode(text)
        if end != len(text):
            raise NotCanonical("something behind the value")
        return value

    def _object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        members = dict(pairs)
        if len(members) != len(pairs):
            raise NotCanonical("a duplicate key")
        if not _NOTED.isdisjoint(members):
            self._note(members)
        return members

    def _note(self, members: dict[str, Any]) -> None:
        if isinstance(inner := members.get(_ORDERED), dict):
            members[_ORDERED] = _placed(inner)
        # A credential is a scalar, the others hold objects; a schema's property of that name is the reverse.
        self.notable.update(
            name
            for name in _NOTABLE.intersection(members)
            if isinstance(members[name], dict) == (name in _HOLDING_OBJECTS)
        )

    def _int(self, text: str) -> int | Number:
        return int(text) if len(text) <= _SHORT_INTEGER else self._number(text)

    def _number(self, text: str) -> Number:
        self.numbers += 1
        spelled = _canonical_short(text) if len(text) <= _SHORT_NUMBER else canonical(text)
        return Number(f"{self._mark}{spelled}{self._mark}")


class _OfThread(threading.local):
    """A reader for each thread: to make a decoder takes as long as to parse a short body."""

    def __init__(self) -> None:
        self.reader = _Reader()


_OF_THREAD = _OfThread()


def _make_encode() -> Callable[[Any], str]:
    """What `json.JSONEncoder(...).encode` does, without what that makes anew on each call (a third of the time)."""
    make = getattr(json.encoder, "c_make_encoder", None)
    if make is None:
        return json.JSONEncoder(
            ensure_ascii=False, check_circular=False, allow_nan=False, separators=(",", ":"), sort_keys=True
        ).encode
    pieces = make(None, None, json.encoder.encode_basestring, None, ":", ",", True, False, False)
    return lambda value: "".join(pieces(value, 0))


_encode = _make_encode()

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
import re
import threading
from collections.abc import Callable
from functools import lru_cache
from json.encoder import encode_basestring
from operator import itemgetter
from typing import Any, NoReturn

from addon.identity.exact_number import canonical
from addon.redaction.credential_places import BODY_FIELDS

__all__ = ["MAX_DEPTH", "Document", "NotCanonical", "Number", "Placed", "encode", "parse"]

MAX_DEPTH = 128
"""Levels of nesting. Python's own limit depends on its version and on the depth of the stack."""

_ORDERED = "properties"
# Members that a later step looks for; told while parsing, so that most documents are never walked.
_HOLDING_OBJECTS = frozenset({"cache_control", "headers"})
_NOTABLE = _HOLDING_OBJECTS | BODY_FIELDS.keys()
_NOTED = _NOTABLE | {_ORDERED}

Number: type[tuple[str]] = tuple
"""The type of a number as text: a tuple of that text between two marks, which is written as a list. JSON has no
other tuples, and nothing is made faster."""

# DEL is written as it is; a document that has one itself is marked with a surrogate, which UTF-8 does not have.
_MARK = "\x7f"
_DEL = ord(_MARK)
_BACKSLASH = ord("\\")
_RARE_MARK = "\udc80"
_SHORT_INTEGER = 18
_USUAL_NUMBER = 24
# Such as 1.0 and 0.50, which repeat.
_SHORT_NUMBER = 6
_canonical_short = lru_cache(maxsize=4096)(canonical)
_WHITESPACE = " \t\n\r"
_INNER = itemgetter(slice(2, -2))
_HOLDERS = frozenset({dict, list})
# Escapes that are rare and matter here: of surrogates, of DEL, and of control characters that have no short one.
# One search finds that there is none.
_LONG_ESCAPE = b"\\u"
_RARE_ESCAPE = re.compile(rb"\\u(?:[dD]|00[017])")
_DEL_ESCAPE = b"\\u007"
# Texts worth a look whether they can be written as they are (images), and in what documents to expect them:
# the look is a call for each text.
_LONG = 2048
_LONG_PER_HOLDER = 256
_SHORT_ESCAPED = '"\\\n\r\t\b\f'
_SURROGATE_ESCAPE = re.compile(rb"\\u[dD][89A-Fa-f]")


class NotCanonical(ValueError):
    """Not JSON, or JSON that has no canonical form here: its bytes are what it is."""


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

    __slots__ = ("_encode", "_mark", "notable", "value")

    def __init__(self, value: Any, mark: str, notable: set[str], encode: Callable[[Any], str]) -> None:
        self.value = value
        self.notable = notable
        self._mark = mark
        self._encode = encode

    def inner(self, value: Any) -> Document:
        """A part of this document's value as a document."""
        return Document(value, self._mark, self.notable, self._encode)

    def dump(self) -> bytes:
        """The canonical form in UTF-8."""
        text = self._encode(self.value)
        begin = text.find(self._mark)
        if begin >= 0:
            # Every second piece is a number; the `["` and `"]` that it was written in are in its neighbours.
            end = text.rfind(self._mark)
            pieces = text[begin:end].split(self._mark)
            pieces[2::2] = map(_INNER, pieces[2::2])
            text = "".join((text[: begin - 2], *pieces, text[end + 3 :]))
        return text.encode()


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
    has_rare_escape = _BACKSLASH in data and _LONG_ESCAPE in data and _RARE_ESCAPE.search(data) is not None
    mark = _RARE_MARK if _DEL in data or (has_rare_escape and _DEL_ESCAPE in data) else _MARK
    text = data.decode()
    reader = _OF_THREAD.reader
    value = reader.read(text, mark)
    # Each level takes an object or a `[`. To take them out is faster than to count them.
    holders = reader.objects + len(data) - len(data.replace(b"[", b""))
    if holders > max_depth and not _is_within(value, max_depth):
        raise NotCanonical("nested too deep")
    notable = reader.notable
    if has_rare_escape and _SURROGATE_ESCAPE.search(data):
        # A lone one cannot be encoded, and `dump` could take it for a mark.
        encode(value if mark == _MARK else reader.read(text, "")).encode()
    may_hold_long = not has_rare_escape and len(data) > max(_LONG, holders * _LONG_PER_HOLDER)
    return Document(value, mark, notable, _encode_long if may_hold_long else encode)


def _is_within(value: Any, max_depth: int) -> bool:
    """Whether `value` nests at most `max_depth` deep."""
    level = [value] if type(value) in _HOLDERS else []
    for _ in range(max_depth):
        level = [
            item
            for holder in level
            for item in (holder.values() if type(holder) is dict else holder)
            if type(item) in _HOLDERS
        ]
        if not level:
            return True
    return not level


def _refuse(name: str) -> NoReturn:
    raise NotCanonical(f"{name} is not JSON")


class _Reader:
    """Parses one text after the other, and notes of each what a later step may have to look at."""

    __slots__ = ("_decoder", "_mark", "notable", "objects")

    def __init__(self) -> None:
        self._decoder = json.JSONDecoder(
            object_pairs_hook=self._object,
            parse_int=self._int,
            parse_float=self._number,
            parse_constant=_refuse,
        )

    def read(self, text: str, mark: str) -> Any:
        self.notable: set[str] = set()
        self.objects = 0
        self._mark = mark
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
            members[_ORDERED] = _placed(inner)
        # A credential is a scalar, the others hold objects; a schema's property of that name is the reverse.
        for name in _NOTABLE.intersection(members):
            if isinstance(members[name], dict) == (name in _HOLDING_OBJECTS):
                self.notable.add(name)

    def _int(self, text: str) -> int | tuple[str]:
        return int(text) if len(text) <= _SHORT_INTEGER else self._number(text)

    def _number(self, text: str) -> tuple[str]:
        # Most have their one spelling already: 0.7, -0.01834.
        is_short = len(text) <= _USUAL_NUMBER
        if not is_short or text[-1] == "0" or "000000" in text or "e" in text or "E" in text:
            text = _canonical_short(text) if len(text) <= _SHORT_NUMBER else canonical(text)
        return (f"{self._mark}{text}{self._mark}",)


class _OfThread(threading.local):
    """A reader for each thread: to make a decoder takes as long as to parse a short body."""

    def __init__(self) -> None:
        self.reader = _Reader()


_OF_THREAD = _OfThread()


def _quoted(text: str) -> str:
    """What `encode_basestring` makes of a text whose control characters all have a short escape."""
    if len(text) < _LONG or any(map(text.__contains__, _SHORT_ESCAPED)):
        return encode_basestring(text)
    return f'"{text}"'


def _make_encode(quoted: Callable[[str], str]) -> Callable[[Any], str]:
    """What `json.JSONEncoder(...).encode` does, without what that makes anew on each call (a third of the time)."""
    make = getattr(json.encoder, "c_make_encoder", None)
    if make is None:
        return json.JSONEncoder(
            ensure_ascii=False, check_circular=False, allow_nan=False, separators=(",", ":"), sort_keys=True
        ).encode
    pieces = make(None, None, quoted, None, ":", ",", True, False, False)
    return lambda value: "".join(pieces(value, 0))


encode = _make_encode(encode_basestring)
"""A value of text, integers, lists and objects as JSON without spaces, names sorted."""
_encode_long = _make_encode(_quoted)

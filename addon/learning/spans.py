"""Finds the spans in which two texts differ, as whole words or as values of a kind."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import NamedTuple

from addon.volatile.kinds import KINDS, TEMP_FOLDER

__all__ = ["Span", "changed_spans"]

_CHUNK = re.compile(r"\s+|\S+")
_REACH = 6  # chunks around a difference that may belong to one value, as in "Saturday, November 28, 2026"
_MOST_CHUNKS = 2000  # of each text, once the equal ends are cut off, if words were put in or left out
_MOST_TOKENS = 500
_JOINS = frozenset("-./:_+=@~")
# A longer kind before one that is a part of it. Any number looks like a port, so a port is known by its place.
_ORDER = ("tmp-path", "tool-call-id", "uuid", "iso-datetime", "date", "unix-time", "hex-id", "duration")
_NAMES = {name.replace("-", "_"): name for name in _ORDER}
_TOKEN = re.compile(
    "|".join(
        (
            *(f"(?P<{name.replace('-', '_')}>{KINDS[name].pattern})" for name in _ORDER),
            rf"(?P<temp>(?<![\w/\\])(?:{TEMP_FOLDER})[/\\][\w.-]{{1,255}})",
            r"(?P<word>\w+)",
            r"(?P<other>[\s\S])",
        )
    )
)


class Span(NamedTuple):
    """Where two texts differ; `kind` is that of both values, `temp` for other temporary paths, '' if none is."""

    start: int
    end: int
    new_start: int
    new_end: int
    kind: str


class _Token(NamedTuple):
    kind: str
    start: int
    text: str


def changed_spans(old: str, new: str) -> list[Span] | None:
    """The spans in order; None if the texts are too different to be told apart by spans."""
    regions = _regions(_CHUNK.findall(old), _CHUNK.findall(new))
    if regions is None:
        return None
    return [span for region in regions for span in _within(old, new, *region)]


def _regions(old: list[str], new: list[str]) -> list[tuple[int, int, int, int]] | None:
    """Start and end, in characters of each text, of the parts that hold every difference."""
    changes = _changes(old, new, _MOST_CHUNKS)
    if changes is None:
        return None
    merged: list[list[int]] = []
    for start, end, new_start, new_end in changes:
        if merged and start - merged[-1][1] <= 2 * _REACH:
            merged[-1][1], merged[-1][3] = end, new_end
        else:
            merged.append([start, end, new_start, new_end])
    old_at, new_at = _places(old), _places(new)
    regions = []
    for start, end, new_start, new_end in merged:
        before = min(_REACH, start, new_start)
        after = min(_REACH, len(old) - end, len(new) - new_end)
        regions.append(
            (old_at[start - before], old_at[end + after], new_at[new_start - before], new_at[new_end + after])
        )
    return regions


def _places(chunks: list[str]) -> list[int]:
    places = [0]
    for chunk in chunks:
        places.append(places[-1] + len(chunk))
    return places


def _changes(old: Sequence[str], new: Sequence[str], most: int) -> list[tuple[int, int, int, int]] | None:
    """The runs of items that differ: their places in each list. None if there are too many to compare."""
    shortest = min(len(old), len(new))
    first = next((at for at in range(shortest) if old[at] != new[at]), shortest)
    last = next((at for at in range(shortest - first) if old[-1 - at] != new[-1 - at]), shortest - first)
    a, b = old[first : len(old) - last], new[first : len(new) - last]
    if len(a) == len(b):
        differ = [at for at in range(len(a)) if a[at] != b[at]]
        if len(differ) <= max(4, len(a) // 2):
            return [(first + s, first + e, first + s, first + e) for s, e in _runs(differ)]
    if max(len(a), len(b)) > most:
        return None
    return [
        (first + i, first + j, first + k, first + m)
        for tag, i, j, k, m in SequenceMatcher(None, a, b, autojunk=False).get_opcodes()
        if tag != "equal"
    ]


def _runs(places: list[int]) -> Iterator[tuple[int, int]]:
    start = end = -1
    for place in places:
        if place != end:
            if end >= 0:
                yield start, end
            start = place
        end = place + 1
    if end >= 0:
        yield start, end


def _within(old: str, new: str, start: int, end: int, new_start: int, new_end: int) -> Iterator[Span]:
    a, b = _tokens(old, start, end), _tokens(new, new_start, new_end)
    changes = _changes([token.text for token in a], [token.text for token in b], _MOST_TOKENS)
    if changes is None:
        changes = [(0, len(a), 0, len(b))]
    for i, j, k, m in _joined(changes, a):
        kinds = {token.kind for token in (*a[i:j], *b[k:m])}
        yield Span(
            _start(a, i, end), _start(a, j, end), _start(b, k, new_end), _start(b, m, new_end),
            _shared_kind(kinds) if j - i == m - k == 1 else "",
        )  # fmt: skip


def _shared_kind(kinds: set[str]) -> str:
    if len(kinds) == 1:
        return "".join(kinds - {"word", "other"})
    return "temp" if kinds == {"temp", "tmp-path"} else ""


def _joined(
    changes: list[tuple[int, int, int, int]], tokens: list[_Token]
) -> list[tuple[int, int, int, int]]:
    """`changes`, of which those that only a joining sign separates are one, as in `a1-b2`."""
    joined: list[tuple[int, int, int, int]] = []
    for change in changes:
        if joined and change[0] - joined[-1][1] == 1 and tokens[joined[-1][1]].text in _JOINS:
            joined[-1] = (joined[-1][0], change[1], joined[-1][2], change[3])
        else:
            joined.append(change)
    return joined


def _start(tokens: list[_Token], at: int, end: int) -> int:
    return tokens[at].start if at < len(tokens) else end


def _tokens(text: str, start: int, end: int) -> list[_Token]:
    return [
        _Token(_NAMES.get(match.lastgroup or "", match.lastgroup or ""), match.start(), match[0])
        for match in _TOKEN.finditer(text, start, end)
    ]

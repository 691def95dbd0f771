"""Replaces parts of a text that is said in several pieces."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice, takewhile
from typing import NamedTuple

__all__ = ["Match", "spread"]


class Match(NamedTuple):
    """What is replaced in a text, from `start` to `end`, and what by."""

    start: int
    end: int
    new: str


def spread(pieces: Sequence[str], matches: list[Match]) -> list[str]:
    """The new text of each piece; `matches` are in order and count in the pieces' whole text.

    Where several pieces share what is replaced, the new text is cut where the old one was cut.
    """
    news: list[str] = []
    at = first = 0
    for piece in pieces:
        end = at + len(piece)
        parts: list[str] = []
        here = at
        while first < len(matches) and matches[first].end <= at:
            first += 1
        for match in takewhile(lambda match: match.start < end, islice(matches, first, None)):  # noqa: B023
            start, stop = max(match.start, at), min(match.end, end)
            parts.append(piece[here - at : start - at])
            offset = start - match.start
            rest = None if stop == match.end else offset + stop - start
            parts.append(match.new[offset:rest])
            here = stop
        news.append("".join(parts) + piece[here - at :])
        at = end
    return news

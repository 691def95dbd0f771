"""Cuts a streamed answer at places where a careless parser fails. The same seed and key give the same cuts."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable

__all__ = ["cuts_of"]

_SPAN = 64 * 1024  # bytes from the start that are cut; the rest is one piece
_MOST = 256  # cuts at places of one kind
_SINGLE = 32  # bytes that are sent one by one
_APART = 200  # bytes between two cuts that are made anywhere, on average
_EVENT_END = re.compile(rb"\r?\n\r?\n|\n")
_PLACES = (
    re.compile(rb"\n\r?(?=\n)"),  # between the line ends after an event
    re.compile(rb"\r(?=\n)"),
    re.compile(
        rb"(?:^|(?<=\n))d(?=ata:)|(?:^|(?<=\n))data(?=:)|(?:^|(?<=\n))data:(?= )"
    ),  # in a field's name
    re.compile(rb"[\xc2-\xf4][\x80-\xbf]{0,2}(?=[\x80-\xbf])"),  # in a character of several bytes
    re.compile(rb"\\u?(?=[\w\"\\])"),  # in an escape of a JSON string
)


def cuts_of(body: bytes, seed: str, key: str) -> list[int]:
    """Where the pieces of `body` end, in bytes, in order; the last one is the body's end.

    Two whole events stay in one piece, and some bytes are pieces of their own. Other cuts are made at each kind of
    difficult place that the body has, between events, and anywhere.
    """
    # `random` gives the same numbers in every version of Python (its documentation says so).
    chance = random.Random(f"{seed} {key}").random  # noqa: S311 -- no secret depends on it
    start = body[:_SPAN]
    events = [0, *(match.end() for match in _EVENT_END.finditer(start))]
    first = int(chance() * max(1, len(events) - 2))
    left, right = (events[first], events[first + 2]) if len(events) > 2 else (0, 0)

    def outside(places: Iterable[int]) -> list[int]:
        return [at for at in places if 0 < at < len(body) and not left < at < right]

    cuts = {at for at in (left, right) if at}
    cuts.update(_some(outside(events), chance))
    for place in _PLACES:
        cuts.update(_some(outside(match.end() for match in place.finditer(start)), chance))
    anywhere = min(_MOST, 1 + len(start) // _APART)
    cuts.update(outside(int(chance() * len(start)) for _ in range(anywhere)))
    if after := outside(range(1, len(start))):
        single = int(chance() * max(1, len(after) - _SINGLE))
        cuts.update(after[single : single + _SINGLE])
    return [*sorted(cuts - {len(body)}), len(body)]


def _some(places: list[int], chance: Callable[[], float]) -> list[int]:
    """About a quarter of the places, at least one of them if there are any."""
    if not places:
        return []
    sure = places[int(chance() * len(places))]
    return [sure, *(at for at in places if chance() < 0.25)][:_MOST]

"""The events of a streamed answer, and the chunks in which they came, with their times where these are known."""

from __future__ import annotations

import re
from bisect import bisect_left
from itertools import accumulate
from typing import Any

from addon.pacing.rhythm import read_rhythm
from addon.page.answers import events_of
from cache_store.answers.media import Kind, essence_of, kind_of
from cache_store.entry import Entry

__all__ = ["stream_view"]

_MOST = 2000
_LONGEST = 300  # characters of an event that are shown
_BLANK_LINES = re.compile(rb"(?:\r\n|\n|\r){2,}")
_HAS_DATA = re.compile(rb"(?:^|[\r\n])data(?:[:\r\n]|$)")
_LINE = re.compile(rb"[^\r\n]*\S[^\r\n]*(?:\r\n|\n|\r|$)")


def stream_view(entry: Entry) -> dict[str, Any] | None:
    """The stream of an answer as JSON; None if the answer has no events.

    `at` of an event, and the first value of a chunk, are seconds since the request; a chunk's second value is its
    size in bytes. `pieces` is the number of all chunks. Without known times events have no `at`, and there are no
    chunks.
    """
    events = events_of(entry.headers, entry.body)
    if not events:
        return None
    shown: list[dict[str, Any]] = [
        {"name": name[:_LONGEST], "size": len(data.encode("utf-8", "surrogatepass")), "text": data[:_LONGEST]}
        for name, data in events[:_MOST]
    ]
    rhythm = read_rhythm(entry)
    chunks: list[list[float]] = []
    pieces = 0
    if rhythm is not None:
        times = [round(rhythm.head + gap, 3) for gap in accumulate(rhythm.gaps)]
        pieces = len(times)
        sizes = [end - before for before, end in zip((0, *rhythm.ends), rhythm.ends, strict=False)]
        chunks = [[at, size] for at, size in zip(times, sizes, strict=True)][:_MOST]
        ends = _event_ends(entry)
        if len(ends) == len(events):
            for event, end in zip(shown, ends, strict=False):
                event["at"] = times[min(bisect_left(rhythm.ends, end), len(times) - 1)]
    return {
        "events": shown,
        "count": len(events),
        "chunks": chunks,
        "pieces": pieces,
        "seconds": entry.elapsed,
    }


def _event_ends(entry: Entry) -> list[int]:
    """Where each event ends, in bytes. If these are not as many as the events, the body is odd."""
    body = entry.body
    kind = kind_of(essence_of(entry.headers), body)
    if kind is Kind.LINES:
        return [match.end() for match in _LINE.finditer(body)]
    if kind is Kind.FRAMES:
        ends, at = [], 0
        while at < len(body):
            at += max(1, int.from_bytes(body[at : at + 4], "big"))
            ends.append(at)
        return ends
    ends, start = [], 0
    for match in _BLANK_LINES.finditer(body):
        if _HAS_DATA.search(body[start : match.start()]):
            ends.append(match.end())
        start = match.end()
    return [*ends, len(body)] if _HAS_DATA.search(body[start:]) else ends

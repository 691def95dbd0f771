"""Decides in which pieces, and with which pauses, a recorded answer is sent again."""

from __future__ import annotations

from typing import NamedTuple

from addon.pacing.paced_body import Cut, PacedBody
from addon.pacing.rechunk import cuts_of
from addon.pacing.rhythm import Rhythm, is_stream, read_rhythm
from cache_store.entry import Entry

__all__ = ["Pace", "in_pieces"]


class Pace(NamedTuple):
    """How streams are replayed: `speed` times as fast as they were recorded, None for without any pause.

    No pause is longer than `most` seconds. `seed` decides where the pieces end; '' leaves them as recorded.
    """

    speed: float | None
    most: float
    seed: str


def in_pieces(entry: Entry, pace: Pace) -> PacedBody | None:
    """How the answer is sent; None where it is sent in one go: it was not streamed, or its rhythm is not known."""
    rhythm = read_rhythm(entry) if pace.speed is not None else None
    if pace.seed and is_stream(entry):
        ends = cuts_of(entry.body, pace.seed, entry.key)
    elif rhythm is not None:
        ends = rhythm.ends
    else:
        return None
    if rhythm is None or pace.speed is None:
        return PacedBody(entry.body, [Cut(0.0, end) for end in ends])
    most, speed = pace.most, pace.speed
    return PacedBody(entry.body, _cuts(ends, rhythm, speed, most), before=min(rhythm.head / speed, most))


def _cuts(ends: list[int], rhythm: Rhythm, speed: float, most: float) -> list[Cut]:
    """The cuts at `ends`: each piece is sent when the recorded chunk that holds its last byte came."""
    cuts = []
    chunks = iter(zip(rhythm.gaps, rhythm.ends, strict=True))
    come = 0
    for end in ends:
        waited = 0.0
        while come < end:
            gap, come = next(chunks, (0.0, end))
            waited += min(gap / speed, most)
        cuts.append(Cut(min(waited, most), end))
    return cuts

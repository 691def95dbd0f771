"""In which pieces a recorded answer is sent again."""

from __future__ import annotations

from dataclasses import replace
from itertools import accumulate

import pytest

from addon.pacing.chunk_times import ChunkTimes
from addon.pacing.replaying import Pace, in_pieces
from addon.pacing.rhythm import write_rhythm
from cache_store.entry import Entry, Headers

EVENTS: Headers = ((b"content-type", b"text/event-stream"),)
CHUNKS = [b"data: %d\n\n" % number for number in range(5)]
BODY = b"".join(CHUNKS)


def _entry(times: list[float]) -> Entry:
    """The request was complete at 0, the head came at 1."""
    came = ChunkTimes(1.0)
    for chunk, at in zip(CHUNKS, times, strict=True):
        came.add(len(chunk), at)
    timing = write_rhythm(came, 0.0, EVENTS, BODY)
    return Entry("pp1-a", 200, "OK", EVENTS, BODY, 1.0, 1.0, "run", timing=timing)


ENTRY = _entry([1, 1.5, 3.5, 3.5, 103.5])


@pytest.mark.parametrize(
    ("speed", "most", "before", "pauses"),
    [
        (1.0, 1000.0, 1.0, [0.0, 0.5, 2.0, 0.0, 100.0]),
        (2.0, 1000.0, 0.5, [0.0, 0.25, 1.0, 0.0, 50.0]),
        (0.5, 1000.0, 2.0, [0.0, 1.0, 4.0, 0.0, 200.0]),
        (1.0, 0.6, 0.6, [0.0, 0.5, 0.6, 0.0, 0.6]),
        (1.0, 0.0, 0.0, [0.0, 0.0, 0.0, 0.0, 0.0]),
    ],
)
def test_the_recorded_pauses_come_again(
    speed: float, most: float, before: float, pauses: list[float]
) -> None:
    """As many times faster as asked, none longer than the bound, each before the same chunk."""
    paced = in_pieces(ENTRY, Pace(speed, most, ""))
    assert paced is not None
    assert paced.before == before
    assert [piece.data for piece in paced.pieces()] == CHUNKS
    assert [piece.pause for piece in paced.pieces()] == pauses


def test_cuts_by_a_seed_need_no_rhythm() -> None:
    """They are made without pauses, whether the entry has a rhythm or not."""
    cut = [in_pieces(entry, Pace(None, 10.0, "s")) for entry in (ENTRY, replace(ENTRY, timing=""))]
    assert cut[0] == cut[1] is not None
    assert cut[0] is not None
    assert (cut[0].seconds, cut[0].body) == (0.0, BODY)
    assert len(cut[0].cuts) > len(CHUNKS)


def test_a_piece_of_a_cut_stream_waits_for_the_chunk_of_its_last_byte() -> None:
    """So the whole takes as long as recorded, however it is cut."""
    paced = in_pieces(ENTRY, Pace(1.0, 1000.0, "s"))
    assert paced is not None
    due = list(accumulate((cut.pause for cut in paced.cuts), initial=0.0))[1:]
    chunk_ends = list(accumulate(map(len, CHUNKS)))
    for cut, at in zip(paced.cuts, due, strict=True):
        chunk = next(number for number, end in enumerate(chunk_ends) if end >= cut.end)
        assert at == [0.0, 0.5, 2.5, 2.5, 102.5][chunk]


@pytest.mark.parametrize(
    ("entry", "pace"),
    [
        (replace(ENTRY, timing=""), Pace(1.0, 10.0, "")),
        (
            replace(ENTRY, timing="", headers=((b"content-type", b"application/json"),), body=b"{}"),
            Pace(1.0, 10.0, "s"),
        ),
        (replace(ENTRY, body=b""), Pace(1.0, 10.0, "s")),
        (ENTRY, Pace(None, 10.0, "")),
    ],
)
def test_what_was_not_streamed_is_sent_in_one_go(entry: Entry, pace: Pace) -> None:
    """Also a stream whose rhythm is not known, and every stream if nothing else was asked for."""
    assert in_pieces(entry, pace) is None

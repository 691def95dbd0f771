"""Noting when chunks come."""

from __future__ import annotations

from addon.pacing.chunk_times import ChunkTimes


def test_chunks_that_decode_to_nothing_are_left_out() -> None:
    """A compressed chunk may hold no whole byte of the text."""
    chunks = ChunkTimes(1.0)
    for length, at in ((3, 1.5), (0, 2.0), (4, 2.5)):
        chunks.add(length, at)
    assert chunks.times is not None
    assert (list(chunks.lengths), list(chunks.times)) == ([3, 4], [1.5, 2.5])


def test_too_many_chunks_have_no_rhythm_and_take_no_room() -> None:
    """From 65,537 on, everything is forgotten and nothing more is noted."""
    chunks = ChunkTimes(0.0)
    for number in range(65_536):
        chunks.add(1, float(number))
    assert chunks.times is not None
    for _ in range(2):
        chunks.add(1, 1e6)
        assert (chunks.times, list(chunks.lengths)) == (None, [])

"""A body in pieces."""

from __future__ import annotations

import math

import pytest

from addon.pacing.paced_body import Cut, PacedBody, Piece

BODY = b"0123456789"


@pytest.mark.parametrize(
    "ends", [[], [0], [10], [3, 7, 10], [3, 3, 2, 7], [99], [5, 4, 10**12], list(range(11))]
)
def test_the_pieces_are_the_body_whatever_the_cuts_are(ends: list[int]) -> None:
    """In order, none of them empty."""
    pieces = list(PacedBody(BODY, [Cut(0.0, end) for end in ends]).pieces())
    assert b"".join(piece.data for piece in pieces) == BODY
    assert all(piece.data for piece in pieces)


def test_the_pause_of_a_piece_that_is_empty_goes_to_the_next() -> None:
    """So that the whole takes as long; `seconds` is all pauses."""
    paced = PacedBody(BODY, [Cut(1, 4), Cut(2, 4), Cut(3, 8)], before=4)
    assert list(paced.pieces()) == [Piece(1, b"0123"), Piece(5, b"4567"), Piece(0, b"89")]
    assert paced.seconds == 10


def test_a_stall_never_ends_by_itself() -> None:
    """A pause may be infinite."""
    assert next(PacedBody(BODY, [Cut(math.inf, 4)]).pieces()).pause == math.inf

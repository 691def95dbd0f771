"""Cuts at difficult places."""

from __future__ import annotations

import json
import re
from itertools import pairwise

import pytest

from addon.pacing.rechunk import cuts_of

EVENTS = [b"data: %s\n\n" % json.dumps({"n": n, "text": "wörd ☃ \" \n"}, ensure_ascii=False).encode() for n in range(20)]  # fmt: skip
BODY = b"".join(EVENTS)


def pieces(body: bytes, seed: str, key: str = "pp1-a") -> list[bytes]:
    """The body as it is cut."""
    return [body[at:end] for at, end in pairwise((0, *cuts_of(body, seed, key)))]


@pytest.mark.parametrize("body", [BODY, b"", b"x", b"\n", b"\n\n\n", bytes(range(256)) * 4, b"data: a\r\n\r\n" * 3, BODY * 200])  # fmt: skip
def test_the_pieces_are_the_body(body: bytes) -> None:
    """None is empty, and there are not too many."""
    for seed in "abcdefgh":
        cut = pieces(body, seed)
        assert b"".join(cut) == body
        assert all(cut) or not body
        assert len(cut) < 2500


def test_the_same_seed_and_key_give_the_same_cuts() -> None:
    """In every run and on every machine; another seed or another key gives others."""
    assert cuts_of(BODY, "7", "pp1-a") == cuts_of(BODY, "7", "pp1-a")
    assert cuts_of(BODY, "7", "pp1-a") != cuts_of(BODY, "8", "pp1-a")
    assert cuts_of(BODY, "7", "pp1-a") != cuts_of(BODY, "7", "pp1-b")
    assert cuts_of(b"data: a\n\n" * 3, "7", "pp1-a") == [*range(1, 10), 27]


@pytest.mark.parametrize("seed", ["1", "2", "3"])
def test_each_kind_of_difficult_place_is_cut(seed: str) -> None:
    """In a character of several bytes, in a field's name, between line ends, in an escape; two events together."""
    cut = pieces(BODY, seed)
    assert any(_is_broken(piece) for piece in cut)
    assert any(re.search(rb"(?:^|\n)d(?:ata)?$", piece) for piece in cut)
    assert any(piece.endswith(b"}\n") for piece in cut)
    assert any(piece.endswith(b"\\") for piece in cut)
    assert any(b"".join(two) in piece for two in pairwise(EVENTS) for piece in cut)
    assert sum(len(piece) == 1 for piece in cut) >= 16


def _is_broken(piece: bytes) -> bool:
    try:
        piece.decode()
    except UnicodeDecodeError as error:
        return error.reason == "unexpected end of data"
    return False

"""Parts of a text that is said in several pieces."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from addon.volatile.pieces import Match, spread


def test_a_replacement_is_cut_where_the_text_was_cut() -> None:
    """The rest of a longer one goes into the last piece that has a part of it."""
    assert spread(["on", "e t", "wo"], [Match(0, 3, "three"), Match(4, 7, "2")]) == ["th", "ree 2", ""]


@given(st.lists(st.text("ab", max_size=3), max_size=6), st.data())
def test_the_pieces_say_the_new_text(pieces: list[str], data: st.DataObject) -> None:
    """However the text was cut, and wherever it is replaced."""
    whole = "".join(pieces)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=6)))
    spans = [(start, end) for start, end in zip(cuts[::2], cuts[1::2], strict=False) if start < end]
    matches = [Match(start, end, data.draw(st.text("xyz", max_size=5))) for start, end in spans]
    expected, at = "", 0
    for match in matches:
        expected += whole[at : match.start] + match.new
        at = match.end
    assert "".join(spread(pieces, matches)) == expected + whole[at:]

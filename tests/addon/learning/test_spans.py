"""Where two texts differ."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from addon.learning.spans import changed_spans
from tests.addon.learning.requests_of_takes import UUIDS


def _found(old: str, new: str) -> list[tuple[str, str, str]]:
    spans = changed_spans(old, new)
    assert spans is not None
    return [(old[a:b], new[c:d], kind) for a, b, c, d, kind in spans]


@pytest.mark.parametrize(("old", "new", "found"), [
    (f"a {UUIDS[0]} b", f"a {UUIDS[1]} b", [(*UUIDS, "uuid")]),
    (f"x{UUIDS[0]}", f"x{UUIDS[1]}", [(f"x{UUIDS[0]}", f"x{UUIDS[1]}", "")]),
    ("on November 28, 2026 ok", "on November 3, 2026 ok", [("November 28, 2026", "November 3, 2026", "date")]),
    ("Saturday, November 28, 2026", "Monday, November 2, 2026",
     [("Saturday, November 28, 2026", "Monday, November 2, 2026", "date")]),
    ("at 2026-11-28T10:00:00Z.", "at 2026-11-28T10:00:01Z.", [("2026-11-28T10:00:00Z", "2026-11-28T10:00:01Z", "iso-datetime")]),
    ("in /tmp/tmpab12cd_x/a", "in /tmp/tmpabcdefgh/a", [("/tmp/tmpab12cd_x", "/tmp/tmpabcdefgh", "temp")]),
    ("in /tmp/tmpabcdefgh/a", "in /tmp/tmpijklmnop/a", [("/tmp/tmpabcdefgh", "/tmp/tmpijklmnop", "temp")]),
    ("took 0.5 s, port 80", "took 12 s, port 443", [("0.5 s", "12 s", "duration"), ("80", "443", "")]),
    ("id a1b2-c3d4!", "id e5f6-a7b8!", [("a1b2-c3d4", "e5f6-a7b8", "")]),
    ("say hello", "say hello twice", [("", " twice", "")]),
    ("same", "same", []),
])  # fmt: skip
def test_spans_are_whole_values(old: str, new: str, found: list[tuple[str, str, str]]) -> None:
    """A value of a kind, or whole words that joining signs may connect."""
    assert _found(old, new) == found


def test_words_put_in_do_not_hide_a_value() -> None:
    """What follows is compared with what followed."""
    more = " ".join(f"w{n}" for n in range(50))
    found = _found(f"{more} then {UUIDS[0]} {more}", f"{more} and then {UUIDS[1]} {more}")
    assert (*UUIDS, "uuid") in found


def test_texts_that_have_nothing_in_common_are_not_compared() -> None:
    """Bounded work: thousands of other words are no spans."""
    assert changed_spans("a " * 5000, "b c " * 5000) is None


_WORDS = st.lists(st.sampled_from([*UUIDS, "a", "b", "-", " ", "\n", "2026-11-28", "é", "/tmp/tmpab12cd_x"]))


@given(_WORDS, _WORDS)
def test_spans_rebuild_the_new_text(old: list[str], new: list[str]) -> None:
    """Whatever differs lies in a span."""
    one, two = "".join(old), "".join(new)
    spans = changed_spans(one, two)
    assert spans is not None
    at, built = 0, ""
    for start, end, new_start, new_end, _ in spans:
        built += one[at:start] + two[new_start:new_end]
        at = end
    assert built + one[at:] == two

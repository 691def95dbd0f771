"""Values cut down to what tells them apart."""

from __future__ import annotations

import random

import pytest

from addon.diagnosis.shortening import LONGEST, shared_start, shortened, shown_apart


def test_the_shared_start_is_the_longest() -> None:
    """The result equals a count character by character, on random texts."""
    pick = random.Random(1)
    for _ in range(300):
        a = "".join(pick.choices("ab", k=pick.randint(0, 40)))
        b = a[: pick.randint(0, len(a))] + "".join(pick.choices("ab", k=pick.randint(0, 9)))
        assert shared_start(a, b) == next(
            (n for n, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b))
        )


@pytest.mark.parametrize("length", [0, 1, 59, 60, 61, 10_000])
def test_nothing_is_longer_than_promised(length: int) -> None:
    """Whole where it is short, its middle left out where it is not."""
    text = shortened("x" * length)
    assert len(text) <= LONGEST
    assert ("…" in text) == (length > LONGEST)


def test_both_sides_show_what_differs() -> None:
    """Far into a long text, the difference is in both of them, and neither is long."""
    a, b = (f"{'same ' * 500}at {n} o'clock {'more ' * 500}" for n in ("seven", "eight"))
    old, new = shown_apart(a, b, shared_start(a, b))
    assert "seven" in old
    assert "eight" in new
    assert max(len(old), len(new)) <= LONGEST
    assert shown_apart("abc", "abd", 2) == ("abc", "abd")


def test_control_characters_are_visible() -> None:
    """A line end and an escape sequence are shown as escapes: a difference in white space can be seen."""
    assert shortened("a\nb\x1b[1m") == r"a\nb\x1b[1m"
    assert shown_apart("a\nb", "a\tb", 1)[0] == r"a\nb"

"""Other values."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from addon.probing.words import WORD, other_text, other_value


@given(st.text(), st.integers(0, 500))
def test_every_word_is_another_one_of_the_same_length(text: str, turn: int) -> None:
    """What is between the words stays. A sign that has no neighbour of its kind may stay, too."""
    other = other_text(text, turn)
    assert len(other) == len(text)
    assert all(new != old for new, old in zip(other, text, strict=True) if old.isascii() and old.isalnum())
    assert all(new == old for new, old in zip(other, text, strict=True) if not old.isalnum())


@given(st.text(min_size=1), st.text(min_size=1), st.integers(0, 500))
def test_two_words_never_become_one(one: str, other: str, turn: int) -> None:
    """So that each can be taken back."""
    assert (other_text(one, turn) == other_text(other, turn)) == (one == other)


def test_the_seed_decides() -> None:
    """Paris becomes another word with another seed, which keeps its shape."""
    words = {other_text("Paris 2024", turn) for turn in range(25)}
    assert len(words) == 25
    assert all(word[0].isupper() and len(WORD.findall(word)) == 2 for word in words)


@pytest.mark.parametrize(
    ("value", "other"),
    [
        ("Paris", "Qbsjt"),
        ("", "b"),
        ("…", "…b"),
        (True, False),
        (3, 4),
        (-1, 0),
        (1.5, 2.5),
        (None, None),
        (1e300, None),
        (2**62, 2**62 + 1),
        (int("9" * 4300), None),
    ],
)
def test_one_value(value: Any, other: Any) -> None:
    """Of the same type; None where there is no other."""
    made = other_value(value, 0)
    assert made == other
    assert type(made) is type(other)

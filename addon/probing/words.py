"""Other values in the place of recorded ones: of the same kind, and unlike what a request says by chance."""

from __future__ import annotations

import re
from functools import lru_cache
from string import ascii_lowercase, ascii_uppercase, digits
from typing import Any

__all__ = ["WORD", "other_text", "other_value"]

_LARGEST = 10**1000  # Python writes no integer of more than 4,300 digits
WORD = re.compile(r"[^\W_]+")
"""A word or a number. `other_text` makes each one another of the same length."""


def other_text(text: str, turn: int) -> str:
    """`text` with every word and number replaced by another; `turn` (from 0) says by which.

    Each letter becomes another of its case and each digit another one, so lengths, blanks and punctuation stay, and
    so does which words are equal.
    """
    return text.translate(_table(turn)) if text.isascii() else "".join(_other(char, turn) for char in text)


def other_value(value: Any, turn: int) -> Any:
    """Another text, number or truth value; None where there is no other."""
    if isinstance(value, str):
        other = other_text(value, turn)
        return other if other != value else f"{value}{_other('a', turn)}"
    if isinstance(value, bool):
        return not value
    # The next number, not a far one: a tool may wait so long, or do it so often.
    if isinstance(value, int | float) and abs(value) < _LARGEST and value + 1 != value:
        return value + 1
    return None


@lru_cache(maxsize=26)
def _table(turn: int) -> dict[int, int]:
    moves = ((ascii_lowercase, 1 + turn % 25), (ascii_uppercase, 1 + turn % 25), (digits, 1 + turn % 9))
    return {
        ord(char): ord(letters[(at + by) % len(letters)])
        for letters, by in moves
        for at, char in enumerate(letters)
    }


def _other(char: str, turn: int) -> str:
    if char.isascii():
        return chr(_table(turn).get(ord(char), ord(char)))
    other = chr(ord(char) ^ 1)
    return other if char.isalnum() and other.isalnum() else char

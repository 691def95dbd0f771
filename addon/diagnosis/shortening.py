"""Shortens values to the part that differs, at most LONGEST characters of each."""

from __future__ import annotations

import json
from typing import Any

from addon.printing import printable

__all__ = ["LONGEST", "shared_start", "shortened", "shown_apart", "text_of"]

LONGEST = 60
"""Characters of a value that are shown; the docs promise at most 200."""

_BEFORE = 24
_REACH = 12


def text_of(value: Any) -> str:
    """A string unchanged, any other value as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, check_circular=False)


def shortened(value: Any, longest: int = LONGEST) -> str:
    """A value in one printable line, without its middle if it is longer than `longest` characters."""
    text = text_of(value)
    if len(text) > longest:
        text = f"{text[: longest * 2 // 3]}…{text[-(longest // 3 - 1) :]}"
    return printable(text)


def shared_start(a: str, b: str) -> int:
    """The length of the longest common start of `a` and `b`."""
    low, high = 0, min(len(a), len(b))
    while low < high:
        middle = (low + high + 1) // 2
        if a[low:middle] == b[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def shown_apart(a: str, b: str, same: int) -> tuple[str, str]:
    """Both texts from shortly before position `same`, where they start to differ, cut to LONGEST characters."""
    start = max(0, same - _BEFORE)
    # Start at a word if one begins shortly before.
    word = max(a.rfind(mark, start, same) for mark in " \n\t\"'")
    start = word + 1 if word >= 0 else start
    alike = shared_start(a[same:][::-1], b[same:][::-1]) if max(len(a), len(b)) - same < 2**20 else 0
    return _shown(a, start, alike), _shown(b, start, alike)


def _shown(text: str, start: int, alike: int) -> str:
    end = min(len(text), max(start, len(text) - alike) + _REACH, start + LONGEST - 2)
    return ("…" if start else "") + printable(text[start:end]) + ("…" if end < len(text) else "")

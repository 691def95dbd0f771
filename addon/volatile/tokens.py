"""Finds values as whole tokens: never within a longer word."""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["token_pattern"]

_WORD = "0-9A-Za-z_"


def token_pattern(values: Iterable[str]) -> str:
    """An expression that matches each of `values` where it is not part of a longer word; longer ones first."""
    alternatives = "|".join(map(re.escape, sorted(values, key=lambda value: (-len(value), value))))
    return f"(?<![{_WORD}])(?:{alternatives})(?![{_WORD}])"

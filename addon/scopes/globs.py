"""Globs of tests, as flags take them."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable

__all__ = ["fits_any"]


def fits_any(test: str, globs: Iterable[str]) -> bool:
    """Whether `test` is one of `globs` or fits one; the brackets of a parametrised test need no escape."""
    return any(test == glob or fnmatch.fnmatchcase(test, glob) for glob in globs)

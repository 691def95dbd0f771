"""Says whether a text states its own time, which may differ in every run, or asks about a time, which may not."""

from __future__ import annotations

import re

__all__ = ["asks_about", "states_own_time"]

_OWN_TIME = re.compile(r"\b(?:today|now|current|currently|timestamp|as of|local time)\b", re.IGNORECASE)
_QUESTION = re.compile(r"[^.!?\n]{0,1000}\?")


def states_own_time(before: str) -> bool:
    """Whether the words before a date or a time say that it is the present one."""
    return _OWN_TIME.search(before) is not None


def asks_about(text: str, end: int) -> bool:
    """Whether the sentence that goes on at `end`, after a value, is a question."""
    return _QUESTION.match(text, end) is not None

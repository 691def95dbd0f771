"""Finds the dates that are the same in both takes because both ran on one day."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date

from addon.learning.asked import Asked
from addon.learning.comparing import Change
from addon.volatile.kinds import KINDS

__all__ = ["todays_dates"]

_DATE = re.compile(KINDS["date"].pattern)
_CONTEXT = 120


def todays_dates(asked: Iterable[Asked], days: Iterable[date]) -> list[Change]:
    """Every one of `days` in the texts of requests, as a value that did not change."""
    spellings = {text for day in days for text in _spellings(day)}
    needles = [text.encode() for text in spellings]
    return [
        change
        for one in asked
        if any(needle in one.saved for needle in needles)
        for change in _in(one, spellings)
    ]


def _in(asked: Asked, spellings: set[str]) -> Iterable[Change]:
    for place, text in asked.form.texts.items():
        for match in _DATE.finditer(text):
            if match[0].rpartition("day, ")[2] in spellings:
                start, end = match.span()
                yield Change(
                    asked.test, asked.form.host, asked.form.path, place, match[0], match[0], "date",
                    text[max(0, start - _CONTEXT) : start], text[end : end + _CONTEXT], text[end : end + 1000],
                    start == 0 and end == len(text),
                )  # fmt: skip


def _spellings(day: date) -> Iterable[str]:
    month, year = day.month, day.year
    for name in (_MONTHS[month - 1], _MONTHS[month - 1][:3]):
        for number in {str(day.day), f"{day.day:02}"}:
            yield from (f"{name} {number}, {year}", f"{name} {number} {year}", f"{number} {name} {year}")
    yield day.isoformat()
    for one, two, sign in ((month, day.day, "/"), (day.day, month, "/"), (day.day, month, ".")):
        yield from (f"{one:{wide}}{sign}{two:{wide}}{sign}{year}" for wide in ("", "02"))


# As `strftime` writes them in English, whatever the locale.
_MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
           "November", "December")  # fmt: skip

"""Dates that two takes of one day have in common."""

from __future__ import annotations

from datetime import date

import pytest

from addon.learning.proposing import propose
from addon.learning.todays_dates import todays_dates
from tests.addon.learning.requests_of_takes import CONTENT, asked

DAY = date(2026, 11, 8)


@pytest.mark.parametrize("text", [
    "2026-11-08", "November 8, 2026", "Sunday, November 08, 2026", "8 Nov 2026", "11/8/2026", "08.11.2026", "08/11/2026",
])  # fmt: skip
def test_todays_date_is_found_as_people_write_it(text: str) -> None:
    """With its place, so that a rule for tomorrow can be proposed."""
    (found,) = todays_dates([asked(f"Today is {text}."), asked("Released 2020-01-01")], [DAY])
    assert (found.place, found.old, found.new) == (CONTENT, text, text)
    (proposal,), _ = propose([found])
    assert proposal.members["anchor"] == "Today is ⟦…⟧"


def test_other_days_are_not_found() -> None:
    """Nor a date within a longer number."""
    texts = ("2026-11-09", "12026-11-08", "11/18/2026")
    assert todays_dates([asked(text) for text in texts], [DAY]) == []

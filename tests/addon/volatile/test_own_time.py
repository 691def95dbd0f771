"""Texts that state their own time, and texts that ask about one."""

from __future__ import annotations

from addon.volatile.own_time import asks_about, states_own_time


def test_a_text_states_its_time_in_some_words() -> None:
    """A date without such words may be anything."""
    assert all(map(states_own_time, ("Today's date is ", "It is now ", "Current time: ", "As of ")))
    assert not any(map(states_own_time, ("What weekday is ", "Released ", "knowing ", "")))


def test_a_question_is_one_to_its_mark() -> None:
    """A question in a later sentence asks about something else."""
    assert asks_about("2026-11-28 a Saturday?", 10)
    assert not asks_about("2026-11-28. Which file?", 10)
    assert not asks_about("2026-11-28" + " x" * 100_000, 10)

"""A review as text."""

from __future__ import annotations

from dataclasses import replace

from addon.reviewing.review import reviewed
from addon.reviewing.text import render_text, summary_line
from tests.addon.reviewing.states import HOSTILE, chat, state, system


def test_a_test_and_the_totals() -> None:
    """The words that changed, values before and after, and what is equal."""
    review = reviewed(
        state((chat(system("Be terse."), model="gpt-4.1"), "t u"), chat("same")),
        state((chat(system("Be kind."), model="gpt-5"), "t u"), chat("same")),
    )
    lines = render_text(review).splitlines()
    assert lines[:7] == [
        "t",
        "  also used by 1 other test",
        "  prompt-change  request /messages/0/content",
        "      Be [-terse-]{+kind+}.",
        "  model-change  request /model",
        "      - gpt-4.1",
        "      + gpt-5",
    ]
    assert "1 test changed, 1 recording equal" in lines


def test_nothing_changed() -> None:
    """It says so in one line, with what the recordings cost."""
    assert render_text(reviewed([], [])).splitlines()[0] == "0 tests changed, 0 recordings equal"
    assert summary_line(reviewed(state(chat("a", "1")), state(chat("a", "2")))) == (
        "1 recording of no known test changed, 0 recordings equal"
    )


def test_hostile_text_is_printable_and_fits() -> None:
    """Nothing acts on the terminal, and lines are wrapped."""
    states = (state(chat(HOSTILE)), state(chat(HOSTILE + " x")))
    review = reviewed(*([replace(one, tests=(HOSTILE,)) for one in recordings] for recordings in states))
    text = render_text(review, 80)
    assert all(char.isprintable() or char == "\n" for char in text)
    assert max(map(len, text.splitlines())) <= 80

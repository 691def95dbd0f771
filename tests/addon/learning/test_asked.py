"""What two requests have in common."""

from __future__ import annotations

from typing import Any

import pytest

from tests.addon.learning.requests_of_takes import UUIDS, asked, chat


@pytest.mark.parametrize("other", [
    chat("b 9"), chat("a 1", temperature=0.5), chat("a 1", seed=7),
])  # fmt: skip
def test_texts_and_numbers_may_differ_in_shape(other: Any) -> None:
    """A number that changes is found by the comparison, and not by sending the request."""
    one = asked(chat("a 1", temperature=1, seed=1))
    two = asked(chat("a 1", temperature=1, seed=1) | other)
    assert one.form.shape == two.form.shape


@pytest.mark.parametrize("other", [
    chat("a", stream=True), chat("a", model="gpt-5"), chat("a", tools=[]), {"messages": []},
])  # fmt: skip
def test_what_decides_the_answers_form_is_in_the_shape(other: Any) -> None:
    """A stream, another model, more messages or members."""
    assert asked("a").form.shape != asked(other).form.shape


def test_words_with_digits_are_masked() -> None:
    """So that a request is known by its words; an other word makes another mask."""
    masks = [asked(text).form.masked for text in (f"sum {UUIDS[0]}", f"sum {UUIDS[1]}", f"all {UUIDS[1]}")]
    assert masks[0] == masks[1] != masks[2]


def test_paths_are_in_the_shape() -> None:
    """A stream of Gemini has a path of its own."""
    assert asked({}, path="/a:generate").form.shape != asked({}, path="/a:stream").form.shape

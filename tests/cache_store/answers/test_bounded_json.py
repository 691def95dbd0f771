"""JSON from elsewhere, within bounds."""

from __future__ import annotations

import json

import pytest

from cache_store.answers.bounded_json import loads


@pytest.mark.parametrize("text", ['{"a": [1, 2.5, "x", null, true]}', "[]", '"x"', b'{"a": 1}'])
def test_ordinary_json(text: str | bytes) -> None:
    """What every parser reads is read alike."""
    assert loads(text) == json.loads(text)


@pytest.mark.parametrize("text", ["NaN", "[Infinity]", "[" * 5000, "[" * 200 + "]" * 200, "{", b"\xff", ""])
def test_what_is_refused(text: str | bytes) -> None:
    """NaN, deep nesting, what is cut short and what is no text is a ValueError and nothing else."""
    with pytest.raises(ValueError):  # noqa: PT011 - its words are the parser's
        loads(text)


def test_numbers_beyond_python() -> None:
    """A number of more digits than Python takes is kept as text, so that it can be shown again."""
    assert str(loads("9" * 5000)) == "9" * 5000

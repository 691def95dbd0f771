"""Differences of values."""

from __future__ import annotations

import json
from typing import Any

import pytest

from addon.drift.reading import Reading
from addon.drift.values import value_changes

JSON = ((b"content-type", b"application/json"),)


def changes(old: Any, new: Any) -> list[tuple[str, str]]:
    """What differs, and where."""
    readings = (Reading(200, JSON, json.dumps(value).encode()) for value in (old, new))
    return [(reason.what, reason.place) for reason in value_changes(*readings)]


@pytest.mark.parametrize(
    "name", ["id", "call_id", "responseId", "created", "created_at", "createTime", "usage", "logprobs"]
)
def test_what_differs_from_answer_to_answer_is_left_out(name: str) -> None:
    """Ids, times, usage and what sampling brings with it."""
    assert changes({name: 1, "a": {name: "x"}}, {name: 2, "a": {name: "y"}}) == []


def test_the_first_three_are_named() -> None:
    """With what they are and their pointers."""
    old, new = {"a": "x", "b": [1, 2], "c": 7, "d": 8}, {"a": "y", "b": [1], "c": 6, "d": 9}
    assert changes(old, new) == [
        ("other words", "/a"),
        ("other number of items", "/b"),
        ("other value", "/c"),
    ]


def test_bytes_are_compared_whole() -> None:
    """Sound has no fields."""
    sound = [Reading(200, ((b"content-type", b"audio/mpeg"),), body) for body in (b"one", b"other")]
    assert [reason.new for reason in value_changes(*sound)] == ["5 bytes"]
    assert [*value_changes(sound[0], sound[0])] == []

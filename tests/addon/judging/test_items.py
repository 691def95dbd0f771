"""Events with their JSON."""

from __future__ import annotations

import pytest

from addon.judging.items import items_of, parse_json
from cache_store.answers.sse import Event


def test_an_event_is_what_its_json_says_it_is_before_its_name():
    """A type inside the data counts for more than the event's name."""
    events = [
        Event("a", '{"type": "b"}'),
        Event("a", '{"event_type": "c"}'),
        Event("a", '{"type": 1}'),
        Event("a", "[1]"),
    ]

    assert [item.kind for item in items_of(events)] == ["b", "c", "a", "a"]


@pytest.mark.parametrize("data", ["", "[DONE]", "[1]", "{", '{"a": 1} x', "{" * 100, '{"a":' * 100_000])
def test_what_is_no_object_has_no_value(data):
    """Text, lists, broken JSON and JSON that nests too deeply all read as nothing."""
    assert items_of([Event("", data)])[0].value == {}


def test_deep_nesting_is_a_value_error():
    """Python's recursion error never gets out."""
    with pytest.raises(ValueError, match="deeply"):
        parse_json("[" * 1_000_000)


def test_the_sentinel_is_told_by_its_start():
    """`[DONE]` may have something after it, as openai's own parser allows."""
    assert [
        item.is_done for item in items_of([Event("", "[DONE]"), Event("", "[DONE] "), Event("", "x")])
    ] == [True, True, False]

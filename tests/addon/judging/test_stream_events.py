"""Events of a stream with their JSON."""

from __future__ import annotations

import pytest

from addon.judging.stream_events import parse_json, stream_events
from cache_store.answers.sse import Event


def test_the_type_in_the_json_wins_over_the_event_name():
    """The kind of an event is its JSON's type, else its name."""
    events = [
        Event("a", '{"type": "b"}'),
        Event("a", '{"event_type": "c"}'),
        Event("a", '{"type": 1}'),
        Event("a", "[1]"),
    ]

    assert [event.kind for event in stream_events(events)] == ["b", "c", "a", "a"]


@pytest.mark.parametrize("data", ["", "[DONE]", "[1]", "{", '{"a": 1} x', "{" * 100, '{"a":' * 100_000])
def test_data_that_is_not_an_object_has_an_empty_value(data):
    """Text, lists, broken JSON and too deeply nested JSON give {}."""
    assert stream_events([Event("", data)])[0].value == {}


def test_deep_nesting_is_a_value_error():
    """Python's RecursionError becomes a ValueError."""
    with pytest.raises(ValueError, match="deeply"):
        parse_json("[" * 1_000_000)


def test_the_sentinel_is_recognised_by_its_start():
    """`[DONE]` may be followed by more text, as in openai's own parser."""
    assert [
        event.is_done for event in stream_events([Event("", "[DONE]"), Event("", "[DONE] "), Event("", "x")])
    ] == [True, True, False]

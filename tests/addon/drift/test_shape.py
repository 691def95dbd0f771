"""The shape of answers."""

from __future__ import annotations

from typing import Any

import pytest

from addon.drift.shape import known_shape, shape_changes, shape_of


def changes(old: Any, new: Any, *others: Any) -> list[tuple[str, str, str | None, str | None]]:
    """How the shape of `new` differs from what `old` and `others` showed."""
    shapes = [shape_of([("", value)]) for value in (old, *others)]
    found = shape_changes(known_shape(shapes), shapes[0], shape_of([("", new)]))
    return [(reason.what, reason.place, reason.old, reason.new) for reason in found]


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ({"a": 1}, {"a": 2.5}, []),
        ({"a": 1}, {"a": "1"}, [("other type", "/a", "number", "text")]),
        ({"a": 1}, {"a": True}, [("other type", "/a", "number", "boolean")]),
        ({"a": None}, {"a": 1}, [("other type", "/a", "null", "number")]),
        ({"a": 1}, {"a": 1, "b": {"c": 1}}, [("field added", "/b", None, "object")]),
        ({"a": 1, "b": {"c": [{}]}}, {"a": 1}, [("field gone", "/b", "object", None)]),
        ({"a": [{"x": 1}]}, {"a": [{"x": 1}, {"x": 2}]}, []),
        ({"a": [{"x": 1}]}, {"a": [{"x": 1}, {"y": 2}]}, [("field added", "/a/1/y", None, "number")]),
        ({"a~/b": 1}, {}, [("field gone", "/a~0~1b", "number", None)]),
        ({"usage": {"a": 1}}, {"usage": {"b": "x"}}, []),
        ({"args": {"city": "x"}}, {"args": {"place": 7}}, []),
        ({"v": [0.5] * 20}, {"v": [0.5] * 30}, [("other type", "/v", "list of 20 numbers", "list of 30 numbers")]),
        ({"v": [1, 2]}, {"v": [1, 2, 3]}, []),
        ({"c": [{"type": "text", "text": "a"}]}, {"c": [{"type": "tool_use", "name": "f"}]},
         [("field added", "/c/0", None, "object"), ("text gone", "/c/0", "object", None)]),
        ({"parts": [{"functionCall": {}}]}, {"parts": [{"text": "a"}, {"functionCall": {}}]},
         [("text added", "/parts/0", None, "object")]),
    ],
    ids=str,
)  # fmt: skip
def test_changes(old: Any, new: Any, found: list[Any]) -> None:
    """Of a part that is new or gone only its top is named."""
    assert changes(old, new) == found


def test_text_beside_other_content_is_benign() -> None:
    """A model may say something before it calls a tool."""
    shapes = [shape_of([("", {"c": c})]) for c in ([{"type": "x"}], [{"type": "text"}, {"type": "x"}])]
    assert [reason.is_benign for reason in shape_changes(known_shape(shapes[:1]), *shapes)] == [True]


def test_several_answers_widen_what_is_known() -> None:
    """A field that some lack may be missing, and each of their types is known."""
    assert changes({"a": 1}, {"b": None}, {"b": 1}, {"b": None}) == []
    assert changes({"a": 1, "b": 1}, {"a": 1}, {"a": 2, "b": 2}) == [("field gone", "/b", "number", None)]


def test_a_hostile_answer_has_a_bounded_shape() -> None:
    """A million different fields are not compared one by one."""
    assert len(shape_of([("", {str(number): number for number in range(50_000)})])) == 20_000


def test_events_are_told_apart_by_kind() -> None:
    """The same member of another event is another place."""
    shapes = [shape_of(events) for events in ([("a", {"x": 1})], [("a", {"x": 1}), ("b", {"x": "t"})])]
    found = list(shape_changes(known_shape(shapes[:1]), *shapes))
    assert [(reason.what, reason.place) for reason in found] == [("unknown stream event", "event b")]
    back = list(shape_changes(known_shape(shapes[1:]), shapes[1], shapes[0]))
    assert [(reason.what, reason.place) for reason in back] == [("stream event gone", "event b")]

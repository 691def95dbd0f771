"""How two saved requests differ, as structures."""

from __future__ import annotations

import json
from typing import Any

import pytest

from addon.diagnosis.differences import MOST, differences, parse_saved, shared_messages
from addon.diagnosis.kinds import Kind
from addon.redaction.redact import IGNORED


def saved(value: Any, **more: Any) -> dict[str, Any]:
    """A saved request with a JSON body."""
    head = {"method": "POST", "scheme": "https", "host": "h", "port": 443, "path": "/", "query": [], "headers": [],
            "credential": True}  # fmt: skip
    text = json.dumps(head | more | {"body": {"kind": "json", "value": value}})
    found = parse_saved(text.encode())
    assert found is not None
    return found


def places(old: Any, new: Any) -> list[str]:
    """The places where two bodies differ."""
    return [found.place for found in differences(saved(old), saved(new))]


def test_equal_requests_do_not_differ() -> None:
    """Nothing is made up."""
    value = {"a": [1, {"b": None}], "messages": [{"c": True}]}
    assert differences(saved(value), saved(value)) == []


def test_kinds_of_values_count() -> None:
    """1, true, "1" and 1.0 are four things: they are four keys."""
    values = [1, True, "1", 1.0]
    for one in values:
        for other in values:
            assert (places({"a": one}, {"a": other}) == []) == (one is other)


def test_the_conversation_comes_first() -> None:
    """Then the rest of the body, then the head."""
    old = saved({"model": "a", "messages": [{"content": "x"}]}, query=[["k", "1"]])
    new = saved({"model": "b", "messages": [{"content": "y"}]}, query=[["k", "2"]])
    assert [d.place for d in differences(old, new)] == ["/messages/0/content", "/model", "query k"]


def test_an_item_in_the_middle() -> None:
    """One that was put in between is one difference, not one for each behind it."""
    items = [{"n": n} for n in range(9)]
    assert places({"items": items}, {"items": [*items[:4], {"n": "new"}, *items[4:]]}) == ["/items/4"]
    assert places({"items": items}, {"items": [*items[:4], *items[5:]]}) == ["/items/4"]


def test_tools_are_known_by_name() -> None:
    """A tool that was added and one that changed are told apart, whatever the order."""

    def tool(name: str, text: str = "") -> dict[str, Any]:
        return {"type": "function", "function": {"name": name, "description": text}}

    found = differences(
        saved({"tools": [tool("a"), tool("b", "old"), tool("c")]}),
        saved({"tools": [tool("x"), tool("b", "new"), tool("d")]}),
    )
    assert [(d.place, d.kind) for d in found] == [
        ("/tools/0", Kind.TOOL_ADDED),
        ("/tools/1/function/description", Kind.CHANGED),
        ("/tools/2", Kind.TOOL_ADDED),
        ("/tools/0", Kind.TOOL_REMOVED),
        ("/tools/2", Kind.TOOL_REMOVED),
    ]


def test_the_order_of_a_schemas_properties_counts() -> None:
    """It shapes structured output, so it is in the key."""
    old, new = ({"schema": {"properties": dict.fromkeys(names, 1)}} for names in ("ab", "ba"))
    assert places(old, new) == ["/schema/properties"]


def test_shared_messages_are_counted() -> None:
    """From the start, up to the first that differs."""
    talk = [{"content": str(n)} for n in range(5)]
    other = [*talk[:3], {"content": "x"}, talk[4]]
    assert shared_messages(saved({"messages": talk}), saved({"messages": other})) == 3


def test_large_requests_take_a_moment() -> None:
    """Of a hundred thousand differing members only the first are compared; a deep one does not break it."""
    old, new = ({f"k{n}": f"{side}{n}" for n in range(100_000)} for side in "ab")
    assert len(places(old, new)) == MOST
    deep_old: Any = 1
    deep_new: Any = 2
    for _ in range(120):
        deep_old, deep_new = [deep_old], [deep_new]
    (place,) = places(deep_old, deep_new)
    assert len(place) <= 200


def test_what_is_no_saved_request() -> None:
    """None, and no exception."""
    for data in (b"", b"[]", b"{}", b"\xff", b"[" * 100_000, b"x" * (2**22 + 1)):
        assert parse_saved(data) is None


@pytest.mark.parametrize(
    ("old", "new", "kind"),
    [
        ("/v1/models/a:generateContent", "/v1beta/models/a:generateContent", Kind.API_VERSION),
        ("/v1beta/models/a:generateContent", "/v1beta/models/b:generateContent", Kind.MODEL),
        ("/v1beta/models/a:generateContent", "/v1beta/models/a:streamGenerateContent", Kind.CHANGED),
        ("/model/a/invoke", "/model/b/invoke", Kind.MODEL),
        ("/model/a/invoke", "/model/a/converse", Kind.CHANGED),
        ("/openai/deployments/a/chat", "/openai/deployments/b/chat", Kind.MODEL),
        ("/v1/files/a", "/v1/files/b", Kind.CHANGED),
        ("/v1/models", "/v1/models/a", Kind.CHANGED),
    ],
)
def test_kind_of_a_path(old: str, new: str, kind: Kind) -> None:
    """A version, a model name and anything else in a path are told apart."""
    (found,) = differences({"path": old}, {"path": new})
    assert found.kind is kind


def test_a_header_that_names_a_version() -> None:
    """A version or a beta that looks like a date is an API version."""
    old, new = (
        {"path": "/", "headers": [["anthropic-version", value]]} for value in ("2023-06-01", "2026-10-21")
    )
    (found,) = differences(old, new)
    assert found.kind is Kind.API_VERSION


def test_an_ignored_value_is_not_shown() -> None:
    """A value that a rule leaves out of one of the two requests has a kind of its own."""
    old, new = ({"path": "/", "body": {"kind": "json", "value": {"a": text}}} for text in ("x", IGNORED))
    (found,) = differences(old, new)
    assert (found.kind, found.place, found.old, found.new) == (Kind.IGNORED, "/a", None, IGNORED)

"""Taking `cache_control` markers from where the API has them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from addon.identity.cache_markers import merged_markers, take_markers

M: dict[str, Any] = {"type": "ephemeral"}
LONG = {"type": "ephemeral", "ttl": "1h"}


@pytest.mark.parametrize(
    "body",
    [
        {"cache_control": M},
        {"system": [{"type": "text", "text": "s", "cache_control": M}]},
        {"tools": [{"name": "t", "cache_control": M}]},
        {"messages": [{"role": "user", "cache_control": M}]},
        {"messages": [{"content": [{"type": "text", "text": "t", "cache_control": M}]}]},
        {
            "messages": [
                {"content": [{"type": "tool_result", "content": [{"type": "text", "cache_control": M}]}]}
            ]
        },
        {"messages": [{"content": [{"type": "document", "source": {"content": [{"cache_control": M}]}}]}]},
        {"requests": [{"custom_id": "1", "params": {"system": [{"cache_control": M}]}}]},
    ],
    ids=json.dumps,
)
def test_places(body: dict[str, Any]) -> None:
    """A marker in each place of the Messages API is taken, and nothing else is."""
    expected = json.loads(json.dumps(body).replace(f', "cache_control": {json.dumps(M)}', "").replace(
        f'"cache_control": {json.dumps(M)}', ""))  # fmt: skip
    assert take_markers(body) == [M]
    assert body == expected


@pytest.mark.parametrize(
    "body",
    [
        {"tools": [{"input_schema": {"properties": {"cache_control": M}}}]},
        {"tools": [{"input_schema": {"cache_control": M}}]},
        {"messages": [{"content": [{"type": "tool_use", "input": {"cache_control": M}}]}]},
        {"metadata": {"cache_control": M}},
        {"cache_control": "ephemeral"}, {"cache_control": None}, {"cache_control": {}}, {"cache_control": {"ttl": "1h"}},
        {"cache_control": {"type": 1}}, {"cache_control": {"type": "x", "more": {}}}, {"system": "text"}, {"messages": {"content": 1}},
        [M], "cache_control", None, {"requests": [{"params": 1}, 2]},
    ],
    ids=json.dumps,
)  # fmt: skip
def test_data_is_left_alone(body: Any) -> None:
    """A marker in any other place, or of any other shape, is data."""
    before = json.dumps(body)
    assert take_markers(body) == []
    assert json.dumps(body) == before


def test_distinct_and_sorted() -> None:
    """Each distinct marker is returned once, sorted, whatever the order of its members."""
    body = {
        "system": [
            {"cache_control": LONG},
            {"cache_control": M},
            {"cache_control": dict(reversed(LONG.items()))},
        ]
    }
    assert take_markers(body) == [LONG, M]
    assert merged_markers([M], [M, LONG]) == merged_markers([LONG, M], []) == [LONG, M]

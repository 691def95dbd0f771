"""Headers that a client seems to make anew for every request."""

from __future__ import annotations

from typing import Any

import pytest

from addon.diagnosis.per_request import per_request_headers


def saved(*pairs: Any, path: str = "/v1/x") -> dict[str, Any]:
    """A parsed saved request with these headers."""
    return {"host": "h", "path": path, "headers": [list(pair) for pair in pairs]}


@pytest.mark.parametrize(
    ("new", "recorded", "found"),
    [
        (saved(("a", "1")), [saved(("a", "2")), saved(("a", "3"))], {"a"}),
        (saved(("a", "1")), [saved(("a", "2")), saved(("a", "2"))], set()),
        (saved(("a", "1")), [saved(("a", "2")), saved()], set()),
        (saved(("a", "1")), [saved(("a", "2"))], set()),
        (saved(("a", "1")), [saved(("a", "2")), saved(("a", "3"), path="/v2")], set()),
        (saved(("a", "1")), [saved(("a", "two words")), saved(("a", "3"))], set()),
        (saved(("a", "1"), ("a", "4")), [saved(("a", "2")), saved(("a", "3"))], set()),
        (saved(("a", "x" * 300)), [saved(("a", "2")), saved(("a", "3"))], set()),
        (saved(("a", 7), "ab"), [saved(("a", "2")), {"host": "h", "path": "/v1/x", "headers": 3}], set()),
    ],
)
def test_only_single_words_that_never_repeat(
    new: dict[str, Any], recorded: list[dict[str, Any]], found: set[str]
) -> None:
    """Of at least three requests of one endpoint. A saved request may be anything."""
    assert per_request_headers(new, recorded) == found

"""What the page shows of a miss."""

from __future__ import annotations

import json
from typing import Any

import pytest

from addon.page.miss_view import commands_in, miss_view, span_of


def _saved(text: str) -> bytes:
    return json.dumps(
        {"path": "/", "body": {"kind": "json", "value": {"messages": [{"role": "user", "content": text}]}}}
    ).encode()


MISS: dict[str, Any] = {
    "key": "pp2-new", "place": "POST h/v1", "question": "q", "nearest": "pp2-old", "recorded_at": 1.0, "shared_messages": 0,
    "differences": [{"place": "/messages/0/content", "kind": "text", "old": "…9…", "new": "…10…", "same": 400}],
    "more": False, "note": "", "remedy": "set PROVIDER_PROXY_VOLATILE=uuid and run `provider-proxy rekey`", "line": "l", "times": 1, "follows": 0,
}  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("a b c", "a x c", ("a ", "b", "x", " c")),
        ("aa", "aaa", ("", "aa", "aaa", "")),
        ("on Monday?", "on Tuesday?", ("on ", "Monday", "Tuesday", "?")),
        ("", "x", ("", "", "x", "")),
        ("same", "same", ("same", "", "", "")),
        (
            "x " * 300 + "1" + " y" * 300,
            "x " * 300 + "2" + " y" * 300,
            ("…" + "x " * 120, "1", "2", " y" * 120 + "…"),
        ),
    ],
)
def test_the_part_that_differs(old: str, new: str, expected: tuple[str, ...]) -> None:
    """Between what both texts begin and end with."""
    assert span_of(old, new) == expected


def test_a_long_part_is_cut() -> None:
    """And says so."""
    assert span_of("", "x" * 5000)[2].endswith("… (1,000 more characters)")


def test_both_requests_are_shown() -> None:
    """With more of the text than the diagnosis has, and what helps ready to copy."""
    start = "long " * 80
    view = miss_view(MISS, _saved(f"{start}10 apples"), _saved(f"{start}9 apples"), ["test_a"])
    (difference,) = view["differences"]
    assert (difference["old"], difference["new"], difference["after"]) == ("9", "10", " apples")
    assert difference["before"].startswith("…")
    assert view["commands"] == [
        "PROVIDER_PROXY_VOLATILE=uuid", "provider-proxy rekey", "provider-proxy explain pp2-new", "provider-proxy show pp2-old",
    ]  # fmt: skip
    assert view["now"][0]["parts"][0]["text"].endswith("10 apples")


def test_without_the_requests_the_diagnosis_is_shown() -> None:
    """As where one of them holds a credential."""
    view = miss_view(MISS)
    assert view["differences"] == [
        {
            "place": "/messages/0/content",
            "kind": "text",
            "before": "",
            "after": "",
            "old": "…9…",
            "new": "…10…",
        }
    ]
    assert (view["now"], view["recorded"]) == ([], [])


@pytest.mark.parametrize(
    "place", ["header x", "/messages/7/content", "/messages/x", "/a~1b", "", "/messages/99999999999999999999"]
)
def test_a_place_that_is_not_in_the_requests(place: str) -> None:
    """Keeps the diagnosis's own texts."""
    miss = MISS | {"differences": [MISS["differences"][0] | {"place": place}]}
    assert miss_view(miss, _saved("a"), _saved("b"))["differences"][0]["old"] == "…9…"


def test_advice_is_taken_apart() -> None:
    """Settings, rules and commands, each once, in order."""
    rule = 'volatile = [{name = "x", anchor = "it is ⟦…⟧"}]'
    advice = f"or set {rule} in provider-proxy.toml: run again with PROVIDER_PROXY_CACHE_MODE=read-old-write-new. `a b`, `a b`"
    assert commands_in(advice) == [rule, "PROVIDER_PROXY_CACHE_MODE=read-old-write-new", "a b"]

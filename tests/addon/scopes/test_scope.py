"""What a client may say about its test."""

from __future__ import annotations

import json
from typing import Any

import pytest

from addon.scopes.scope import LONGEST_TEST, Scope, Wish
from addon.settings.modes import Mode
from cache_store.errors import UsageError

TEST = "tests/test_a.py::test_b"


def _wish(mode: Mode = Mode.READ_WRITE, **given: Any) -> Wish:
    return Wish.parse(json.dumps({"test": TEST} | given).encode(), mode)


def test_a_test_alone_keeps_the_runs_rules() -> None:
    """Null and an empty list of faults are as good as absent."""
    assert _wish(repeat=None, faults=[]) == Wish(TEST)


def test_all_that_may_be_said() -> None:
    """Members of a newer client are ignored."""
    said = {
        "repeat": "Per-Test",
        "attempt": 2,
        "switch": True,
        "coarse": True,
        "file": "tests/test_a.py",
        "line": 7,
        "faults": [{"kind": "reset"}],
    }
    body = json.dumps({"test": TEST, "mode": "read_only", "plugin": 99} | said).encode()
    assert Wish.parse(body, Mode.READ_WRITE) == Wish(
        TEST,
        "read_only",
        "per-test",
        2,
        switch=True,
        coarse=True,
        file="tests/test_a.py",
        line=7,
        faults='[{"kind": "reset"}]',
    )


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"test": ""}, "`test` is missing"),
        ({"test": 5}, "`test` is not a text"),
        ({"test": "x" * (LONGEST_TEST + 1)}, "at most 16384"),
        ({"mode": "sometimes"}, "not a cache mode"),
        (
            {"mode": "read-write"},
            "`mode`: read-write would do more than this run's read-only allows; use one of: off, ",
        ),
        ({"repeat": "twice"}, "use single or sequence or per-test"),
        ({"attempt": -1}, "`attempt` is not a number"),
        ({"attempt": True}, "`attempt` is not a number"),
        ({"line": "7"}, "`line` is not a number"),
        (
            {"faults": [{"kind": "overload"}]},
            "fault rule 1: kind 'overload' is not known; did you mean overloaded?",
        ),
        ({"faults": "reset"}, "fault rules are a list of tables"),
    ],
)
def test_nonsense_is_refused_in_one_line(given: dict[str, Any], words: str) -> None:
    """A mode may narrow, never widen."""
    with pytest.raises(UsageError, match=words) as caught:
        Wish.parse(json.dumps({"test": TEST} | given).encode(), Mode.READ_ONLY)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'"x"', b"\xff", b"[" * 100_000, b"{}"])
def test_no_object_is_refused(body: bytes) -> None:
    """Whatever the bytes are."""
    with pytest.raises(UsageError):
        Wish.parse(body, Mode.READ_WRITE)


def test_long_and_odd_names_are_taken() -> None:
    """10 KB, control characters and markup; a lone surrogate, which no file can hold, is replaced."""
    for test in ("x" * 10_000, "a\x1b[31m<b>\n::error::", "Ünï"):
        assert _wish(test=test).test == test
    assert Wish.parse(b'{"test": "a\\ud800"}', Mode.OFF).test == "a?"


def test_a_scope_goes_over_the_line() -> None:
    """As JSON and back; its counter tells attempts and clients apart."""
    scope = Scope("gw0", TEST, 2, "off", "single", coarse=True, file="a.py", line=3)
    assert Scope(**json.loads(json.dumps(scope.as_dict()))) == scope
    assert len({scope.counter, Scope("gw1", TEST, 2).counter, Scope("gw0", TEST, 1).counter}) == 3

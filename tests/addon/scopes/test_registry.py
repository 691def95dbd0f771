"""The open tests of a run's clients."""

from __future__ import annotations

import pytest

from addon.scopes.registry import Registry
from addon.scopes.scope import Scope, Wish
from cache_store.errors import UsageError


def test_the_last_test_is_the_current_one() -> None:
    """Clients do not disturb each other."""
    tests = Registry()
    tests.begin("gw0", Wish("a"))
    tests.begin("gw1", Wish("b", mode="off", repeat="single", file="f", line=3))
    assert dict(tests.clients()) == {
        "gw0": [Scope("gw0", "a")],
        "gw1": [Scope("gw1", "b", 1, "off", "single", file="f", line=3)],
    }
    assert tests.end("gw0") == Scope("gw0", "a")
    assert tests.end("gw0") is None
    assert tests.of("gw0") == []
    assert tests.of("gw1") != []


def test_an_ended_test_that_begins_again_is_a_new_attempt() -> None:
    """One that did not end goes on; of another client it is a first one; a client may count itself."""
    tests = Registry()
    assert tests.begin("gw0", Wish("a"))[-1].attempt == 1
    assert tests.begin("gw0", Wish("a"))[-1].attempt == 1
    tests.end("gw0")
    assert tests.begin("gw0", Wish("a"))[-1].attempt == 2
    assert tests.begin("gw1", Wish("a"))[-1].attempt == 1
    assert tests.begin("gw2", Wish("a", attempt=5))[-1].attempt == 5


def test_tests_side_by_side_are_coarse() -> None:
    """All of them, until they end; those that a client switches between are not."""
    tests = Registry()
    tests.begin("w", Wish("a"))
    assert [scope.coarse for scope in tests.begin("w", Wish("b"))] == [True, True]
    assert tests.end("w", "a") == Scope("w", "a", coarse=True)
    assert tests.of("w") == [Scope("w", "b", coarse=True)]
    tests.begin("gw0", Wish("a"))
    tests.begin("gw0", Wish("<session>", switch=True))
    assert tests.begin("gw0", Wish("a", switch=True)) == [Scope("gw0", "<session>"), Scope("gw0", "a")]
    assert tests.begin("x", Wish("a", coarse=True))[-1].coarse


def test_end_names_one_of_them() -> None:
    """Without a name it is the latest."""
    tests = Registry()
    for name in "abc":
        tests.begin("w", Wish(name, switch=True))
    assert (ended := tests.end("w", "a")) is not None
    assert ended.test == "a"
    assert tests.end("w", "a") is None
    assert (ended := tests.end("w")) is not None
    assert ended.test == "c"


def test_open_tests_are_bounded() -> None:
    """Of one client, and clients."""
    tests = Registry()
    for number in range(100):
        tests.begin("0", Wish(str(number), switch=True))
    with pytest.raises(UsageError, match="too many"):
        tests.begin("0", Wish("one more", switch=True))
    for number in range(10_000):
        tests.begin(str(number), Wish("0", switch=True))
    with pytest.raises(UsageError, match="too many"):
        tests.begin("one-more", Wish("a"))

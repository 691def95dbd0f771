"""Which test a request belongs to."""

from __future__ import annotations

from addon.scopes.open_tests import OpenTests
from addon.scopes.scope import LONGEST_TEST, Scope


def test_a_request_belongs_to_its_clients_current_test() -> None:
    """A client without one, and an unknown one, belong to the run."""
    tests = OpenTests()
    tests.set("gw0", [Scope("gw0", "a"), Scope("gw0", "b")])
    assert tests.of("gw0") == Scope("gw0", "b")
    assert tests.of("gw1") is None
    assert tests.of("") is None
    assert tests.all() == [Scope("gw0", "a"), Scope("gw0", "b")]
    tests.set("gw0", [])
    assert tests.of("gw0") is None


def test_a_request_that_names_its_test() -> None:
    """An open one of its client is meant, and for sure; any other is counted under its name, cut to a bound."""
    tests = OpenTests()
    tests.set("w", [Scope("w", "a", 2, coarse=True), Scope("w", "b", coarse=True)])
    assert tests.of("w", "a") == Scope("w", "a", 2)
    assert tests.of("w", "c") == Scope("", "c")
    assert tests.of("", "a") == Scope("", "a")
    assert (found := tests.of("", "x" * 100_000)) is not None
    assert len(found.test) == LONGEST_TEST


def test_a_test_to_be_refreshed_is_written_only() -> None:
    """Unless it has a mode of its own."""
    tests = OpenTests()
    tests.refresh = ("*::test_a*",)
    tests.set("w", [Scope("w", "m::test_a[1]"), Scope("w", "m::test_b")])
    assert [scope.mode for scope in tests.all()] == ["write-only", ""]
    tests.set("w", [Scope("w", "m::test_a", mode="off")])
    assert [scope.mode for scope in tests.all()] == ["off"]
    assert (found := tests.of("", "m::test_a")) is not None
    assert found.mode == "write-only"

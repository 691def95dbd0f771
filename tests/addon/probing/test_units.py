"""Which tests see what another one, or a shared scope, was answered."""

from __future__ import annotations

import pytest

from addon.probing.units import RUN, is_within, watchers

TESTS = ("tests/a.py::test_1", "tests/a.py::TestB::test_2", "tests/b/c.py::test_3", "test_d.py::test_4")


@pytest.mark.parametrize(
    ("name", "seen"),
    [
        ("tests/a.py::test_1", [0]),
        ("tests/a.py::<module>", [0, 1]),
        ("tests/a.py::TestB::<class>", [1]),
        ("tests/b::<package>", [2]),
        ("tests/b/__init__.py::<package>", [2]),
        ("<session>", [0, 1, 2, 3]),
        ("tests/a.py::test_9", [0, 1, 2, 3]),  # nobody tells what becomes of it
    ],
)
def test_who_watches(name: str, seen: list[int]) -> None:
    """A test its own answers; the tests below a shared scope the scope's; everybody the others."""
    assert watchers(name, {*TESTS, RUN}) - {RUN} == {TESTS[at] for at in seen}


def test_the_exit_status_tells_where_no_test_does() -> None:
    """For requests of no test, and tests of a runner that tells no outcomes."""
    assert RUN in watchers(RUN, {*TESTS, RUN})
    assert watchers("a.test.ts > asks", {RUN}) == {RUN}
    assert RUN not in watchers("tests/a.py::<module>", {*TESTS, RUN})


def test_a_name_that_begins_like_another_is_not_below_it() -> None:
    """By whole parts of the path."""
    assert not is_within("tests/a.pyx::test_1", "tests/a.py::<module>")
    assert not is_within("tests/a.py::test_11", "tests/a.py::test_1")
    assert is_within("anything", RUN)

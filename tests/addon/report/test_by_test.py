"""The rows of the table by test."""

from __future__ import annotations

from addon.report.by_test import (
    FIGURES,
    asked_by,
    cells_of,
    misses_of,
    name_of,
    of_tests,
    rows_to_show,
    unshown_line,
)
from tests.addon.report.verdicts import MARKUP, report_with_tests


def test_the_tests_to_look_at_come_first() -> None:
    """Those that missed, then those that went live; what the cache answered alone is counted in a line."""
    run = report_with_tests()
    rows = rows_to_show(run, 10)
    assert [name_of(row) for row in rows] == [
        "tests/test_a.py::test_missed",
        MARKUP,
        "tests/test_a.py::test_live (attempt 2, coarse)",
    ]
    assert unshown_line(run, 3) == "1 test answered from the cache alone"
    assert unshown_line(run, 1) == "2 more tests, 1 test answered from the cache alone"
    assert len(rows_to_show(run, 10, quiet=True)) == 4
    assert (unshown_line(run, 4, quiet=True), unshown_line(run, 3, quiet=True)) == ("", "1 more test")


def test_the_figures_of_a_test() -> None:
    """As their titles say; money that is not known is not free."""
    missed, live, quiet, _ = report_with_tests()["tests"]
    assert dict(zip(FIGURES, cells_of(missed), strict=True)) == {
        "hits": "0", "misses": "2", "folded": "1", "stored": "0", "live": "0.0 s", "cost": "$0",
    }  # fmt: skip
    assert cells_of(live | {"usd": None})[-1] == "unknown"
    assert cells_of(live | {"usd": 0.5, "unpriced": 2})[-2:] == ["2.0 s", "$0.5000 and 2 unknown"]
    assert cells_of(quiet)[0] == "4"
    assert misses_of(missed | {"more_misses": 3}) == 5


def test_a_long_name_keeps_its_ends() -> None:
    """A parametrised test may have a whole prompt in its id."""
    row = report_with_tests()["tests"][0] | {"test": "tests/test_a.py::test_x[" + "y" * 10_000 + "-last]"}
    assert len(name_of(row)) < 130
    assert name_of(row).startswith("tests/test_a.py::test_x[yyy")
    assert name_of(row).endswith("y-last]")


def test_the_report_of_some_tests() -> None:
    """It has their rows, and the misses that they had."""
    run = report_with_tests()
    some = of_tests(run, run["tests"][:1])
    assert [row["test"] for row in some["tests"]] == ["tests/test_a.py::test_missed"]
    assert [miss["key"] for miss in some["missed"]] == ["k1"]
    assert some["total"] == run["total"]
    assert asked_by(run)["k1"] == ["tests/test_a.py::test_missed", MARKUP]
    again = run | {"tests": [*run["tests"], run["tests"][0] | {"attempt": 2}]}
    assert asked_by(again) == asked_by(run)

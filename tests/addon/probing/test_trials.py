"""Plans and judgements of alterations."""

from __future__ import annotations

import pytest

from addon.probing.edits import Change, Kind
from addon.probing.trials import Finding, Observed, Trial, chosen, found, in_order, left_out, noticed
from addon.probing.units import RUN

TEXT, USAGE = Change(Kind.TEXT, "/content"), Change(Kind.USAGE, "/usage")
PASSED = {RUN: "0", "a.py::x": "passed", "a.py::y": "passed", "b.py::z": "skipped"}


def test_who_is_left_out() -> None:
    """What two untouched runs show."""
    outcomes = {
        RUN: "1",
        "fine": "passed",
        "red": "failed",
        "shaky": "passed",
        "other": "passed",
        "late": "passed",
    }
    used = {name: frozenset({"k"}) for name in (*outcomes, "mixed", "missed")}
    first = Observed(outcomes, used, frozenset({"missed"}))
    second = Observed(
        outcomes | {"shaky": "failed"}, used | {"other": frozenset({"l"})}, coarse=frozenset({"mixed"})
    )
    assert left_out(first, second) == {
        RUN: "fails untouched",
        "red": "fails untouched",
        "shaky": "unstable",
        "other": "unstable",
        "mixed": "overlaps with other tests in its process",
        "missed": "misses untouched",
    }


def test_the_order_is_the_seeds() -> None:
    """The telling kinds first, whatever the seed; within them another order."""
    trials = [Trial(f"t{n}", "k", change) for change in (USAGE, TEXT) for n in range(9)]
    one, same, other = in_order(trials, 1), in_order(reversed(trials), 1), in_order(trials, 2)
    assert one == same
    assert one != other
    assert {trial.change for trial in one[:9]} == {trial.change for trial in other[:9]} == {TEXT}


def test_one_run_takes_all_whose_tests_are_disjoint() -> None:
    """One alteration for each test, and none beside one of a scope that the test uses."""
    trials = [
        Trial("a.py::x", "k", TEXT),
        Trial("a.py::x", "l", TEXT),
        Trial("a.py::<module>", "m", TEXT),
        Trial("b.py::z", "k", TEXT),
        Trial(RUN, "n", TEXT),
    ]
    assert chosen(trials, PASSED.keys()) == [trials[0], trials[3]]
    assert chosen([trials[3], trials[2], *trials[:2]], PASSED.keys()) == [trials[0], trials[3]]
    assert chosen(trials[1:], PASSED.keys()) == [trials[1], trials[3]]
    assert chosen(trials[2:], PASSED.keys()) == [trials[2], trials[3]]
    assert chosen(trials[4:], PASSED.keys()) == [trials[4]]
    assert chosen([Trial("js > a", "k", TEXT), Trial("js > b", "k", TEXT)], {RUN}) == [
        Trial("js > a", "k", TEXT)
    ]


@pytest.mark.parametrize(
    ("test", "outcomes", "missed", "served", "finding"),
    [
        ("a.py::x", {}, (), True, Finding.BLIND),
        ("a.py::x", {"a.py::x": "failed"}, (), True, Finding.DEPENDS),
        ("a.py::x", {"a.py::y": "failed", RUN: "1"}, (), True, Finding.BLIND),
        ("a.py::x", {"a.py::x": "failed"}, ("a.py::x",), True, Finding.FORWARDED),
        ("a.py::x", {}, ("a.py::x",), True, Finding.FORWARDED),
        ("a.py::x", {"a.py::x": "failed"}, ("a.py::y",), True, Finding.DEPENDS),
        ("a.py::x", {"a.py::x": "failed"}, (), False, Finding.UNCLEAR),
        ("a.py::<module>", {"a.py::y": "failed"}, (), True, Finding.DEPENDS),
        ("a.py::<module>", {"a.py::y": "failed"}, ("a.py::<module>",), True, Finding.FORWARDED),
        ("b.py::z", {"b.py::z": "passed"}, (), True, Finding.DEPENDS),
        (RUN, {RUN: "2"}, (), True, Finding.DEPENDS),
    ],
)
def test_what_became_of_a_trial(
    test: str, outcomes: dict[str, str], missed: tuple[str, ...], *, served: bool, finding: Finding
) -> None:
    """Another outcome is a dependence, unless the test missed."""
    observed = Observed(PASSED | outcomes, missed=frozenset(missed))
    answered = {(test, "k")} if served else set()
    assert found(Trial(test, "k", TEXT), PASSED, observed, answered) is finding


def test_a_test_that_never_ended_noticed_it() -> None:
    """It waits for what does not come, or ended its process."""
    observed = Observed({"a.py::y": "passed"})
    assert found(Trial("a.py::x", "k", TEXT), PASSED, observed, {("a.py::x", "k")}) is Finding.DEPENDS
    assert noticed(PASSED, observed) == ["a.py::x", "b.py::z"]
    assert noticed({RUN: "0"}, Observed({RUN: "1"})) == [RUN]

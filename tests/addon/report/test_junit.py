"""The report as JUnit XML."""

from __future__ import annotations

from xml.etree import ElementTree

from addon.report.junit import render_junit
from tests.addon.report.verdicts import report_with_tests


def test_a_case_for_each_test() -> None:
    """With its place and its misses; in a run that sends nothing a test that missed has failed."""
    suite = ElementTree.fromstring(render_junit(report_with_tests()))[0]
    assert dict(suite.attrib) == {
        "name": "provider-proxy", "tests": "4", "failures": "2", "errors": "0", "skipped": "0", "time": "2.000",
    }  # fmt: skip
    first, second = suite[0], suite[1]
    assert dict(first.attrib) == {
        "classname": "tests/test_a.py", "name": "test_missed", "file": "tests/test_a.py", "line": "12",
        "time": "0.000",
    }  # fmt: skip
    failure = first[0]
    assert failure.attrib == {"type": "miss", "message": "missed at /messages/0"}
    assert (failure.text or "").splitlines()[1:] == [
        "k1 /messages/0: nearest recorded: pp2-1… differs at /messages/0",
        "k2 /messages/1: like the one before",
    ]
    assert (second.get("name"), second[0].tag) == ("test_live (attempt 2)", "system-out")


def test_other_modes_and_coarse_tests_fail_nothing() -> None:
    """There a miss is recorded, or may be another test's."""
    assert "<failure" not in render_junit(report_with_tests("read-write"))
    run = report_with_tests()
    for row in run["tests"]:
        row["coarse"] = True
    assert "<failure" not in render_junit(run)


def test_a_name_cannot_leave_its_place() -> None:
    """Markup, control characters and lone surrogates become text that XML can hold."""
    run = report_with_tests()
    run["tests"][0]["test"] = 'a"<b>&\x00\x1b\ud800]]>\n::x'
    case = ElementTree.fromstring(render_junit(run).encode())[0][0]
    assert case.get("classname") == 'a"<b>&\\x00\\x1b\\ud800]]>\\n'
    assert case.get("name") == "x"

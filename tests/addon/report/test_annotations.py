"""Where GitHub shows misses."""

from __future__ import annotations

from addon.report.annotations import Annotation, miss_annotations
from tests.addon.report.verdicts import report_with_tests


def test_a_miss_is_shown_at_its_test() -> None:
    """The client has said where that is; otherwise the id names a file."""
    first, second = miss_annotations(report_with_tests())
    assert first == Annotation(
        "tests/test_a.py",
        12,
        "tests/test_a.py::test_missed missed (and 1 more miss): nearest recorded: pp2-1… differs at /messages/0",
    )
    assert (second.file, second.line) == ("tests/<b>.py", 0)


def test_where_misses_are_recorded_nothing_is_shown() -> None:
    """There a miss is what the run is for."""
    assert miss_annotations(report_with_tests("read-write")) == []


def test_github_shows_ten() -> None:
    """The last one says how many are left; a test that is no path has no file."""
    run = report_with_tests()
    run["tests"] = [run["tests"][0] | {"test": f"t{n}", "file": "", "line": 0} for n in range(30)]
    shown = miss_annotations(run)
    assert len(shown) == 10
    assert shown[0].file == ""
    assert shown[-1] == Annotation("", 0, "21 more tests missed; see the job summary")

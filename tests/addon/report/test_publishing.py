"""The report as a file, on the screen and in GitHub's summary."""

from __future__ import annotations

import json
import logging
import stat
from pathlib import Path

import pytest

from addon.accounting.counts import RunCounts
from addon.report.publishing import conformed, publish, read_last_run, to_github, write_last_run
from cache_store.errors import UsageError
from tests.addon.report.verdicts import report_with_tests


def test_a_file_a_summary_and_a_table(tmp_path: Path) -> None:
    """All three report the same run."""
    summary = tmp_path / "summary.md"
    table = publish(tmp_path / "state", RunCounts("r", "read-write"), {"GITHUB_STEP_SUMMARY": str(summary)})
    assert table == "provider-proxy, mode read-write, 0 requests\n"
    assert json.loads((tmp_path / "state" / "last-run.json").read_text())["run"] == "r"
    assert summary.read_text().startswith("## provider-proxy")


def test_outside_of_github_nothing_else_is_written(tmp_path: Path) -> None:
    """Without the variable there is no summary."""
    to_github(RunCounts("r", "read-write").as_dict(), {})
    publish(tmp_path, RunCounts("r", "read-write"), {})
    assert [path.name for path in tmp_path.iterdir()] == ["last-run.json"]


def test_an_unwritable_report_raises_nothing(tmp_path: Path) -> None:
    """Neither a folder in the place of the report nor one in the place of the summary raises."""
    (tmp_path / "last-run.json").mkdir()
    assert publish(tmp_path, RunCounts("r", "off"), {"GITHUB_STEP_SUMMARY": str(tmp_path)})


def test_a_written_report_is_read_back(tmp_path: Path) -> None:
    """Writing makes the folder and replaces the previous report."""
    folder = tmp_path / "deep" / "state"
    write_last_run(folder, RunCounts(run="first", mode="off"))
    counts = RunCounts(run="second", mode="read-only", started_at=1.0)
    counts.host("a.example").hits += 1
    write_last_run(folder, counts)
    assert read_last_run(folder) == json.loads(json.dumps(counts.as_dict()))
    assert sorted(path.name for path in folder.iterdir()) == [".gitignore", "last-run.json"]
    assert [stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()] == [0o600, 0o600]


def test_an_unwritable_report_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A report that cannot be written does not fail the run."""
    (tmp_path / "file").touch()
    with caplog.at_level(logging.WARNING):
        write_last_run(tmp_path / "file", RunCounts(run="r", mode="off"))
    assert len(caplog.records) == 1
    assert "cannot be written" in caplog.text


@pytest.mark.parametrize("content", [None, b"", b"{", b"[]", b"7", b"\xff"])
def test_a_damaged_report_is_a_usage_error(tmp_path: Path, content: bytes | None) -> None:
    """A missing or damaged file raises UsageError."""
    if content is not None:
        (tmp_path / "last-run.json").write_bytes(content)
    with pytest.raises(UsageError, match="no report of a last run"):
        read_last_run(tmp_path)


def test_tests_are_read_back(tmp_path: Path) -> None:
    """As they were written, in version 2; what another version lacks has a default, and a wrong type is refused."""
    report = report_with_tests()
    assert conformed(report) == report
    assert report["version"] == 2
    old = {name: value for name, value in report.items() if name not in ("version", "tests")}
    assert conformed(old)["tests"] == []
    assert conformed(report | {"tests": [{"test": "a"}]})["tests"][0]["hits"] == 0
    for wrong in ({"usd": "free"}, {"misses": [7]}, {"entries": {"k": "x"}}, {"coarse": 1}, {"test": 5}):
        with pytest.raises(TypeError):
            conformed(report | {"tests": [report["tests"][0] | wrong]})

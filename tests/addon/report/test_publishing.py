"""What a run leaves behind at its end."""

from __future__ import annotations

import json
from pathlib import Path

from addon.accounting.counts import RunCounts
from addon.report.publishing import publish, to_github


def test_a_file_a_summary_and_a_table(tmp_path: Path) -> None:
    """All three say the same run."""
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


def test_what_cannot_be_written_is_only_said(tmp_path: Path) -> None:
    """A folder in the summary's place raises nothing."""
    (tmp_path / "last-run.json").mkdir()
    assert publish(tmp_path, RunCounts("r", "off"), {"GITHUB_STEP_SUMMARY": str(tmp_path)})

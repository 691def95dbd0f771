"""The last run's report as a file."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from addon.accounting.counts import RunCounts
from addon.report.last_run import read_last_run, write_last_run
from cache_store.errors import UsageError


def test_what_is_written_is_read(tmp_path: Path) -> None:
    """The report makes its folder, replaces the one before, and comes back whole."""
    folder = tmp_path / "deep" / "state"
    write_last_run(folder, RunCounts(run="first", mode="off"))
    counts = RunCounts(run="second", mode="read-only", started_at=1.0)
    counts.host("a.example").hits += 1
    write_last_run(folder, counts)
    assert read_last_run(folder) == json.loads(json.dumps(counts.as_dict()))
    assert [path.name for path in folder.iterdir()] == ["last-run.json"]


def test_what_cannot_be_written_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A report is never the reason that a run fails."""
    (tmp_path / "file").touch()
    with caplog.at_level(logging.WARNING):
        write_last_run(tmp_path / "file", RunCounts(run="r", mode="off"))
    assert len(caplog.records) == 1
    assert "cannot be written" in caplog.text


@pytest.mark.parametrize("content", [None, b"", b"{", b"[]", b"7", b"\xff"])
def test_what_is_no_report_is_said_in_one_line(tmp_path: Path, content: bytes | None) -> None:
    """A missing or damaged file is UsageError."""
    if content is not None:
        (tmp_path / "last-run.json").write_bytes(content)
    with pytest.raises(UsageError, match="no report of a last run"):
        read_last_run(tmp_path)

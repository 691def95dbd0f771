"""What a run leaves behind at its end: the report as a file, on the screen, and in GitHub's job summary.

None of it changes a command's exit status: what cannot be written is said in one line.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from addon.accounting.counts import RunCounts
from addon.report.last_run import write_last_run
from addon.report.table import render_report

__all__ = ["publish", "to_github"]

logger = logging.getLogger(__name__)


def publish(folder: Path, counts: RunCounts, environ: Mapping[str, str] = os.environ) -> str:
    """Write the last run's report to `folder` and to GitHub's summary; the table for the screen."""
    write_last_run(folder, counts)
    to_github(counts.as_dict(), environ)
    return render_report(counts)


def to_github(report: dict[str, Any], environ: Mapping[str, str] = os.environ) -> None:
    """Append the report as Markdown to the file that GITHUB_STEP_SUMMARY names, where it names one."""
    path = environ.get("GITHUB_STEP_SUMMARY")
    if not path:
        return
    from addon.report.markdown import render_markdown

    try:
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(render_markdown(report))
    except OSError as error:
        logger.warning("the report cannot be written to %s: %s", path, error)

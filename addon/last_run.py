"""The last run's report as a file: `.provider-proxy/last-run.json`."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

from addon.counts import RunCounts
from addon.files import replace_file
from cache_store.errors import UsageError

__all__ = ["read_last_run", "write_last_run"]

_NAME = "last-run.json"

logger = logging.getLogger(__name__)


def write_last_run(folder: Path, counts: RunCounts) -> None:
    """Write the report in one step. What cannot be written is logged, never raised."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        replace_file(folder / _NAME, json.dumps(counts.as_dict(), indent=1).encode())
    except OSError as error:
        logger.warning("the run report cannot be written: %s", error)


def read_last_run(folder: Path) -> dict[str, Any]:
    """The report of the last run. Raises UsageError where there is none that can be read."""
    try:
        report = json.loads((folder / _NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        report = None
    if not isinstance(report, dict):
        raise UsageError(f"there is no report of a last run in {folder}")
    return report

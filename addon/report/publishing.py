"""Publishes a run's report: to `.provider-proxy/last-run.json`, to the screen and to GitHub's job summary.

A report that cannot be written is logged, and never changes a command's exit status.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from addon.accounting.costs import ModelCosts
from addon.accounting.counts import HostCounts, NotKept, RunCounts, counters_of
from addon.accounting.verdicts import Verdict
from addon.report.table import render_report
from addon.settings.state_folder import make_state_folder
from cache_store.atomic_file import replace_file
from cache_store.errors import UsageError
from cache_store.plain_files import read_plain

__all__ = ["conformed", "publish", "read_last_run", "to_github", "write_last_run"]

_NAME = "last-run.json"
_MAX_FILE = 2**28  # bytes

logger = logging.getLogger(__name__)


def publish(
    folder: Path, counts: RunCounts, environ: Mapping[str, str] = os.environ, width: int | None = None
) -> str:
    """Write the report to `folder` and to GitHub's summary; the table for a screen of `width` columns."""
    write_last_run(folder, counts)
    to_github(counts.as_dict(), environ)
    return render_report(counts, width)


def to_github(report: dict[str, Any], environ: Mapping[str, str] = os.environ) -> None:
    """Append the report as Markdown to the file named by GITHUB_STEP_SUMMARY, if it is set."""
    path = environ.get("GITHUB_STEP_SUMMARY")
    if not path:
        return
    from addon.report.markdown import render_markdown

    try:
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(render_markdown(report))
    except OSError as error:
        logger.warning("the report cannot be written to %s: %s", path, error)


def write_last_run(folder: Path, counts: RunCounts) -> None:
    """Write the report to `folder` in one step; only its owner can read it."""
    try:
        make_state_folder(folder)
        replace_file(folder / _NAME, json.dumps(counts.as_dict(), indent=1).encode(), 0o600)
    except OSError as error:
        logger.warning("the run report cannot be written: %s", error)


def read_last_run(folder: Path) -> dict[str, Any]:
    """Read the report of the last run. Raises UsageError if there is none or it is damaged."""
    try:
        report = json.loads(read_plain(folder / _NAME, _MAX_FILE))
    except (OSError, ValueError, RecursionError):
        report = None
    if not isinstance(report, dict):
        raise UsageError(f"there is no report of a last run in {folder}; `provider-proxy run` writes one")
    try:
        return conformed(report)
    except TypeError as error:
        raise UsageError(f"{folder / _NAME} is not a run report: {error}; run again to replace it") from error


def conformed(report: dict[str, Any]) -> dict[str, Any]:
    """Complete a report: a member that it lacks, as another version's may, gets its default.

    Raises TypeError if a member has the wrong type: anybody may have written the file.
    """
    whole = _like(RunCounts("", "").as_dict(), report, "report")
    row = HostCounts().as_dict()
    hosts = {name: _like(row, counts, f"host {name}") for name, counts in whole["hosts"].items()}
    for name in counters_of(RunCounts):
        _like(dict.fromkeys(whole[name], 0), whole[name], name)
    for counts in [*hosts.values(), whole["total"]]:
        for name in counters_of(HostCounts):
            _like(dict.fromkeys(counts[name], 0), counts[name], name)
    for name in ("spent", "saved"):
        rows = [_like(_MODEL, model, "model") for model in whole[name]["models"]]
        whole[name] = whole[name] | {"models": rows}
    missed = [_like(_MISSED, miss, "miss") for miss in whole["missed"]]
    for miss in missed:
        miss["differences"] = [_like(_DIFFERENCE, item, "difference") for item in miss["differences"]]
    refused = [_like(_REFUSED, item, "refused answer") for item in whole["refused_answers"]]
    lines = {
        name: [str(line) for line in whole[name]]
        for name in ("failed_gates", "notes", "conflicts", "shared_entries")
    }
    tests = list(map(_conformed_test, whole["tests"]))
    return whole | {"hosts": hosts, "missed": missed, "refused_answers": refused, "tests": tests} | lines


def _conformed_test(value: Any) -> dict[str, Any]:
    row = _like(_VERDICT, value, "test")
    if isinstance(row["usd"], str):
        raise TypeError("test: usd has the wrong type")
    for name in ("not_stored", "entries"):
        _like(dict.fromkeys(row[name], 0), row[name], name)
    return row | {"misses": [_like(_TEST_MISS, miss, "miss") for miss in row["misses"]]}


_MODEL = ModelCosts("").as_dict()
_MISSED: dict[str, Any] = {
    "key": "",
    "place": "",
    "question": "",
    "nearest": None,
    "recorded_at": None,
    "shared_messages": 0,
    "differences": [],
    "more": False,
    "note": "",
    "remedy": "",
    "line": "",
    "times": 1,
    "follows": 0,
}
_VERDICT = Verdict("", "").as_dict() | {"usd": None}
_TEST_MISS: dict[str, Any] = {"key": "", "pointer": "", "line": "", "folded": False}
_REFUSED = {"key": ""} | NotKept("", "", "").as_dict()
_DIFFERENCE: dict[str, Any] = {"place": "", "kind": "", "old": None, "new": None, "same": 0}


def _like(pattern: dict[str, Any], value: Any, name: str) -> dict[str, Any]:
    """Keep the members of `value` that `pattern` names, with the pattern's values as defaults.

    A member must have its default's type; where that is None, it may be text, a number or None.
    """
    if not isinstance(value, dict):
        raise TypeError(f"{name} is not an object")
    result = dict(pattern)
    for member, default in pattern.items():
        item = value.get(member, default)
        fits = isinstance(item, _kinds(default)) and (isinstance(item, bool) <= isinstance(default, bool))
        if not fits:
            raise TypeError(f"{name}: {member} has the wrong type")
        result[member] = _like(default, item, member) if isinstance(default, dict) and default else item
    return result


def _kinds(default: Any) -> tuple[type, ...]:
    if default is None:
        return (int, float, str, type(None))
    return (int, float) if type(default) in (int, float) else (type(default),)

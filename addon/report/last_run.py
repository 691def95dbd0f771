"""The last run's report as a file: `.provider-proxy/last-run.json`."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

from addon.accounting.counts import HostCounts, RunCounts
from cache_store.atomic_file import replace_file
from cache_store.errors import UsageError

__all__ = ["conformed", "read_last_run", "write_last_run"]

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
    except (OSError, ValueError, RecursionError):
        report = None
    if not isinstance(report, dict):
        raise UsageError(f"there is no report of a last run in {folder}; `provider-proxy run` writes one")
    try:
        return conformed(report)
    except TypeError as error:
        raise UsageError(f"{folder / _NAME} was written by something else: {error}") from error


def conformed(report: dict[str, Any]) -> dict[str, Any]:
    """A report with every member that ours has; another version's may lack some.

    Raises TypeError for a member of another kind: it may be anybody's file.
    """
    whole = _like(RunCounts("", "").as_dict(), report, "report")
    row = HostCounts().as_dict()
    hosts = {name: _like(row, counts, f"host {name}") for name, counts in whole["hosts"].items()}
    for name in ("tunnelled", "tls_refused", "cache_faults"):
        _like(dict.fromkeys(whole[name], 0), whole[name], name)
    for counts in [*hosts.values(), whole["total"]]:
        _like(dict.fromkeys(counts["not_stored"], 0), counts["not_stored"], "not_stored")
    for name in ("spent", "saved"):
        rows = [_like(_MODEL, model, "model") for model in whole[name]["models"]]
        whole[name] = whole[name] | {"models": rows}
    missed = [_like(_MISSED, miss, "miss") for miss in whole["missed"]]
    for miss in missed:
        miss["differences"] = [_like(_DIFFERENCE, found, "difference") for found in miss["differences"]]
    gates = [str(line) for line in whole["failed_gates"]]
    return whole | {"hosts": hosts, "missed": missed, "failed_gates": gates}


_MODEL: dict[str, Any] = {
    "model": "",
    "answers": 0,
    "unknown": 0,
    "input_tokens": 0,
    "output_tokens": 0,
    "usd": None,
}
_MISSED: dict[str, Any] = {
    "key": "",
    "place": "",
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
_DIFFERENCE: dict[str, Any] = {"place": "", "kind": "", "old": None, "new": None, "same": 0}


def _like(pattern: dict[str, Any], found: Any, name: str) -> dict[str, Any]:
    """`found` with what `pattern` has; what is None there may be text, a number or None."""
    if not isinstance(found, dict):
        raise TypeError(f"{name} is no object")
    result = dict(pattern)
    for member, default in pattern.items():
        value = found.get(member, default)
        fits = isinstance(value, _kinds(default)) and (isinstance(value, bool) <= isinstance(default, bool))
        if not fits:
            raise TypeError(f"{name}: {member} is not what it should be")
        result[member] = _like(default, value, member) if isinstance(default, dict) and default else value
    return result


def _kinds(default: Any) -> tuple[type, ...]:
    if default is None:
        return (int, float, str, type(None))
    return (int, float) if type(default) in (int, float) else (type(default),)

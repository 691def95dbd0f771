"""Where GitHub shows the misses of a run: at the file and line of the test."""

from __future__ import annotations

from typing import Any, NamedTuple

from addon.accounting.figures import plural
from addon.report.by_test import misses_of, name_of
from addon.settings.modes import Mode

__all__ = ["Annotation", "miss_annotations"]

# GitHub shows ten of a kind for each step.
_MOST = 10


class Annotation(NamedTuple):
    """A message at a place; `line` is from 1, 0 if it is not known, and `file` is '' for none."""

    file: str
    line: int
    text: str


def miss_annotations(run: dict[str, Any]) -> list[Annotation]:
    """One for each test that missed in a run that sends nothing, the last one for all that have no place left.

    In other modes a miss is recorded, or was meant to go live.
    """
    if run["mode"] != Mode.REQUIRE_HIT:
        return []
    rows = [row for row in run["tests"] if row["misses"]]
    if len(rows) <= _MOST:
        return [_annotation(row) for row in rows]
    more = f"{plural(len(rows) - _MOST + 1, 'more test')} missed; see the job summary"
    return [*(_annotation(row) for row in rows[: _MOST - 1]), Annotation("", 0, more)]


def _annotation(row: dict[str, Any]) -> Annotation:
    path, colons, _ = row["test"].partition("::")
    first = row["misses"][0]
    more = f" (and {plural(misses_of(row) - 1, 'more miss', 'more misses')})" if misses_of(row) > 1 else ""
    text = f"{name_of(row)} missed{more}: {first['line'] or first['key']}"
    return Annotation(row["file"] or (path if colons else ""), row["line"], text)

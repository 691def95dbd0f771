"""Renders the report as JUnit XML: one case for each attempt of a test that talked to a provider."""

from __future__ import annotations

from typing import Any
from xml.sax.saxutils import escape, quoteattr

from addon.printing import printable
from addon.report.by_test import misses_of, name_of
from addon.settings.modes import Mode

__all__ = ["render_junit"]


def render_junit(run: dict[str, Any]) -> str:
    """Render the report of a run, given as `RunCounts.as_dict` returns it.

    In read-only-require-hit a test that missed has failed, unless its requests may be another test's.
    """
    cases = [_case(row, strict=run["mode"] == Mode.REQUIRE_HIT) for row in run["tests"]]
    failed = sum("<failure" in case for case in cases)
    time = sum(row["live_seconds"] for row in run["tests"])
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n'
        f'<testsuites><testsuite name="provider-proxy" tests="{len(cases)}" failures="{failed}" errors="0" '
        f'skipped="0" time="{time:.3f}">\n' + "".join(cases) + "</testsuite></testsuites>\n"
    )


def _case(row: dict[str, Any], *, strict: bool) -> str:
    path, colons, name = name_of(row | {"coarse": False}).partition("::")
    place = f" file={_attribute(row['file'])}" if row["file"] else ""
    place += f' line="{row["line"]}"' if row["line"] else ""
    head = (
        f"<testcase classname={_attribute(path if colons else 'provider-proxy')} "
        f'name={_attribute(name or path)}{place} time="{row["live_seconds"]:.3f}">'
    )
    counts = f"hits {row['hits']}, misses {misses_of(row)}, live {row['live']}, stored {row['stored']}"
    lines = [counts, *(f"{miss['key']} {miss['pointer']}: {miss['line']}" for miss in row["misses"])]
    text = "\n".join(escape(printable(line)) for line in lines)
    if row["misses"] and strict and not row["coarse"]:
        first = row["misses"][0]
        message = _attribute(f"missed at {first['pointer'] or 'a request like no recorded one'}")
        return f'{head}<failure type="miss" message={message}>{text}</failure></testcase>\n'
    return f"{head}<system-out>{text}</system-out></testcase>\n"


def _attribute(text: str) -> str:
    return quoteattr(printable(text))

"""Renders the report as Markdown, for GitHub's job summary and for pull requests."""

from __future__ import annotations

from typing import Any

from addon.accounting.figures import plural, seconds, size
from addon.report.by_test import FIGURES, cells_of, name_of, rows_to_show, unshown_line
from addon.report.markdown_text import markdown_text as _text
from addon.report.words import cost_lines, rate_text, side_lines

__all__ = ["render_markdown"]

_COLUMNS = ("requests", "hits", "misses", "stored", "refused", "bypassed", "errors")
_MISSES = 50
_TESTS = 50


def render_markdown(run: dict[str, Any]) -> str:
    """Render the report of a run, given as `RunCounts.as_dict` returns it."""
    total = run["total"]
    said = rate_text(total) or "nothing looked up"
    lines = [
        f"## provider-proxy: {said}, {plural(total['requests'], 'request')}",
        "",
        f"Mode {_text(run['mode'])}.",
        "",
    ]
    lines += [f"**Gate failed:** {_text(line)}  " for line in run["failed_gates"]]
    if run["hosts"]:
        lines += ["", "| host | " + " | ".join([*_COLUMNS, "bytes", "time live", "time saved"]) + " |"]
        lines += ["|---|" + "---:|" * (len(_COLUMNS) + 3)]
        lines += [_row(_text(host), row) for host, row in run["hosts"].items()]
        lines += [_row("**all**", total)] if len(run["hosts"]) > 1 else []
    more = cost_lines(run) + side_lines(run)
    if more:
        lines += ["", *(f"- {_text(line)}" for line in more)]
    lines += _tests(run)
    lines += _misses(run)
    return "\n".join(lines) + "\n\n"


def _row(name: str, row: dict[str, Any]) -> str:
    cells = [str(row[column]) for column in _COLUMNS]
    cells += [
        size(row["hit_bytes"] + row["live_bytes"]),
        seconds(row["live_seconds"]),
        seconds(row["saved_seconds"]),
    ]
    return f"| {name} | {' | '.join(cells)} |"


def _tests(run: dict[str, Any]) -> list[str]:
    if not run["tests"]:
        return []
    rows = rows_to_show(run, _TESTS)
    lines = ["", "### Tests", ""]
    if rows:
        lines += [f"| test | {' | '.join(FIGURES)} |", "|---|" + "---:|" * len(FIGURES)]
        lines += [f"| {_text(name_of(row))} | {' | '.join(map(_text, cells_of(row)))} |" for row in rows]
    more = unshown_line(run, len(rows))
    return [*lines, *(["", f"{more[:1].upper()}{more[1:]}."] if more else [])]


def _misses(run: dict[str, Any]) -> list[str]:
    if not run["missed"]:
        return []
    lines = ["", "### Misses", ""]
    for miss in run["missed"][:_MISSES]:
        asked = f" “{_text(miss['question'])}”" if miss["question"] else ""
        times = plural(miss["times"], "try", "tries")
        if miss["follows"]:
            times += f", {plural(miss['follows'], 'later miss', 'later misses')} from it"
        lines.append(f"- **{_text(miss['place'])}**{asked} ({_text(miss['key'][:12])}…, {times})")
        lines.append(f"  {_text(miss['line'])}")
    if len(run["missed"]) > _MISSES:
        lines.append(f"- and {len(run['missed']) - _MISSES} more")
    return lines

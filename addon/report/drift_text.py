"""Renders the report of `drift` for a terminal and as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from addon.accounting.figures import money, plural
from addon.printing import printable
from addon.report.markdown_text import markdown_text

__all__ = ["drift_lines", "drift_markdown", "reason_text"]

_ROWS = 200  # of a Markdown table; a comment on GitHub may have 65,536 characters
_REASONS = 5
_LONGEST = 50_000


def drift_lines(report: dict[str, Any], width: int | None) -> Iterator[str]:
    """The lines of the report. The one that names a request is cut to `width` columns; None for any width."""
    for row in report["entries"]:
        if row["verdict"] == "same":
            continue
        yield _cut(f"{row['verdict']:12}  {row['short']}  {row['model']}  {row['question']}", width)
        for reason in row["reasons"][:_REASONS]:
            yield f"    {reason_text(reason)}"
        if len(row["reasons"]) > _REASONS:
            yield f"    and {plural(len(row['reasons']) - _REASONS, 'more difference')} (--json has all)"
        if row.get("refresh", "").startswith("not"):
            yield f"    {row['refresh']}"
    for group in report["not_asked"]:
        yield f"not asked     {plural(group['count'], 'request')}: {group['why']} ({', '.join(group['shorts'])})"
    yield summary_line(report)


def summary_line(report: dict[str, Any]) -> str:
    """How many were asked and what became of them, and the cost."""
    counts = [f"{report[name]} {name}" for name in ("same", "benign", "changed")]
    if report["not_answered"]:
        counts.append(f"{report['not_answered']} not answered")
    cost = f", {money(report['usd'])}" if report["usd"] is not None else ""
    unpriced = f", cost unknown for {plural(report['unpriced'], 'answer')}" if report["unpriced"] else ""
    stored = f"; {report['stored']} stored" if report["stored"] is not None else ""
    return f"{plural(report['asked'], 'request')} asked again: {', '.join(counts)}{cost}{unpriced}{stored}"


def drift_markdown(report: dict[str, Any]) -> str:
    """The report for a job summary or an issue, within GitHub's bounds.

    Content stands escaped in `code` elements, in which GitHub looks for no mentions.
    """
    lines = [f"## provider-proxy drift: {markdown_text(summary_line(report))}", ""]
    rows = [row for row in report["entries"] if row["verdict"] != "same"]
    if rows:
        lines += ["| verdict | request | what differs |", "|---|---|---|"]
    size = 0
    for number, row in enumerate(rows):
        line = f"| {row['verdict']} | {_request(row)} | {_differences(row['reasons'])} |"
        size += len(line)
        if number >= _ROWS or size > _LONGEST:
            lines += ["", f"And {plural(len(rows) - number, 'more request')}."]
            break
        lines.append(line)
    if report["not_asked"]:
        lines += ["", "Not asked:", ""]
        lines += [
            f"- {plural(group['count'], 'request')}: {_code(group['why'])}" for group in report["not_asked"]
        ]
    return "\n".join(lines) + "\n"


def _request(row: dict[str, Any]) -> str:
    words = f"“{row['question'][:80]}”" if row["question"] else row["path"]
    return _code(f"{row['short']} {row['model']} {words}")


def _differences(reasons: list[dict[str, Any]]) -> str:
    shown = [_code(reason_text(reason)) for reason in reasons[:_REASONS]]
    if len(reasons) > _REASONS:
        shown.append(f"and {len(reasons) - _REASONS} more")
    return "<br>".join(shown)


def _code(text: str) -> str:
    return f"<code>{markdown_text(text)}</code>"


def reason_text(reason: Mapping[str, Any]) -> str:
    """One difference in one line."""
    place = f" at {reason['place']}" if reason["place"] else ""
    sides = [side for side in (reason["old"], reason["new"]) if side is not None]
    return printable(f"{reason['what']}{place}" + (f": {' / '.join(sides)}" if sides else ""))


def _cut(line: str, width: int | None) -> str:
    line = printable(line)
    if width is None:
        return line
    from rich.cells import cell_len, set_cell_size

    return line if cell_len(line) <= width else set_cell_size(line, max(1, width - 1)).rstrip() + "…"

"""Renders the table that is printed at the end of a run."""

from __future__ import annotations

import io
import logging
from collections import Counter
from typing import TYPE_CHECKING, Any

from addon.accounting.counts import RunCounts
from addon.accounting.figures import plural, seconds
from addon.printing import printable, program
from addon.report.by_test import FIGURES, asked_by, cells_of, name_of, rows_to_show, unshown_line
from addon.report.words import cost_lines, hit_rate, no_traffic_line, rate_text, side_lines
from addon.settings.modes import Mode

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["log_report", "render_report"]

_WIDTH = 250  # columns; wide enough for any host name
_COLUMNS = ("requests", "hits", "misses")
# Columns that are left out if they hold nothing but zeros.
_RARE = ("stored", "refused", "bypassed", "errors")
_MISSES = 10
_TESTS = 20
_HOST = 20  # columns that a host name has at least, unless it is shorter


def render_report(
    counts: RunCounts | dict[str, Any], width: int | None = None, *, every_test: bool = False
) -> str:
    """Render a table with a row for each host and one by test; below, costs, misses, tunnelled hosts and faults.

    A table of hosts that is wider than `width` (columns of a terminal) has its rare columns in a line below it, and
    shortened names. Tests that were answered from the cache alone are counted in one line, unless `every_test` is
    to be shown.
    """
    from rich.console import Console

    run = counts.as_dict() if isinstance(counts, RunCounts) else counts
    total = run["total"]
    out = io.StringIO()
    console = Console(
        file=out, width=width or _WIDTH, highlight=False, markup=False, emoji=False, no_color=True
    )
    rate = f", {rate_text(total)}" if hit_rate(total) is not None else ""
    title = f"provider-proxy, mode {run['mode']}, {plural(total['requests'], 'request')}{rate}"
    console.print(title, soft_wrap=True)
    for line in _hosts(run, width or _WIDTH) if run["hosts"] else ():
        console.print(line, soft_wrap=True)
    if run["tests"]:
        _print_tests(console, run, every_test=every_test)
    gates = [f"gate failed: {line}" for line in run["failed_gates"]]
    warning = [f"warning: {line}"] if (line := no_traffic_line(run)) else []
    for line in [*cost_lines(run), *side_lines(run), *_miss_lines(run), *gates, *warning]:
        console.print(printable(line), soft_wrap=True)
    return (
        "\n".join(printable(line.rstrip()) for line in out.getvalue().removesuffix("\n").split("\n")) + "\n"
    )


def _print_tests(console: Console, run: dict[str, Any], *, every_test: bool) -> None:
    from rich.table import Table

    rows = rows_to_show(run, len(run["tests"]) if every_test else _TESTS, quiet=every_test)
    if rows:
        table = Table(box=None, pad_edge=False, header_style="bold")
        table.add_column("test", overflow="fold")
        for name in FIGURES:
            table.add_column(name, justify="right")
        for row in rows:
            table.add_row(printable(name_of(row)), *cells_of(row))
        console.print(table)
    if line := unshown_line(run, len(rows), quiet=every_test):
        console.print(line, soft_wrap=True)


def _hosts(run: dict[str, Any], width: int) -> list[str]:
    total = run["total"]
    rare = tuple(name for name in _RARE if total[name])
    rows, below = _rows(run, (*_COLUMNS, *rare)), []
    if rare and _HOST + _width(rows) > width:
        rows, below = _rows(run, _COLUMNS), [", ".join(f"{name} {total[name]}" for name in rare)]
    longest = max(len(row[0]) for row in rows)
    room = min(longest, max(_HOST, width - _width(rows)))
    lines = []
    for host, *cells in rows:
        name = host if len(host) <= room else f"{host[: room - 1]}…"
        fitted = (f"  {cell:>{size}}" for cell, size in zip(cells, _widths(rows), strict=True))
        lines.append(name.ljust(room) + "".join(fitted))
    return lines + below


def _rows(run: dict[str, Any], columns: tuple[str, ...]) -> list[tuple[str, ...]]:
    """The heads, a row for each host, and one for all if there are several."""
    rows = [("host", *columns, "live", "saved")]
    rows += [(printable(host), *_cells(row, columns)) for host, row in run["hosts"].items()]
    return [*rows, ("all", *_cells(run["total"], columns))] if len(run["hosts"]) > 1 else rows


def _widths(rows: list[tuple[str, ...]]) -> list[int]:
    """The widths of all columns but the first."""
    return [max(map(len, column)) for column in zip(*(row[1:] for row in rows), strict=True)]


def _width(rows: list[tuple[str, ...]]) -> int:
    return sum(size + 2 for size in _widths(rows))


def _cells(row: dict[str, Any], columns: tuple[str, ...]) -> list[str]:
    return [
        *(str(row[name]) for name in columns),
        seconds(row["live_seconds"]),
        seconds(row["saved_seconds"]),
    ]


def _miss_lines(run: dict[str, Any]) -> list[str]:
    """The misses that have a nearest entry, after one line for each cause of all the others."""
    explained = [miss for miss in run["missed"] if miss["nearest"] and not _is_own(miss, run)]
    lines = _nothing_near(run)
    tests = asked_by(run)
    for miss in explained[:_MISSES]:
        asked = f" “{miss['question']}”" if miss["question"] else ""
        lines.append(f"miss {miss['key'][:12]}… {miss['place']}{asked}{_times(miss)}")
        lines.append(f"  {miss['line']}")
        if names := tests.get(miss["key"]):
            more = f" and {plural(len(names) - 1, 'more test')}" if len(names) > 1 else ""
            lines.append(f"  asked by {names[0]}{more}")
    if len(explained) > _MISSES:
        lines.append(f"{plural(len(explained) - _MISSES, 'more miss', 'more misses')}: {program()} report")
    return lines


def _is_own(miss: dict[str, Any], run: dict[str, Any]) -> bool:
    """Whether the nearest entry is one that this run recorded: a first recording has nothing to compare with."""
    return bool(run["mode"] != Mode.REQUIRE_HIT and (miss["recorded_at"] or 0) >= run["started_at"])


def _nothing_near(run: dict[str, Any]) -> list[str]:
    # In other modes a miss like this is expected: the request is recorded, or was meant to go live.
    if run["mode"] != Mode.REQUIRE_HIT:
        return []
    counted: Counter[str] = Counter()
    for miss in run["missed"]:
        if not miss["nearest"]:
            counted[miss["line"]] += miss["times"]
    said = counted.most_common(_MISSES)
    return [f"{plural(count, 'miss', 'misses')}: {line[:1].upper()}{line[1:]}" for line, count in said]


def _times(miss: dict[str, Any]) -> str:
    said = []
    if miss["times"] > 1:
        said.append(f"{miss['times']} tries")
    if miss["follows"]:
        said.append(f"{plural(miss['follows'], 'later miss follows', 'later misses follow')} from it")
    return f" ({', '.join(said)})" if said else ""


def log_report(counts: RunCounts) -> None:
    """Write the table to mitmproxy's log, for stock mitmdump and mitmweb."""
    for line in render_report(counts).splitlines():
        logging.getLogger(__name__).log(logging.INFO, "%s", line)

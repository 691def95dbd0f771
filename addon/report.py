"""The table at a run's end."""

from __future__ import annotations

import io
import logging
from typing import Any

from addon.counts import RunCounts

__all__ = ["log_report", "render_report"]

_WIDTH = 250  # columns; the table takes what it needs, and cuts no host's name


def render_report(counts: RunCounts | dict[str, Any], width: int | None = None) -> str:
    """One table: a row per host, one for all, and below it what was tunnelled and what went wrong."""
    from rich.console import Console
    from rich.table import Table

    run = counts.as_dict() if isinstance(counts, RunCounts) else counts
    table = Table(box=None, pad_edge=False, header_style="bold", show_footer=len(run["hosts"]) > 1)
    columns = ("requests", "hits", "misses", "stored", "refused", "bypassed", "errors")
    total = run["total"]
    table.add_column("host", footer="all")
    for name in columns:
        table.add_column(name, justify="right", footer=str(total[name]))
    table.add_column("time saved", justify="right", footer=_seconds(total["saved_seconds"]))
    for host, row in run["hosts"].items():
        table.add_row(host, *(str(row[name]) for name in columns), _seconds(row["saved_seconds"]))
    out = io.StringIO()
    console = Console(
        file=out, width=width or _WIDTH, highlight=False, markup=False, emoji=False, no_color=True
    )
    console.print(f"provider-proxy, mode {run['mode']}, {total['requests']} requests")
    if run["hosts"]:
        console.print(table)
    for line in _below(run):
        console.print(line, soft_wrap=True)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def _below(run: dict[str, Any]) -> list[str]:
    lines = []
    for title, counted in (
        ("not stored", run["total"]["not_stored"]),
        ("tunnelled", run["tunnelled"]),
        ("CA not trusted by clients of", run["tls_refused"]),
        ("cache faults", run["cache_faults"]),
    ):
        if counted:
            items = ", ".join(f"{name} {count}" for name, count in sorted(counted.items()))
            lines.append(f"{title}: {items}")
    return lines


def _seconds(value: float) -> str:
    if abs(value) < 60:
        return f"{value:.1f} s"
    return f"{value / 60:.1f} min" if abs(value) < 3600 else f"{value / 3600:.1f} h"


def log_report(counts: RunCounts) -> None:
    """Give the table to mitmproxy's log, for stock mitmdump and mitmweb."""
    for line in render_report(counts).splitlines():
        logging.getLogger(__name__).log(logging.INFO, "%s", line)

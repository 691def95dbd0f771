"""The conformance report for people."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from cache_store.conformance.report import Report, Run

__all__ = ["print_table"]


def print_table(report: Report) -> None:
    """Writes the report to stdout: the route, its runs, the verdict."""
    console = Console(highlight=False)
    profile = report.support.profile
    console.print(
        _text(f"{report.provider or '(no provider)'} {report.model or '(no model)'}: {report.support.status}")
    )
    for label, value in (
        ("source", report.support.evidence),
        ("breakpoints", profile.cache_breakpoint_style if profile.prompt_caching else None),
        ("minimum prefix", profile.min_useful_prefix_tokens),
        ("kept for", profile.ttl_notes),
    ):
        if value:
            console.print(_text(f"  {label}: {value}"))
    table = Table("run", "prompt", "fresh", "read", "write", "output", "class")
    for run in report.runs:
        table.add_row(*_cells(run))
    console.print(table)
    for run in report.runs:
        if notes := _notes(run, profile.min_useful_prefix_tokens or 0):
            console.print(_text(f"  run {run.observed.index}: {'; '.join(notes)}"))
    console.print(_text(f"verdict: {report.verdict}{' (failure)' if report.failed else ''}"))


def _cells(run: Run) -> list[str]:
    usage = run.usage
    counts = (
        usage.input_tokens,
        usage.fresh_input_tokens,
        usage.cache_read_tokens,
        usage.cache_write_tokens,
        usage.output_tokens,
    )
    return [str(cell) for cell in (run.observed.index, *counts, run.bucket)]


def _notes(run: Run, minimum: int) -> list[str]:
    """Why a run's numbers cannot be trusted, or why its zero read may be no fault."""
    notes = [run.reason] if run.reason else []
    if run.usage.missing_fields:
        notes.append("missing " + ", ".join(run.usage.missing_fields))
    if 0 < run.usage.input_tokens < minimum:
        notes.append("shorter than the minimum prefix")
    return notes


def _text(line: str) -> Text:
    """Plain text: names may be a file's, so neither markup nor control codes pass."""
    return Text("".join(char if char.isprintable() else "?" for char in line))

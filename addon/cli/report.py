"""`report`: print the report of the last run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from addon.cli.output import annotate, print_json, print_lines, terminal_width
from addon.printing import program
from addon.settings.state_folder import STATE_FOLDER
from cache_store.errors import UsageError

__all__ = ["annotate_run", "report"]


@click.command()
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json", "markdown", "html"]),
    default="table",
    help="The output format; html is one self-contained page.",
)
@click.option("--json", "as_json", is_flag=True, help="Short for --format json.")
@click.option("--test", "tests", multiple=True, metavar="GLOB", help="Only these tests and their misses.")
@click.option(
    "--junit", type=click.Path(path_type=Path), help="Also write the tests as JUnit XML to this file."
)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write to this file instead of stdout.")
def report(
    *, form: str, as_json: bool, tests: tuple[str, ...], junit: Path | None, output: Path | None
) -> None:
    """Show the report of the last run."""
    from addon.report.publishing import read_last_run

    run = read_last_run(STATE_FOLDER)
    if tests:
        run = _of_tests(run, tests)
    if junit is not None:
        from addon.report.junit import render_junit

        _write(junit, render_junit(run))
    if (as_json or form == "json") and output is None:
        print_json(run)
        return
    width = terminal_width() if output is None else None
    text = _render(run, "json" if as_json else form, width, every_test=bool(tests))
    if output is None:
        print_lines(text)
    else:
        _write(output, text)


def annotate_run(run: dict[str, Any]) -> None:
    """Show on the page of a GitHub Actions run which tests missed, and that there was no traffic."""
    from addon.report.annotations import miss_annotations
    from addon.report.words import no_traffic_line

    annotate(no_traffic_line(run))
    for file, line, text in miss_annotations(run):
        annotate(text, file, line)


def _of_tests(run: dict[str, Any], globs: tuple[str, ...]) -> dict[str, Any]:
    from addon.report.by_test import of_tests
    from addon.scopes.globs import fits_any

    found = [row for row in run["tests"] if fits_any(row["test"], globs)]
    if not found:
        raise UsageError(
            f"no test of the last run fits {' or '.join(globs)}; see `{program()} report --json`"
        )
    return of_tests(run, found)


def _write(path: Path, text: str) -> None:
    from cache_store.atomic_file import replace_file

    try:
        replace_file(path, text.encode("utf-8", "replace"))
    except OSError as error:
        raise UsageError(f"the report cannot be written to {path}: {error.strerror}") from error


def _render(run: dict[str, Any], form: str, width: int | None, *, every_test: bool) -> str:
    if form == "html":
        from addon.report.html_page import render_html

        return render_html(run)
    if form == "markdown":
        from addon.report.markdown import render_markdown

        return render_markdown(run)
    if form == "json":
        import json

        return json.dumps(run, indent=2, ensure_ascii=False) + "\n"
    from addon.report.table import render_report

    return render_report(run, width, every_test=every_test)

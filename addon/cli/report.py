"""`report`: print the report of the last run."""

from __future__ import annotations

from pathlib import Path

import click

from addon.cli.output import print_json, print_lines
from addon.settings.state_folder import STATE_FOLDER
from cache_store.errors import UsageError

__all__ = ["report"]


@click.command()
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json", "markdown", "html"]),
    default="table",
    help="The output format; html is one self-contained page.",
)
@click.option("--json", "as_json", is_flag=True, help="Short for --format json.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write to this file instead of stdout.")
def report(*, form: str, as_json: bool, output: Path | None) -> None:
    """Show the report of the last run."""
    from addon.report.publishing import read_last_run

    run = read_last_run(STATE_FOLDER)
    if (as_json or form == "json") and output is None:
        print_json(run)
        return
    text = _render(run, "json" if as_json else form)
    if output is None:
        print_lines(text)
        return
    from cache_store.atomic_file import replace_file

    try:
        replace_file(output, text.encode("utf-8", "replace"))
    except OSError as error:
        raise UsageError(f"the report cannot be written to {output}: {error.strerror}") from error


def _render(run: dict[str, object], form: str) -> str:
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

    return render_report(run)

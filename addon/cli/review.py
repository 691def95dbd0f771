"""`review`: what changed in the recordings, test by test."""

from __future__ import annotations

import sys

import click

from addon.accounting.gates import FAILED_STATUS
from addon.cli.context import cache_options, read_settings, recorded_cache
from addon.cli.output import print_json, print_lines, say, terminal_width
from addon.cli.progress import progress

__all__ = ["review", "show_review"]


@click.command()
@cache_options
@click.argument("base")
@click.argument("head", required=False)
@click.option(
    "--lock",
    metavar="FILE",
    help="The lock file that says which test uses which entry; of a git revision, the file at this path in it.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json", "markdown", "summary"]),
    default="table",
    help="markdown fits a comment of GitHub, summary is the same for GITHUB_STEP_SUMMARY, up to 1 MiB.",
)
@click.option("--json", "as_json", is_flag=True, help="Short for --format json.")
@click.option(
    "--fail-on",
    metavar="LIST",
    default="",
    help="Exit with 3 if there is such a change: any, model-change, cost:+20%, …; separated by commas.",
)
def review(
    *,
    base: str,
    head: str | None,
    lock: str | None,
    form: str,
    as_json: bool,
    fail_on: str,
    cache_dir: str | None,
) -> None:
    """Compare two states of recordings by meaning, test by test.

    BASE and HEAD are cache directories, packs, folders that `export` wrote, lock files, or REV:path for such a
    folder or lock file of a git revision. HEAD is the cache by default.
    """
    show_review(
        base,
        head or str(recorded_cache(read_settings(cache_dir=cache_dir))),
        form="json" if as_json else form,
        lock=lock,
        fail_on=fail_on,
        cache_dir=cache_dir,
    )


def show_review(
    base: str,
    head: str,
    *,
    form: str,
    lock: str | None = None,
    fail_on: str = "",
    cache_dir: str | None = None,
) -> None:
    """Print the review of two states in the format `form`, and exit."""
    from addon.cli.review_states import read_state, with_tests
    from addon.reviewing.fail_on import failed, parse_conditions
    from addon.reviewing.review import reviewed

    conditions = parse_conditions(fail_on)
    with progress() as shown:
        before = read_state(base, lock, shown)
        after = read_state(head, lock, shown, before.recordings)
    old, _ = with_tests(before, cache_dir, is_current=False)
    new, left_out = with_tests(after, cache_dir, is_current=True)
    found = reviewed(old, new)
    found.left_out, found.notes = left_out, before.notes + after.notes
    lines = failed(conditions, found)
    if form == "json":
        print_json(found.as_dict() | {"failed": lines})
    elif form == "table":
        from addon.reviewing.text import render_text

        print_lines(render_text(found, terminal_width()))
    else:
        from addon.reviewing.markdown import COMMENT, STEP_SUMMARY, render_markdown

        print_lines(render_markdown(found, STEP_SUMMARY if form == "summary" else COMMENT, tuple(lines)))
    for line in lines:
        say(line, err=True)
    sys.exit(FAILED_STATUS if lines else 1 if found.notes else 0)

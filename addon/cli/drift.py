"""`drift`: asks providers again for a sample of the recorded requests, and compares."""

from __future__ import annotations

import math
import os
import random
import sys
import tempfile
import time
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import click

from addon.cli.asking import Asking
from addon.cli.context import cache_options, open_cache_untouched, open_store_for_reading, read_settings
from addon.cli.drift_run import DriftRun, candidates
from addon.cli.entries_by_test import keys_of_tests
from addon.cli.filters import AGE, Filter
from addon.cli.output import print_json, print_lines, say, terminal_width
from addon.cli.progress import progress
from addon.drift.sampling import sample
from addon.settings.state_folder import STATE_FOLDER
from cache_store.entry import Entry
from cache_store.errors import MissingExtra, UsageError

__all__ = ["drift"]

_SAMPLE = 20
_CHANGED, _BENIGN, _NOTHING = 3, 1, 2


class _Tolerance(NamedTuple):
    """How many answers may have other words: a number, or per cent of those that were compared."""

    number: int
    is_share: bool

    def allows(self, benign: int, compared: int) -> bool:
        return benign * 100 <= self.number * compared if self.is_share else benign <= self.number


def _tolerance(_ctx: click.Context, _param: click.Parameter, value: str | None) -> _Tolerance:
    digits = "100%" if value is None else value
    number = digits.removesuffix("%")
    if not (number.isascii() and number.isdigit()):
        raise click.BadParameter(f"{value!r} is not a number of answers; write 5 or 20%")
    return _Tolerance(int(number), digits.endswith("%"))


@click.command()
@cache_options
@click.option(
    "--sample",
    "most",
    type=click.IntRange(min=1),
    default=_SAMPLE,
    show_default=True,
    metavar="N",
    help="Ask at most so many requests: some of each route and model, by chance.",
)
@click.option(
    "--test", "tests", multiple=True, metavar="GLOB", help="Only what such a test used in the last run."
)
@click.option("--older-than", type=AGE, help="Only what was recorded before this, such as 30d or 2026-01-31.")
@click.option(
    "--max-usd",
    type=click.FloatRange(min=0),
    metavar="USD",
    help="Ask nothing that would cost more in all, by what the recorded answers cost.",
)
@click.option(
    "--include-writes",
    is_flag=True,
    help="Also ask what may change something at the provider: uploads, batches, hosted tools, MCP servers.",
)
@click.option("--refresh", is_flag=True, help="Store the new answers in place of the recorded ones.")
@click.option(
    "--tolerate",
    callback=_tolerance,
    metavar="N",
    help="Exit with 1 if more answers than N (or N% of them) have other words; by default any number is well.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json", "markdown"]),
    default="table",
    help="The output format.",
)
@click.option("--json", "as_json", is_flag=True, help="Short for --format json.")
def drift(
    *,
    most: int,
    tests: tuple[str, ...],
    older_than: float | None,
    max_usd: float | None,
    include_writes: bool,
    refresh: bool,
    tolerate: _Tolerance,
    form: str,
    as_json: bool,
    cache_dir: str | None,
) -> None:
    """Ask the providers again for a sample of the recorded requests, and say how today's answers differ.

    This sends requests, with your keys, and costs money. The cache is not touched without --refresh. A key goes to
    its provider's own host only, or to the endpoint that your variable names (such as OPENAI_BASE_URL).

    Exit status: 0 if no answer changed, 1 for more other words than --tolerate allows, 2 if nothing could be
    compared, 3 if an answer changed.
    """
    settings = read_settings(cache_dir=cache_dir)
    wanted = Filter(older_than=older_than)
    keys = keys_of_tests(tests) if tests else None
    if max_usd is not None:
        _check_budget(max_usd)
    opened = open_store_for_reading if refresh else open_cache_untouched
    with opened(cache_dir) as store, tempfile.TemporaryDirectory() as folder, progress() as shown:
        asking = Asking(os.environ, Path(folder) / "roots.pem", settings.max_body)
        found = candidates(
            store.local, shown, lambda entry: _fits(entry, wanted, keys), include_writes=include_writes
        )
        run = DriftRun(
            store,
            settings,
            asking,
            found,
            None if max_usd is None else Decimal(str(max_usd)),
            refresh=refresh,
        )
        for key in shown.over(sample(found.by_route, most, random.shuffle), "requests asked"):
            run.ask(key)
    report = run.report()
    _keep_verdicts(report)
    if as_json or form == "json":
        print_json(report)
    elif form == "markdown":
        from addon.report.drift_text import drift_markdown

        print_lines(drift_markdown(report))
    else:
        from addon.report.drift_text import drift_lines

        for line in drift_lines(report, terminal_width()):
            say(line)
    sys.exit(_status(report, tolerate))


def _check_budget(max_usd: float) -> None:
    import importlib.util

    if not math.isfinite(max_usd):
        raise UsageError("--max-usd takes an amount in US dollars, such as 0.50")
    if importlib.util.find_spec("genai_prices") is None:
        raise MissingExtra("--max-usd needs", "prices")


def _fits(entry: Entry, wanted: Filter, keys: set[str] | None) -> bool:
    return (keys is None or entry.key in keys) and wanted.matches(entry, time.time())


def _keep_verdicts(report: dict[str, Any]) -> None:
    """Keep them for the page. A folder that cannot be written does not change the report."""
    from addon.report.drift_verdicts import keep_verdicts

    try:
        keep_verdicts(STATE_FOLDER, report["entries"], time.time())
    except OSError as error:
        say(
            f"provider-proxy: the page will not show these verdicts: {STATE_FOLDER} cannot be written"
            f" ({error.strerror})",
            err=True,
        )


def _status(report: dict[str, Any], tolerate: _Tolerance) -> int:
    compared = report["same"] + report["benign"] + report["changed"]
    if report["changed"]:
        return _CHANGED
    if not compared:
        return _NOTHING
    return 0 if tolerate.allows(report["benign"], compared) else _BENIGN

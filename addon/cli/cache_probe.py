"""`cache-probe`: judge whether a provider's own prompt cache works."""

from __future__ import annotations

from pathlib import Path

import click

from addon.cli.context import cache_options
from addon.cli.output import print_json, print_table, say
from cache_store.conformance import FixtureError, Report, probe_entries, probe_fixture
from cache_store.conformance.fixture import MAX_FIXTURE
from cache_store.conformance.report import Run
from cache_store.errors import ProviderProxyError, UsageError

__all__ = ["cache_probe"]


@click.command("cache-probe")
@click.argument("provider", default="")
@click.option("--model", default="", metavar="M", help="The model, as requests name it.")
@click.option(
    "--usage-fixture", "fixture", metavar="PATH", help="Take the runs from a JSON file of usage objects."
)
@click.option("--from-cache", is_flag=True, help="Take the runs from the recorded answers of that route.")
@click.option("--table/--json", "as_table", default=False, help="Print a table instead of JSON, the default.")
@cache_options
@click.pass_context
def cache_probe(
    ctx: click.Context,
    provider: str,
    model: str,
    fixture: str | None,
    from_cache: bool,
    as_table: bool,
    cache_dir: str | None,
) -> None:
    """Judge whether PROVIDER's own prompt cache works for a model, from the usage that its answers report.

    Exit status: 0 if it works, 1 for a failure verdict or an unusable fixture, 2 without a source of runs or a
    recorded entry of that route.
    """
    try:
        if (fixture is not None) == from_cache:
            raise UsageError("give one source of runs: --usage-fixture PATH or --from-cache")
        if fixture is not None:
            report = probe_fixture(_read(fixture), provider, model)
        else:
            report = _from_cache(cache_dir, provider, model)
    except ProviderProxyError as error:
        say(f"provider-proxy: {' '.join(str(error).split())}", err=True)
        ctx.exit(1 if isinstance(error, FixtureError) else 2)
    if as_table:
        _print(report)
    else:
        print_json(report.as_json())
    ctx.exit(1 if report.failed else 0)


def _read(path: str) -> bytes:
    """Read the fixture; of a file that is too large, only one byte more than is allowed."""
    try:
        with Path(path).open("rb") as file:
            return file.read(MAX_FIXTURE + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise FixtureError(f"cannot read the cache conformance fixture {path!r}: {reason}") from error


def _from_cache(cache_dir: str | None, provider: str, model: str) -> Report:
    from addon.cli.context import open_store_for_reading

    with open_store_for_reading(cache_dir) as store:
        return probe_entries(store.iterate(), provider, model)


def _print(report: Report) -> None:
    """Print the route, its runs and the verdict."""
    profile = report.support.profile
    say(f"{report.provider or '(no provider)'} {report.model or '(no model)'}: {report.support.status}")
    for label, value in (
        ("source", report.support.evidence),
        ("breakpoints", profile.cache_breakpoint_style if profile.prompt_caching else None),
        ("minimum prefix", profile.min_useful_prefix_tokens),
        ("kept for", profile.ttl_notes),
    ):
        if value:
            say(f"  {label}: {value}")
    print_table(("run", "prompt", "fresh", "read", "write", "output", "class"), map(_cells, report.runs))
    for run in report.runs:
        if notes := _notes(run, profile.min_useful_prefix_tokens or 0):
            say(f"  run {run.observed.index}: {'; '.join(notes)}")
    say(f"verdict: {report.verdict}{' (failure)' if report.failed else ''}")


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
    """Reasons to distrust a run's numbers, or to excuse a run that read nothing from the cache."""
    notes = [run.reason] if run.reason else []
    if run.usage.missing_fields:
        notes.append("missing " + ", ".join(run.usage.missing_fields))
    if 0 < run.usage.input_tokens < minimum:
        notes.append("shorter than the minimum prefix")
    return notes

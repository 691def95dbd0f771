"""`cache-probe`: judge whether a provider's own prompt cache works."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from addon.cli.context import cache_options
from addon.cli.output import print_json, print_table, say
from cache_store.conformance import FixtureError, Report, probe_entries, probe_fixture
from cache_store.conformance.classify import RunClass, Verdict
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
@click.option(
    "--table/--json", "as_table", default=None, help="By default a table on a terminal, and JSON elsewhere."
)
@cache_options
@click.pass_context
def cache_probe(
    ctx: click.Context,
    provider: str,
    model: str,
    fixture: str | None,
    from_cache: bool,
    as_table: bool | None,
    cache_dir: str | None,
) -> None:
    """Judge whether PROVIDER's own prompt cache works for a model, from the usage that its answers report.

    Exit status: 0 if it works or nothing can be said, 1 if it does not work or the fixture is unusable, 2 without a
    source of runs or a recorded entry of that route.
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
    if sys.stdout.isatty() if as_table is None else as_table:
        _print(report)
    else:
        print_json({"found": _found(report), **report.as_json()})
    ctx.exit(1 if report.failed and not _all_short(report) else 0)


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


_VERDICTS = {
    Verdict.CACHE_EFFECTIVE: "The prompt cache works: a repeated prompt was read from it.",
    Verdict.CACHE_SUPPORTED_MISS: (
        "The prompt cache does not work: no repeated prompt was read from it. Keep the beginning of the prompts "
        "the same, set the cache markers that the provider needs, and repeat within the time that it keeps a "
        "prompt."
    ),
    Verdict.UNSUPPORTED_ZERO: "This provider has no prompt cache for this model, and none was used.",
    Verdict.SUPPORT_UNKNOWN_ZERO: (
        "Nothing was read from a prompt cache, and it is not known whether this route has one. See the provider's "
        "documentation."
    ),
    Verdict.PROVIDER_FIELD_INCONSISTENT: (
        "The provider's numbers contradict each other, so nothing can be said. The notes below name the "
        "contradiction; report it to the provider."
    ),
    Verdict.NO_PROMPT_TOKENS: "No answer reports prompt tokens, so nothing can be said. Record answers with usage.",
    Verdict.INSUFFICIENT_RUNS: (
        "No prompt was repeated, so nothing can be said. Record at least two requests that begin with the same "
        "long prompt."
    ),
}
_CLASSES = {
    RunClass.CACHE_EFFECTIVE: "read from the cache",
    RunClass.CACHE_SUPPORTED_MISS: "not read from the cache",
    RunClass.UNSUPPORTED_ZERO: "no cache to read from",
    RunClass.SUPPORT_UNKNOWN_ZERO: "nothing read",
    RunClass.NO_PROMPT_TOKENS: "no prompt tokens",
    RunClass.PROVIDER_FIELD_INCONSISTENT: "contradictory numbers",
}


# In plain words: the fields of a usage, and the contradictions that `cache_store.conformance` finds.
_FIELDS = {
    "usage": "any usage",
    "input_tokens": "prompt tokens",
    "fresh_input_tokens": "fresh prompt tokens",
    "cache_read_tokens": "tokens read from the cache",
    "cache_write_tokens": "tokens written to the cache",
    "output_tokens": "output tokens",
}
_REASONS = {
    "negative token count": "a number of tokens is negative",
    "cache tokens reported with zero prompt tokens": "tokens of the cache, but none of the prompt",
    "cache-read + cache-write exceed prompt tokens": "more tokens read and written than the prompt has",
    "cache tokens reported while cache_supported=false": "tokens of a cache that this model does not have",
}


def _minimum(report: Report) -> int:
    return report.support.profile.min_useful_prefix_tokens or 0


def _all_short(report: Report) -> bool:
    """Whether every prompt was too short for the provider to cache it, so that its verdict says nothing."""
    return report.verdict is Verdict.CACHE_SUPPORTED_MISS and all(
        0 <= run.usage.input_tokens < _minimum(report) for run in report.runs
    )


def _found(report: Report) -> str:
    """What was found, why, and what to do."""
    if not _all_short(report):
        return _VERDICTS[report.verdict]
    return (
        f"Every prompt was shorter than {_minimum(report):,} tokens, which this provider does not cache, so "
        "nothing can be said. Record at least two requests that begin with the same longer prompt."
    )


def _print(report: Report) -> None:
    profile = report.support.profile
    say(f"{report.provider or '(no provider)'} {report.model or '(no model)'}")
    say(_found(report))
    say("")
    rows = map(_cells, report.runs)
    print_table(("run", "prompt", "fresh", "read", "written", "output", "result"), rows)
    for run in report.runs:
        if notes := _notes(run, _minimum(report)):
            say(f"  run {run.observed.index}: {'; '.join(notes)}")
    for label, value in (
        ("prompts are cached from", f"{_minimum(report):,} tokens" if _minimum(report) else None),
        ("and kept for", profile.ttl_notes),
        ("source", report.support.evidence),
    ):
        if value:
            say(f"{label}: {value}")


def _cells(run: Run) -> list[str]:
    usage = run.usage
    counts = (
        usage.input_tokens,
        usage.fresh_input_tokens,
        usage.cache_read_tokens,
        usage.cache_write_tokens,
        usage.output_tokens,
    )
    return [str(cell) for cell in (run.observed.index, *counts, _CLASSES[run.bucket])]


def _notes(run: Run, minimum: int) -> list[str]:
    """Reasons to distrust a run's numbers, or to excuse a run that read nothing from the cache."""
    notes = [_REASONS.get(run.reason, run.reason)] if run.reason else []
    if missing := [_FIELDS.get(name, name) for name in run.usage.missing_fields]:
        notes.append(f"the answer does not report {', '.join(missing)}")
    if 0 < run.usage.input_tokens < minimum:
        notes.append(f"the prompt is shorter than {minimum:,} tokens")
    return notes

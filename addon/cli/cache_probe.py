"""`provider-proxy cache-probe`: does the provider's own prompt cache work on a route?"""

from __future__ import annotations

import json
from pathlib import Path

import click

from addon.cli.context import cache_options
from cache_store.conformance import FixtureError, Report, probe_entries, probe_fixture
from cache_store.conformance.fixture import MAX_FIXTURE
from cache_store.errors import ProviderProxyError, UsageError

__all__ = ["cache_probe"]


@click.command("cache-probe")
@click.argument("provider", default="")
@click.option("--model", default="", metavar="M", help="The model, as requests name it.")
@click.option("--usage-fixture", "fixture", metavar="PATH", help="Runs from a JSON file of usage objects.")
@click.option("--from-cache", is_flag=True, help="Runs from the recorded answers of that route.")
@click.option("--table/--json", "as_table", default=False, help="For people; JSON is the default.")
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

    Exit status: 0 fine, 1 a failure verdict or a fixture that cannot be used, 2 no source of runs or no
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
        click.echo(f"provider-proxy: {' '.join(str(error).split())}", err=True)
        ctx.exit(1 if isinstance(error, FixtureError) else 2)
    if as_table:
        from addon.cli.cache_probe_table import print_table

        print_table(report)
    else:
        # In ASCII: a fixture's texts may hold lone surrogates, which no terminal encodes.
        click.echo(json.dumps(report.as_json(), indent=2))
    ctx.exit(1 if report.failed else 0)


def _read(path: str) -> bytes:
    """The fixture, and of a larger file no more than shows that it is too large."""
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

"""`diff`: how two recorded requests differ."""

from __future__ import annotations

import click

from addon.cli.context import cache_options, open_store_for_reading
from addon.cli.entries import full_key
from addon.cli.explain import print_diagnosis
from addon.cli.output import print_json
from addon.diagnosis import diagnose_saved
from cache_store.entry import Entry
from cache_store.errors import EntryError, UsageError
from cache_store.store import Store

__all__ = ["diff"]


@click.command()
@cache_options
@click.argument("old")
@click.argument("new")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def diff(*, old: str, new: str, as_json: bool, cache_dir: str | None) -> None:
    """Say how the requests of two entries differ. Keys may be shortened."""
    with open_store_for_reading(cache_dir) as store:
        found = diagnose_saved(_entry(store, old), _entry(store, new))
    if as_json:
        print_json(found.as_dict())
    else:
        print_diagnosis(found.as_dict())


def _entry(store: Store, short: str) -> Entry:
    key = full_key(store, short)
    try:
        entry = store.get(key)
    except EntryError as error:
        raise UsageError(f"{key}: {error}") from error
    if entry is None:
        raise UsageError(f"{key} is gone")
    return entry

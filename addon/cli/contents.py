"""`ls`, `show`, `rm` and `stats`: list, show, remove and count the entries of the cache."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any

import click

from addon.accounting.figures import plural, size
from addon.cli.context import cache_options, open_store_for_reading, read_settings
from addon.cli.entries_by_test import keys_of_tests, only_of_tests, tests_of
from addon.cli.filters import Filter, filter_options
from addon.cli.keys import full_key, short_key
from addon.cli.output import print_fields, print_fitted, print_json, print_json_list, say, write_output
from addon.cli.progress import progress
from addon.cli.refused import list_refused
from addon.cli.showing import (
    age_text,
    body_text,
    header_pairs,
    request_line,
    said,
    shown,
    streamed,
    summary,
    time_text,
)
from cache_store.entry import Entry
from cache_store.errors import EntryError, UsageError
from cache_store.store import Store
from cache_store.tiers.tiered_store import TieredStore
from cache_store.transfer.ledger import forget_remotes

__all__ = ["entry_of", "ls", "rm", "show", "stats"]

_MODEL = 24  # columns
_COLUMNS = ("key", "age", "size", "model", "question")
_FIELDS = ("key", "recorded", "status", "bytes", "method", "host", "path", "model", "question")
_ORDERS: dict[str, Any] = {
    "recorded": lambda item: item["recorded_at"],
    "size": lambda item: -item["bytes"],
    "host": lambda item: (item.get("host", ""), item.get("path", "")),
    "model": lambda item: item.get("model", ""),
    "key": lambda item: item["key"],
}


@click.command()
@cache_options
@filter_options
@click.option("--sort", type=click.Choice(list(_ORDERS)), help="Without it: the order of first recording.")
@click.option(
    "--refused", is_flag=True, help="List the answers that were not stored instead, and what to do."
)
@click.option(
    "--test",
    "tests",
    multiple=True,
    metavar="GLOB",
    help="Only entries that such a test used in the last run.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def ls(
    *,
    sort: str | None,
    refused: bool,
    tests: tuple[str, ...],
    as_json: bool,
    cache_dir: str | None,
    **filters: Any,
) -> None:
    """List the entries: key, age, size, model and the first words of the question.

    In a pipe, each entry is one line of tab-separated fields: key, time, status, bytes, method, host, path, model,
    question. With --refused: key, time, reason, method, host, path, model, advice, test.
    """
    wanted, now, counted = Filter(**filters), time.time(), Counter[str]()
    if refused:
        list_refused(read_settings(cache_dir=cache_dir).cache_dir, wanted, now, as_json=as_json)
        return
    keys = keys_of_tests(tests) if tests else None

    def fits(entry: Entry) -> bool:
        return (keys is None or entry.key in keys) and wanted.matches(entry, now)

    with open_store_for_reading(cache_dir) as store:
        items = _found(store, fits, sort, counted)
        if as_json:
            print_json_list(items)
            return
        if sys.stdout.isatty():
            print_fitted(_COLUMNS, (_row(item, now) for item in items), right=("age", "size"))
        else:
            print_fields(map(_fields, items))
    say(plural(counted["entries"], "entry", "entries"), err=True)


def _found(
    store: Store, fits: Callable[[Entry], bool], sort: str | None, counted: Counter[str]
) -> Iterator[dict[str, Any]]:
    """The entries that fit, each as soon as it is read unless all are sorted first."""
    # Rows on a terminal are progress enough.
    with nullcontext() if sys.stdout.isatty() and not sort else progress() as shown:
        entries = store.iterate() if shown is None else shown.over(store.iterate(), "entries read")
        items = (summary(entry) for entry in entries if fits(entry))
        if not sort:
            for item in items:
                counted["entries"] += 1
                yield item
            return
        found = sorted(items, key=_ORDERS[sort])
    counted["entries"] = len(found)
    yield from found


def _row(item: dict[str, Any], now: float) -> tuple[str, ...]:
    """The cells of one line on a terminal."""
    question = item["question"] or request_line(item)
    answer = "" if item["status"] == 200 else f"[{item['status']}] "
    age = age_text(now - item["recorded_at"])
    return (
        short_key(item["key"]),
        age,
        size(item["bytes"]),
        _short_model(item.get("model", "")),
        answer + question,
    )


def _short_model(name: str) -> str:
    """A model's name without the folders that some providers put before it, cut so that the question has room."""
    last = name.rpartition("/")[2]
    return last if len(last) <= _MODEL else f"{last[: _MODEL - 1]}…"


def _fields(item: dict[str, Any]) -> tuple[str, ...]:
    """The fields of one line for another program."""
    return tuple(str(item.get(name, "")) for name in _FIELDS)


@click.command()
@cache_options
@click.argument("key")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--raw", is_flag=True, help="Print only the answer's body, byte for byte.")
@click.option("--headers", is_flag=True, help="Print the answer's headers too.")
def show(*, key: str, as_json: bool, raw: bool, headers: bool, cache_dir: str | None) -> None:
    """Show the request and the answer of one entry. KEY may be shortened."""
    with open_store_for_reading(cache_dir) as store:
        entry = entry_of(store, key)
    if raw:
        write_output(entry.body)
    elif as_json:
        more = {"request": entry.request, "headers": header_pairs(entry), "body": body_text(entry)}
        print_json(summary(entry) | streamed(entry) | {"tests": tests_of(entry.key)} | said(entry) | more)
    else:
        for line in shown(entry, headers=headers, tests=tests_of(entry.key)):
            say(line)


@click.command()
@cache_options
@click.argument("keys", nargs=-1)
@click.option(
    "--test",
    "tests",
    multiple=True,
    metavar="GLOB",
    help="Remove the entries that only such tests used in the last run.",
)
@click.option("--all", "everything", is_flag=True, help="Remove every entry, also from a second tier.")
def rm(*, keys: tuple[str, ...], everything: bool, tests: tuple[str, ...], cache_dir: str | None) -> None:
    """Remove entries. Keys may be shortened."""
    if bool(everything) + bool(keys) + bool(tests) != 1:
        raise click.UsageError("name the keys to remove, or use --test or --all")
    of_tests = only_of_tests(tests) if tests else set()
    folder = read_settings(cache_dir=cache_dir).cache_dir
    with open_store_for_reading(cache_dir) as store:
        if folder is not None:
            forget_remotes(folder)
        if everything:
            removed = store.clear()
        elif tests:
            removed = sum(store.remove(key) for key in sorted(of_tests))
        else:
            full = [full_key(store.keys(), key) for key in keys]
            removed = sum(store.remove(key) for key in full)
    say(f"removed {removed}", err=True)


@click.command()
@cache_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def stats(*, as_json: bool, cache_dir: str | None) -> None:
    """Count the entries of the cache, by host and by model."""
    with open_store_for_reading(cache_dir) as store, progress() as shown:
        held = store.stats()
        hosts: Counter[str] = Counter()
        models: Counter[str] = Counter()
        times = []
        for entry in shown.over(store.iterate(), "entries read"):
            hosts[entry.label.get("host", "?")] += 1
            models[entry.label.get("model", "?")] += 1
            times.append(entry.recorded_at)
        tiers = _tiers(store)
    oldest, newest = (time_text(min(times)), time_text(max(times))) if times else (None, None)
    if as_json:
        print_json(
            {
                "entries": held.entries,
                "bytes": held.bytes,
                "oldest": oldest,
                "newest": newest,
                "hosts": dict(sorted(hosts.items())),
                "models": dict(sorted(models.items())),
                "tiers": tiers,
            }
        )
        return
    say(f"entries  {held.entries}")
    say(f"bytes    {held.bytes}")
    if times:
        say(f"oldest   {oldest}")
        say(f"newest   {newest}")
    for counted in (hosts, models):
        for name, count in sorted(counted.items()):
            say(f"{count:7}  {name}")
    if tiers:
        state = "reads blocked until `rm --all` succeeds" if tiers["blocked"] else "reachable"
        say(f"second   {tiers['second']}, {state if tiers['healthy'] else tiers['why']}")


def _tiers(store: Store) -> dict[str, Any] | None:
    """The state of the second tier, asked now; None if there is none."""
    if not isinstance(store, TieredStore):
        return None
    from cache_store.errors import StoreError

    try:
        store.far.open()
        entries: int | None = store.far.stats().entries
        why = ""
    except StoreError as error:
        entries, why = None, str(error)
    return store.state() | {"healthy": not why, "entries": entries, "why": why}


def entry_of(store: Store, short: str) -> Entry:
    """The entry whose key begins with `short`. Raises UsageError unless there is exactly one that can be read."""
    key = full_key(store.keys(), short)
    try:
        entry = store.get(key)
    except EntryError as error:
        raise UsageError(
            f"{key}: {error}; `provider-proxy verify --repair` moves it out of the way"
        ) from error
    if entry is None:
        raise UsageError(f"{key} has just been removed; see `provider-proxy ls`")
    return entry

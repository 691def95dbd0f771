"""`ls`, `show`, `rm`, `stats`: a look into the cache."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

import click

from addon.cli.context import cache_options, open_store_for_reading, read_settings
from addon.cli.filters import Filter, filter_options
from addon.cli.output import print_json, print_table, say, write_output
from addon.cli.showing import body_text, header_pairs, shown, summary, time_text
from cache_store.entry import Entry
from cache_store.errors import EntryError, UsageError
from cache_store.store import Store
from cache_store.tiers.tiered_store import TieredStore
from cache_store.transfer.ledger import forget_remotes

__all__ = ["full_key", "ls", "rm", "show", "stats"]

_SHORT = 12  # characters of a key that listings show

_COLUMNS = ("key", "recorded", "status", "bytes", "request", "model")
_ORDERS: dict[str, Any] = {
    "recorded": lambda item: item["recorded"],
    "size": lambda item: -item["bytes"],
    "host": lambda item: (item.get("host", ""), item.get("path", "")),
    "model": lambda item: item.get("model", ""),
    "key": lambda item: item["key"],
}


@click.command()
@cache_options
@filter_options
@click.option("--sort", type=click.Choice(list(_ORDERS)), help="By default in the order of first recording.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def ls(*, sort: str | None, as_json: bool, cache_dir: str | None, **filters: Any) -> None:
    """List the entries."""
    wanted, now = Filter(**filters), time.time()
    with open_store_for_reading(cache_dir) as store:
        items = [summary(entry) for entry in store.iterate() if wanted.matches(entry, now)]
    if sort:
        items.sort(key=_ORDERS[sort])
    if as_json:
        print_json(items)
        return
    if items:
        print_table(_COLUMNS, map(_row, items), right=("status", "bytes"))
    say(f"{len(items)} {'entry' if len(items) == 1 else 'entries'}", err=True)


def _row(item: dict[str, Any]) -> tuple[str, ...]:
    request = f"{item.get('method', '')} {item.get('host', '')}{item.get('path', '')}"
    key = item["key"][:_SHORT]
    return key, item["recorded"], str(item["status"]), str(item["bytes"]), request, item.get("model", "")


@click.command()
@cache_options
@click.argument("key")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--raw", is_flag=True, help="Print the answer's body and nothing else, byte for byte.")
@click.option("--headers", is_flag=True, help="Print the answer's headers too.")
def show(*, key: str, as_json: bool, raw: bool, headers: bool, cache_dir: str | None) -> None:
    """Show one entry: its request and its answer as a person reads them. KEY may be shortened."""
    with open_store_for_reading(cache_dir) as store:
        entry = _entry(store, key)
    if raw:
        write_output(entry.body)
    elif as_json:
        more = {"request": entry.request, "headers": header_pairs(entry), "body": body_text(entry)}
        print_json(summary(entry) | more)
    else:
        for line in shown(entry, headers=headers):
            say(line)


@click.command()
@cache_options
@click.argument("keys", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Remove every entry, of a second tier too.")
def rm(*, keys: tuple[str, ...], everything: bool, cache_dir: str | None) -> None:
    """Remove entries. Keys may be shortened."""
    if everything == bool(keys):
        raise click.UsageError("name the keys to remove, or --all")
    folder = read_settings(cache_dir=cache_dir).cache_dir
    with open_store_for_reading(cache_dir) as store:
        if folder is not None:
            forget_remotes(folder)
        if everything:
            removed = store.clear()
        else:
            full = [full_key(store, key) for key in keys]
            removed = sum(store.remove(key) for key in full)
    say(f"removed {removed}", err=True)


@click.command()
@cache_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def stats(*, as_json: bool, cache_dir: str | None) -> None:
    """Say what the cache holds."""
    with open_store_for_reading(cache_dir) as store:
        held = store.stats()
        hosts: Counter[str] = Counter()
        models: Counter[str] = Counter()
        times = []
        for entry in store.iterate():
            hosts[entry.label.get("host", "?")] += 1
            models[entry.label.get("model", "?")] += 1
            times.append(entry.recorded_at)
        tiers = _tiers(store)
    found = {
        "entries": held.entries,
        "bytes": held.bytes,
        "oldest": time_text(min(times)) if times else None,
        "newest": time_text(max(times)) if times else None,
        "hosts": dict(sorted(hosts.items())),
        "models": dict(sorted(models.items())),
        "tiers": tiers,
    }
    if as_json:
        print_json(found)
        return
    say(f"entries  {held.entries}")
    say(f"bytes    {held.bytes}")
    if times:
        say(f"oldest   {found['oldest']}")
        say(f"newest   {found['newest']}")
    for counted in (hosts, models):
        for name, count in sorted(counted.items()):
            say(f"{count:7}  {name}")
    if tiers:
        state = "reads blocked until `rm --all` succeeds" if tiers["blocked"] else "reachable"
        say(f"second   {tiers['second']}, {state if tiers['healthy'] else tiers['why']}")


def _tiers(store: Store) -> dict[str, Any] | None:
    """The second tier's state, as it is when it is asked now."""
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


def full_key(store: Store, short: str) -> str:
    """The one key that begins with `short`, with or without its `pp1-`. Raises UsageError for none or several."""
    keys = list(store.keys())
    found = [key for key in keys if key.startswith((short, f"pp1-{short}"))]
    if short in found:
        return short
    if len(found) != 1:
        several = f"{len(found)} keys begin with {short!r}; give more of it"
        raise UsageError(
            several if found else f"no entry's key begins with {short!r}; see `provider-proxy ls`"
        )
    return found[0]


def _entry(store: Store, short: str) -> Entry:
    key = full_key(store, short)
    try:
        entry = store.get(key)
    except EntryError as error:
        raise UsageError(f"{key}: {error}") from error
    if entry is None:
        raise UsageError(f"{key} is gone")
    return entry

"""`ls`, `show`, `rm`, `stats`: a look into the cache."""

from __future__ import annotations

import datetime
import sys
from typing import Any

import click

from addon.cli.context import cache_options, open_store_for_reading, print_json
from cache_store.entry import Entry
from cache_store.errors import EntryError, UsageError
from cache_store.store import Store

__all__ = ["full_key", "ls", "rm", "show", "stats"]

_SHORT = 12  # characters of a key that listings show


@click.command()
@cache_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def ls(*, as_json: bool, cache_dir: str | None) -> None:
    """List the entries."""
    with open_store_for_reading(cache_dir) as store:
        entries = list(store.iterate())
    if as_json:
        print_json([_summary(entry) for entry in entries])
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("key", "recorded", "status", "bytes", "request", "model"):
        table.add_column(
            name, justify="right" if name in ("status", "bytes") else "left", no_wrap=name == "key"
        )
    for entry in entries:
        label = entry.label
        request = f"{label.get('method', '')} {label.get('host', '')}{label.get('path', '')}"
        table.add_row(entry.key[:_SHORT], _time(entry.recorded_at), str(entry.status), str(entry.size), request,
                      label.get("model", ""))  # fmt: skip
    if entries:
        Console(highlight=False).print(table)
    click.echo(f"{len(entries)} {'entry' if len(entries) == 1 else 'entries'}", err=True)


@click.command()
@cache_options
@click.argument("key")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--raw", is_flag=True, help="Print the answer's body and nothing else, byte for byte.")
def show(*, key: str, as_json: bool, raw: bool, cache_dir: str | None) -> None:
    """Show one entry: its request and its answer. KEY may be shortened."""
    with open_store_for_reading(cache_dir) as store:
        entry = _entry(store, key)
    if raw:
        sys.stdout.buffer.write(entry.body)
        return
    if as_json:
        print_json(
            _summary(entry) | {"request": entry.request, "headers": _headers(entry), "body": _text(entry)}
        )
        return
    label = entry.label
    click.echo(f"{label.get('method', '')} {label.get('host', '')}{label.get('path', '')}")
    click.echo(f"key       {entry.key}\nrecorded  {_time(entry.recorded_at)}, {entry.elapsed:.2f} s, "
               f"judged {entry.judged}\nstatus    {entry.status} {entry.reason}")  # fmt: skip
    for name, value in _headers(entry):
        click.echo(f"          {name}: {value}")
    click.echo(f"\n{_text(entry)}")


@click.command()
@cache_options
@click.argument("keys", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Remove every entry.")
def rm(*, keys: tuple[str, ...], everything: bool, cache_dir: str | None) -> None:
    """Remove entries. Keys may be shortened."""
    if everything == bool(keys):
        raise click.UsageError("name the keys to remove, or --all")
    with open_store_for_reading(cache_dir) as store:
        if everything:
            removed = store.clear()
        else:
            full = [full_key(store, key) for key in keys]
            removed = sum(store.remove(key) for key in full)
    click.echo(f"removed {removed}", err=True)


@click.command()
@cache_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def stats(*, as_json: bool, cache_dir: str | None) -> None:
    """Say what the cache holds."""
    with open_store_for_reading(cache_dir) as store:
        held = store.stats()
        hosts: dict[str, int] = {}
        times = []
        for entry in store.iterate():
            host = entry.label.get("host", "?")
            hosts[host] = hosts.get(host, 0) + 1
            times.append(entry.recorded_at)
    summary = {
        "entries": held.entries,
        "bytes": held.bytes,
        "oldest": _time(min(times)) if times else None,
        "newest": _time(max(times)) if times else None,
        "hosts": dict(sorted(hosts.items())),
    }
    if as_json:
        print_json(summary)
        return
    click.echo(f"entries  {held.entries}\nbytes    {held.bytes}")
    if times:
        click.echo(f"oldest   {summary['oldest']}\nnewest   {summary['newest']}")
    for host, count in sorted(hosts.items()):
        click.echo(f"{count:7}  {host}")


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


def _summary(entry: Entry) -> dict[str, Any]:
    return {
        "key": entry.key,
        **entry.label,
        "status": entry.status,
        "bytes": entry.size,
        "recorded": _time(entry.recorded_at),
        "elapsed": round(entry.elapsed, 3),
        "judged": entry.judged,
    }


def _headers(entry: Entry) -> list[tuple[str, str]]:
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in entry.headers]


def _text(entry: Entry) -> str:
    try:
        return entry.body.decode()
    except UnicodeDecodeError:
        return f"({entry.size} bytes that are no text; --raw prints them)"


def _time(seconds: float) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%d %H:%M:%SZ")

"""`restore`: brings back recordings that were set aside."""

from __future__ import annotations

from collections.abc import Iterable

import click

from addon.accounting.figures import day, plural
from addon.cli.context import cache_options, open_store_for_reading
from addon.cli.keys import full_key, short_key
from addon.cli.output import print_json, say
from cache_store.disk.disk_store import DiskStore
from cache_store.errors import UsageError

__all__ = ["restore"]


@click.command()
@cache_options
@click.option("--list", "lists", is_flag=True, help="List what was set aside and why, and restore nothing.")
@click.option(
    "--replace", is_flag=True, help="Also where a newer recording exists, which is set aside in turn."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.argument("keys", nargs=-1)
def restore(
    *, keys: tuple[str, ...], lists: bool, replace: bool, as_json: bool, cache_dir: str | None
) -> None:
    """Bring back recordings that were set aside because a provider no longer knew their ids, all or those of KEYS.

    A newer recording of the same request stays, unless --replace is given.
    """
    with open_store_for_reading(cache_dir) as store:
        near = store.local
        assert isinstance(near, DiskStore)
        aside = near.all_aside()
        there = dict.fromkeys(each.key for each in aside)
        wanted = [_key_aside(there, key) for key in keys] or list(there)
        if lists:
            rows = [each for each in aside if each.key in wanted]
            if as_json:
                print_json(
                    [
                        {"key": r.key, "recorded_at": r.recorded_at, "set_aside_at": r.at, "why": r.why}
                        for r in rows
                    ]
                )
                return
            for row in rows:
                say(
                    f"{short_key(row.key)}  recorded {day(row.recorded_at)}, set aside {day(row.at)}: {row.why}"
                )
            say(f"{plural(len(rows), 'recording')} set aside", err=True)
            return
        back, kept = near.restore(wanted, replaces=replace)
    if as_json:
        print_json({"restored": back, "kept": kept})
        return
    newer = (
        f", {len(kept)} with a newer recording stayed set aside; --replace brings them back" if kept else ""
    )
    say(f"restored {plural(len(back), 'recording')}{newer}", err=True)


def _key_aside(there: Iterable[str], short: str) -> str:
    try:
        return full_key(there, short)
    except UsageError as error:
        raise UsageError(f"{error}".replace("provider-proxy ls", "provider-proxy restore --list")) from error

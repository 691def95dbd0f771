"""`verify`: reads every entry to its last byte and checks whether it may be served."""

from __future__ import annotations

import hashlib
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path

import click

from addon.accounting.figures import plural
from addon.cli.context import cache_options, open_store_for_reading, read_settings
from addon.cli.output import print_json, say
from addon.cli.progress import Progress, progress
from addon.cli.rule_use import print_rule_use, rule_use
from addon.settings.settings import Settings
from cache_store.disk.disk_store import DiskStore
from cache_store.disk.orphans import find_orphans, remove_orphans
from cache_store.entry import Entry
from cache_store.errors import CorruptEntry, EntryError, TransferError
from cache_store.store import Store
from cache_store.transfer.ledger import forget_remotes

__all__ = ["verify"]

_ASIDE = "aside"


@dataclass(slots=True)
class _Checked:
    """How many entries there are, why the bad ones are bad, and which keys cannot be checked."""

    entries: int = 0
    bad: dict[str, str] = field(default_factory=dict)
    unchecked: list[str] = field(default_factory=list)


@click.command()
@cache_options
@click.option(
    "--repair",
    is_flag=True,
    help="Move bad entries to aside/ in the cache directory; remove files that no entry names.",
)
@click.option(
    "--trust", is_flag=True, help="Accept entries without a saved request: their keys cannot be checked."
)
@click.option(
    "--rules",
    is_flag=True,
    help="Instead, say what each volatile rule matches, and which answers would meet.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def verify(*, repair: bool, trust: bool, rules: bool, as_json: bool, cache_dir: str | None) -> None:
    """Check every entry: checksum, schema, key, status and headers, as an import does. Exit status 1 if one is bad,
    or cannot be checked; with --rules, if a rule is too broad or different answers would meet."""
    settings = read_settings(cache_dir=cache_dir)
    if rules:
        with open_store_for_reading(cache_dir) as store, progress() as shown:
            use = rule_use(store, settings.identity, shown)
        if as_json:
            print_json(use.as_dict(settings.identity))
        else:
            print_rule_use(use, settings.identity)
        sys.exit(1 if use.meeting or use.breadth.reasons() else 0)
    with open_store_for_reading(cache_dir) as store, progress() as shown:
        checked = _check(store, settings, shown)
        moved = _move_aside(store, checked.bad) if repair and checked.bad else []
        orphans = _orphans(store, remove=repair)
    unchecked = [] if trust or not settings.save_request else checked.unchecked
    if as_json:
        bad = [{"key": key, "why": why} for key, why in checked.bad.items()]
        found = {"entries": checked.entries, "bad": bad, "moved": moved}
        print_json(found | {"unchecked": unchecked, "orphans": orphans})
    else:
        for key, why in checked.bad.items():
            say(f"{key}  {why}")
        for key in unchecked:
            say(f"{key}  its request is not saved, so its key cannot be checked")
        done = f"; {len(moved)} moved to {_ASIDE}/" if repair else ""
        more = f", {len(unchecked)} without a saved request (accept them with --trust)" if unchecked else ""
        say(f"{plural(checked.entries, 'entry', 'entries')}, {len(checked.bad)} bad{more}{done}", err=True)
        if orphans:
            say(_about(orphans, removed=repair), err=True)
    sys.exit(1 if unchecked or len(checked.bad) > len(moved) else 0)


def _check(store: Store, settings: Settings, shown: Progress) -> _Checked:
    from addon.transfer.key_check import UncheckedKey, check_key
    from addon.transfer.own_entries import OwnEntries

    # Other settings may have been set when it was recorded: what any setting allows is fine here.
    lenient = replace(
        settings,
        store_errors=frozenset(range(400, 600)),
        store_incomplete=True,
        allow_secrets_in_responses=True,
    )
    admit = OwnEntries(lenient, trust=True).admit
    checked = _Checked()
    for key in shown.over(store.keys(), "entries checked"):
        checked.entries += 1
        try:
            entry = store.local.get(key)
            if entry is None:
                raise CorruptEntry("its file is gone")
            try:
                check_key(entry)
            except UncheckedKey:
                checked.unchecked.append(key)
            _check_headers(entry, admit(entry))
        except EntryError as error:
            checked.bad[key] = str(error)
    return checked


def _check_headers(entry: Entry, admitted: Entry) -> None:
    kept = {name.lower() for name, _ in admitted.headers}
    dropped = {name.lower() for name, _ in entry.headers} - kept
    if dropped:
        names = b", ".join(sorted(dropped)).decode("latin-1")
        raise CorruptEntry(f"it has headers that are never stored: {names}")


def _orphans(store: Store, *, remove: bool) -> dict[str, int]:
    near = store.local
    if not isinstance(near, DiskStore):
        return {}
    return remove_orphans(near.directory) if remove else find_orphans(near.directory)


def _about(orphans: dict[str, int], *, removed: bool) -> str:
    files, them = ("file", "it") if len(orphans) == 1 else ("files", "them")
    what = f"{sum(orphans.values()) / 1e6:.1f} MB in {len(orphans)} {files} that no entry names"
    return f"{what}: {'removed' if removed else f'--repair removes {them}'}"


def _move_aside(store: Store, bad: dict[str, str]) -> list[str]:
    """Remove the bad entries and keep the bytes of each in a file; the keys."""
    near = store.local
    if not isinstance(near, DiskStore):
        return []
    folder = near.directory / _ASIDE
    for key in bad:
        data = near.raw(key)
        if data is not None:
            _keep(folder, key, data)
        near.remove(key)
    forget_remotes(near.directory)
    return list(bad)


def _keep(folder: Path, key: str, data: bytes) -> None:
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        # A key may be anything here; its digest is a safe name.
        (folder / f"{hashlib.sha256(key.encode('utf-8', 'replace')).hexdigest()}.entry").write_bytes(data)
    except OSError as error:
        raise TransferError(f"{folder} cannot be written: {error.strerror}; nothing was removed") from error

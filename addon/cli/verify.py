"""`verify`: read every entry to its last byte."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from addon.accounting.figures import plural
from addon.cli.context import cache_options, open_store_for_reading
from addon.cli.output import print_json, say
from cache_store.disk.disk_store import DiskStore
from cache_store.disk.orphans import find_orphans, remove_orphans
from cache_store.errors import EntryError, TransferError
from cache_store.store import Store
from cache_store.transfer.ledger import forget_remotes

__all__ = ["verify"]

_ASIDE = "aside"


@click.command()
@cache_options
@click.option(
    "--repair", is_flag=True,
    help="Move what is bad out of the way, into aside/ in the cache directory; remove files that no entry names.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def verify(*, repair: bool, as_json: bool, cache_dir: str | None) -> None:
    """Check every entry's checksum, schema and key. Exit status 1 where one is bad."""
    with open_store_for_reading(cache_dir) as store:
        count, bad = _check(store)
        moved = _move_aside(store, bad) if repair and bad else []
        orphans = _orphans(store, remove=repair)
    if as_json:
        print_json({
            "entries": count, "bad": [{"key": key, "why": why} for key, why in bad.items()], "moved": moved,
            "orphans": orphans,
        })  # fmt: skip
    else:
        for key, why in bad.items():
            say(f"{key}  {why}")
        done = f"; {len(moved)} moved to {_ASIDE}/" if repair else ""
        say(f"{plural(count, 'entry', 'entries')}, {len(bad)} bad{done}", err=True)
        if orphans:
            say(_about(orphans, removed=repair), err=True)
    sys.exit(1 if len(bad) > len(moved) else 0)


def _check(store: Store) -> tuple[int, dict[str, str]]:
    """How many entries there are, and what is wrong with the bad ones, by key."""
    from addon.transfer.key_check import check_key

    bad: dict[str, str] = {}
    count = 0
    for key in list(store.keys()):
        count += 1
        try:
            entry = store.local.get(key)
            if entry is None:
                bad[key] = "its file is gone"
            else:
                check_key(entry)
        except EntryError as error:
            bad[key] = str(error)
    return count, bad


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
    """Remove the bad ones, their bytes kept beside where there are any; the keys."""
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
    import hashlib

    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        # A key may be anything here; its digest is a name.
        (folder / f"{hashlib.sha256(key.encode('utf-8', 'replace')).hexdigest()}.entry").write_bytes(data)
    except OSError as error:
        raise TransferError(f"{folder} cannot be written: {error.strerror}; nothing was removed") from error

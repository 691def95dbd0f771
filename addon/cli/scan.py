"""`scan`: look for secrets before a cache is uploaded or committed."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import click

from addon.accounting.figures import plural
from addon.cli.context import cache_options, open_store_for_reading
from addon.cli.output import print_json, say
from addon.cli.progress import progress
from addon.redaction.scanning import Leak, scan_bytes, scan_entry
from cache_store.disk.database_check import DATABASE
from cache_store.errors import EntryError, UsageError
from cache_store.store import KeepsAside

__all__ = ["scan"]

_MAX_FILE = 256 * 2**20  # bytes


@click.command()
@cache_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
def scan(*, paths: tuple[Path, ...], as_json: bool, cache_dir: str | None) -> None:
    """Look for secrets in the cache, or in PATHS: caches, exports, files.

    Exit status 1 if any is found. Signed URLs in answers are listed but do not count, because the caller asked for
    them.
    """
    rows = list(_scan_all(paths, cache_dir))
    secrets = [row for row in rows if not row[1].note]
    if as_json:
        print_json([{"where": where} | leak._asdict() for where, leak in rows])
    else:
        for where, leak in rows:
            say(f"{'note  ' if leak.note else 'SECRET'}  {leak.kind:20} {leak.part:10} {where}")
        say(f"{plural(len(secrets), 'secret')} found" if secrets else "no secrets found", err=True)
    sys.exit(1 if secrets else 0)


def _scan_all(paths: tuple[Path, ...], cache_dir: str | None) -> Iterator[tuple[str, Leak]]:
    if not paths:
        yield from _scan_cache(cache_dir)
    for path in paths:
        if (path / DATABASE).exists():
            yield from _scan_cache(str(path))
        elif path.exists():
            files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
            for file in files:
                yield from _scan_file(file)
        else:
            raise UsageError(f"{path} does not exist")


def _scan_cache(cache_dir: str | None) -> Iterator[tuple[str, Leak]]:
    with open_store_for_reading(cache_dir) as store:
        near = store.local
        aside = near.entries_aside() if isinstance(near, KeepsAside) else ()
        with progress() as shown:
            for entry in shown.over(chain(store.iterate(), aside), "entries searched"):
                yield from ((entry.key, leak) for leak in scan_entry(entry))


def _scan_file(file: Path) -> Iterator[tuple[str, Leak]]:
    """Scan a file that `export` wrote entry by entry, and any other file as bytes."""
    from cache_store.transfer.files import from_file
    from cache_store.transfer.pack import MAGIC, read_pack

    with file.open("rb") as start:
        is_pack = start.read(len(MAGIC)) == MAGIC
    if is_pack:
        for entry in read_pack(file):
            yield from ((f"{file} {entry.key}", leak) for leak in scan_entry(entry))
        return
    if file.stat().st_size > _MAX_FILE:
        raise UsageError(f"{file} is larger than {_MAX_FILE // 2**20} MiB; scan the cache that it came from")
    data = file.read_bytes()
    leaks = scan_bytes(data)
    if file.suffix == ".json":
        try:
            in_entry = scan_entry(from_file(data, time.time()))
        except EntryError:
            in_entry = []
        kinds = {leak.kind for leak in in_entry}
        leaks = in_entry + [leak for leak in leaks if leak.kind not in kinds]
    yield from ((str(file), leak) for leak in leaks)

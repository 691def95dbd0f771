"""`export` and `import`: the cache to and from files."""

from __future__ import annotations

import uuid
from collections import Counter
from pathlib import Path

import click

from addon.accounting.figures import plural
from addon.cli.context import cache_options, open_store_for_reading, open_store_for_writing, read_settings
from addon.cli.output import say
from addon.transfer.formats import WRITTEN, Format, format_to_write
from cache_store.errors import TransferError
from cache_store.transfer.files import write_files
from cache_store.transfer.pack import write_pack

__all__ = ["export", "import_"]

_NAMED = 20


@click.command()
@cache_options
@click.argument("path", type=click.Path(path_type=Path))
@click.option(
    "--format", "kind", type=click.Choice([str(f) for f in WRITTEN]), help="By default told by PATH's name."
)
def export(*, path: Path, kind: str | None, cache_dir: str | None) -> None:
    """Write the cache to PATH: a pack (.ppack), or a directory of files to commit and review."""
    written = Format(kind) if kind else format_to_write(path)
    with open_store_for_reading(cache_dir) as store:
        if written is Format.PACK:
            count = write_pack((entry.encode() for entry in store.iterate()), path).entries
        else:
            count = write_files(store.iterate(), path)
    say(f"exported {plural(count, 'entry', 'entries')} to {path}", err=True)


@click.command("import")
@cache_options
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--format", "kind", type=click.Choice([str(f) for f in Format]), help="By default told by the name."
)
def import_(*, paths: tuple[Path, ...], kind: str | None, cache_dir: str | None) -> None:
    """Merge PATHS into the cache: packs, exported directories, caches, TensorZero's files, vcrpy's cassettes,
    HAR and mitmproxy's flow files. All are read before anything is stored; the newer recording wins."""
    from addon.transfer.importing import import_paths

    settings = read_settings(cache_dir=cache_dir)
    with open_store_for_writing(cache_dir) as store:
        done = import_paths(store, paths, settings, uuid.uuid4().hex, Format(kind) if kind else None)
    for line in done.named[:_NAMED]:
        say(f"skipped {line}", err=True)
    if len(done.named) > _NAMED:
        say(f"skipped {len(done.named) - _NAMED} more", err=True)
    merged = done.merged
    if done.skipped and not merged.stored + merged.kept:
        raise TransferError(f"nothing could be imported{_reasons(done.skipped)}")
    stored = plural(merged.stored, "entry", "entries")
    say(f"imported {stored}, {merged.kept} not newer{_reasons(done.skipped)}", err=True)


def _reasons(skipped: Counter[str]) -> str:
    if not skipped:
        return ""
    return "; skipped: " + ", ".join(f"{reason} {count}" for reason, count in sorted(skipped.items()))

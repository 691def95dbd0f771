"""`export` and `import`: the cache to and from files."""

from __future__ import annotations

import sys
import uuid
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

import click

from addon.accounting.figures import plural
from addon.cli.context import cache_options, open_store_for_reading, open_store_for_writing, read_settings
from addon.cli.filters import SIZE
from addon.cli.output import say
from addon.cli.progress import progress
from addon.transfer.formats import WRITTEN, Format, format_to_write
from cache_store.errors import TransferError, UsageError
from cache_store.transfer.files import write_files
from cache_store.transfer.pack import write_pack

__all__ = ["export", "import_"]

_MAX_LINES = 20


@click.command()
@cache_options
@click.argument("path", type=click.Path(path_type=Path))
@click.option(
    "--format", "kind", type=click.Choice([str(f) for f in WRITTEN]), help="By default told by PATH's name."
)
def export(*, path: Path, kind: str | None, cache_dir: str | None) -> None:
    """Write the cache to PATH: a pack (.ppack), or a directory of files to commit and review."""
    written = Format(kind) if kind else format_to_write(path)
    with open_store_for_reading(cache_dir) as store, progress() as shown:
        entries = shown.over(store.iterate(), "entries read")
        if written is Format.PACK:
            count = write_pack((entry.encode() for entry in entries), path).entries
        else:
            count = write_files(entries, path)
    say(f"exported {plural(count, 'entry', 'entries')} to {path}", err=True)


@click.command("import")
@cache_options
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--format", "kind", type=click.Choice([str(f) for f in Format]), help="By default told by the name."
)
@click.option(
    "--trust", is_flag=True, help="Import entries without a saved request too: their keys cannot be checked."
)
@click.option("--max-size", type=SIZE, help="How much one pack may unpack to; by default 100 times its size.")
@click.option(
    "--unknown-headers",
    metavar="NAMES",
    default="",
    help="Headers that the recorder left out, with commas: a request that has them hits; * stands for all.",
)
@click.option(
    "--per-test",
    "ids",
    type=click.File(encoding="utf-8"),
    metavar="IDS",
    help="Give each cassette to its test, for PROVIDER_PROXY_REPEAT=per-test. IDS has the test ids, as "
    "`pytest --collect-only -q` prints them; - is stdin.",
)
def import_(
    *,
    paths: tuple[Path, ...],
    kind: str | None,
    trust: bool,
    max_size: int | None,
    unknown_headers: str,
    ids: TextIO | None,
    cache_dir: str | None,
) -> None:
    """Merge PATHS into the cache: packs, exported directories, caches, cassettes of vcrpy, VCR and go-vcr,
    HAR, mitmproxy's flow files and TensorZero's files, or directories of them. All are read before anything is
    stored; the newer recording wins. Exit status 1 if a file or entry was refused."""
    from addon.transfer.importing import import_paths

    tests = None
    if ids is not None:
        from addon.transfer.cassette_names import tests_by_cassette

        tests = tests_by_cassette(ids, Path.cwd())
        if not tests:
            raise UsageError("--per-test: no test ids; give what `pytest --collect-only -q` prints")
    settings = read_settings(cache_dir=cache_dir)
    only = Format(kind) if kind else None
    with open_store_for_writing(cache_dir) as store:
        done = import_paths(
            store,
            paths,
            settings,
            uuid.uuid4().hex,
            only,
            trust=trust,
            max_size=max_size,
            unknown_headers=frozenset(name.strip().lower() for name in unknown_headers.split(",")) - {""},
            tests=tests,
        )
    if len(done.refused) == 1 and not (done.merged.stored or done.merged.kept or done.skipped):
        raise TransferError(done.refused[0])
    _list("refused", done.refused)
    _list("skipped", done.named)
    _list("replaced", done.replaced)
    _list("belongs to no test, so every test may use it", done.without_test)
    merged = done.merged
    if done.skipped and not merged.stored + merged.kept:
        raise TransferError(f"nothing could be imported{_reasons(done.skipped)}")
    edited = f", {done.edited} edited by hand" if done.edited else ""
    stored = plural(merged.stored, "entry", "entries")
    refused = f", {len(done.refused)} refused" if done.refused else ""
    say(f"imported {stored}{edited}, {merged.kept} not newer{refused}{_reasons(done.skipped)}", err=True)
    sys.exit(1 if done.refused else 0)


def _list(what: str, lines: Sequence[str]) -> None:
    for line in lines[:_MAX_LINES]:
        say(f"{what}: {line}", err=True)
    if len(lines) > _MAX_LINES:
        say(f"{what}: {len(lines) - _MAX_LINES} more", err=True)


def _reasons(skipped: Counter[str]) -> str:
    if not skipped:
        return ""
    return "; skipped: " + ", ".join(f"{reason} {count}" for reason, count in sorted(skipped.items()))

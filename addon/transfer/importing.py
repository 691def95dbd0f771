"""Files into a store: all that is named, or nothing."""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from addon.settings.settings import Settings
from addon.transfer.admit import Admission, Exchange, Refused
from addon.transfer.formats import Format, format_of
from addon.transfer.key_check import check_key
from cache_store.disk.disk_store import DiskStore
from cache_store.entry import Entry
from cache_store.errors import EntryError, TransferError, UsageError
from cache_store.store import Store
from cache_store.transfer.files import read_files
from cache_store.transfer.merge import Merged, merge
from cache_store.transfer.pack import read_pack, write_pack

__all__ = ["Imported", "import_paths"]


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of what was read: merged, or skipped by reason; `named` says more of some that were refused."""

    merged: Merged
    skipped: Counter[str] = field(default_factory=Counter)
    named: tuple[str, ...] = ()


def import_paths(
    store: Store, paths: Iterable[Path], settings: Settings, run: str, only: Format | None = None
) -> Imported:
    """Read all of `paths` to their ends, then merge; `only` is their format, else their names tell it.

    Raises TransferError, or UsageError for a format that is not told, with nothing merged.
    """
    admission = Admission(settings, run)
    with tempfile.TemporaryDirectory(prefix="provider-proxy-") as folder:
        whole = Path(folder) / "import.ppack"
        write_pack((entry.encode() for path in paths for entry in _entries(path, only, admission)), whole)
        merged = merge(store, read_pack(whole))
    return Imported(merged, admission.skipped, tuple(admission.named))


def _entries(path: Path, only: Format | None, admission: Admission) -> Iterator[Entry]:
    if not path.exists():
        raise UsageError(f"{path}: there is no such file or directory")
    kind = only or format_of(path)
    own = _OWN.get(kind)
    if own is not None:
        yield from _checked(own(path), path)
    else:
        yield from admission.entries(_foreign(kind)(path))


def _checked(entries: Iterator[Entry], path: Path) -> Iterator[Entry]:
    for entry in entries:
        try:
            check_key(entry)
        except EntryError as error:
            raise TransferError(f"{path}: entry {entry.key[:16]}: {error}") from error
        yield entry


def _cache(path: Path) -> Iterator[Entry]:
    with closing(DiskStore(path)) as other:
        other.open()
        yield from other.iterate()


def _files(path: Path) -> Iterator[Entry]:
    return (entry for _, entry in read_files(path, time.time()))


_OWN: dict[Format, Callable[[Path], Iterator[Entry]]] = {
    Format.PACK: read_pack,
    Format.DIR: _files,
    Format.CACHE: _cache,
}


def _foreign(kind: Format) -> Callable[[Path], Iterator[Exchange | Refused]]:
    """The reader of another tool's format, loaded when it is used."""
    if kind is Format.TENSORZERO:
        from addon.transfer.tensorzero import read_tensorzero

        return read_tensorzero
    if kind is Format.VCR:
        from addon.transfer.cassettes import read_cassette

        return read_cassette
    from addon.transfer import flow_files

    return flow_files.read_har if kind is Format.HAR else flow_files.read_flows

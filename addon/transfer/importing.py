"""Imports files and directories into a store. Every file is read before anything is stored."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from addon.settings.settings import Settings
from addon.transfer.admit import Admission, Exchange, Refused
from addon.transfer.formats import Format, by_suffix, format_of
from addon.transfer.losers import Losers
from addon.transfer.own_entries import OwnEntries
from cache_store.disk.disk_store import DiskStore
from cache_store.entry import Entry
from cache_store.errors import EntryError, StoreError, TransferError, UsageError
from cache_store.store import Store
from cache_store.transfer.files import is_exported, plain_files, read_file
from cache_store.transfer.merge import Merged, admitted, merge
from cache_store.transfer.pack import read_pack
from cache_store.transfer.spool import Spool

__all__ = ["Imported", "import_paths"]


@dataclass(slots=True)
class Imported:
    """What became of everything that was read.

    `skipped` counts by reason the recordings that are not stored, and `named` describes some of them. `refused` has
    a line for each file or entry that could not be imported. `replaced` has a line for each file whose answers lost
    to another recording of the same request. `edited` is how many entries had been changed by hand.
    `without_test` are the files that belong to no test, where each was to be a test's.
    """

    merged: Merged
    skipped: Counter[str] = field(default_factory=Counter)
    named: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    replaced: tuple[str, ...] = ()
    edited: int = 0
    without_test: tuple[str, ...] = ()


def import_paths(
    store: Store,
    paths: Iterable[Path],
    settings: Settings,
    run: str,
    only: Format | None = None,
    *,
    trust: bool = False,
    max_size: int | None = None,
    unknown_headers: frozenset[str] = frozenset(),
    tests: Mapping[Path, Sequence[str]] | None = None,
) -> Imported:
    """Read all of `paths`, then merge what may be stored: the newer recording wins. A refused file stops no other.

    `only` is the format of all; otherwise their names tell it. `trust` admits entries without a saved request.
    `max_size` is how many bytes one pack may unpack to, as in `read_pack`. `unknown_headers` names headers, in
    lower case, that the recorder may have left out. `tests` has the tests to which the file at a path belongs: each
    gets its recordings, in order; None imports without tests. Raises UsageError for a path that does not exist, or
    whose format is not known.
    """
    reader = _Reader(Admission(settings, run, unknown_headers), trust=trust, max_size=max_size)
    without_test: list[str] = []
    sources = [source for path in paths for source in _sources(path, only)]
    with Spool() as spool:
        for kind, path in sources:
            of_tests = (tests or {}).get(path.absolute(), [])
            if tests is not None and not of_tests:
                without_test.append(str(path))
            for test in of_tests or [""]:
                reader.admission.test = test
                try:
                    spool.add(reader.read(kind, path))
                except (TransferError, EntryError, StoreError) as error:
                    reader.refused.append(_naming(path, str(error)))
                    break
        edited = [entry.key for entry in spool.entries() if entry.edited]
        changed = sum(_put_edited(store, entry) for entry in spool.entries() if entry.edited)
        merged = merge(store, spool.entries())
    merged.stored, merged.kept = merged.stored + changed, merged.kept - changed
    skipped, named = reader.admission.skipped, tuple(reader.admission.named)
    replaced = tuple(reader.losers.lines())
    refused = tuple(reader.refused)
    return Imported(merged, skipped, named, refused, replaced, len(edited), tuple(without_test))


class _Reader:
    """Reads sources of every format."""

    def __init__(self, admission: Admission, *, trust: bool, max_size: int | None) -> None:
        self.admission = admission
        self.losers = Losers()
        self.refused: list[str] = []
        self._own = OwnEntries(admission.settings, trust=trust)
        self._max_size = max_size

    def read(self, kind: Format, path: Path) -> Iterator[Entry]:
        """The entries of one source that may be stored. Raises TransferError, StoreError or EntryError."""
        foreign = _foreign(kind)
        if foreign is None:
            entries = admitted(self._own_entries(kind, path), str(path), self._own.admit, self.refused)
        else:
            entries = self._first_of_each(self.admission.entries(foreign(path)), path)
        for entry in entries:
            self.losers.note(entry, str(path))
            yield entry

    def _first_of_each(self, entries: Iterable[Entry], path: Path) -> Iterator[Entry]:
        """The entries without later ones of the same time and request: a recorder plays the first one first."""
        seen: dict[tuple[str, float], bytes] = {}
        for entry in entries:
            first = seen.setdefault((entry.key, entry.recorded_at), entry.body)
            if first is entry.body:
                yield entry
            elif first != entry.body:
                self.losers.lost(str(path))

    def _own_entries(self, kind: Format, path: Path) -> Iterator[Entry]:
        if kind is Format.PACK:
            yield from read_pack(path, self._max_size)
        elif kind is Format.CACHE:
            with closing(DiskStore(path)) as other:
                other.open()
                yield from other.iterate()
        else:
            yield read_file(path, time.time())


def _sources(path: Path, only: Format | None) -> Iterator[tuple[Format, Path]]:
    """The formats and paths of what is to be read at `path`."""
    if not path.exists():
        raise UsageError(f"{path}: there is no such file or directory")
    kind = only or format_of(path)
    if kind is not Format.DIR:
        yield kind, path
        return
    files = plain_files(path) if path.is_dir() else iter([path])
    known = [(format_, file) for file in files if (format_ := _kind_of(file)) is not None]
    if not known:
        raise UsageError(f"{path}: it holds nothing that can be imported")
    yield from known


def _kind_of(file: Path) -> Format | None:
    """The format of a file in a directory; None for a file that is something else, such as a README."""
    if file.suffix == ".json" and is_exported(file):
        return Format.DIR
    return by_suffix(file)


def _naming(path: Path, message: str) -> str:
    """The message with the whole path, which a reader of packs abbreviates and other readers may not know."""
    if str(path) in message:
        return message
    return f"{path.parent / message}" if message.startswith(path.name) else f"{path}: {message}"


def _put_edited(store: Store, entry: Entry) -> bool:
    """Store an entry that was edited by hand over the recording that it was made of; whether that was necessary."""
    try:
        there = store.local.get(entry.key)
    except EntryError:
        return False
    if there is None or there.recorded_at != entry.recorded_at or _content(there) == _content(entry):
        return False
    return store.local.put(entry)


def _content(entry: Entry) -> tuple[object, ...]:
    return entry.status, entry.reason, entry.headers, entry.body, entry.request_json


def _foreign(kind: Format) -> Callable[[Path], Iterator[Exchange | Refused]] | None:
    """The reader of another tool's format, loaded when it is used; None for our own formats."""
    if kind in (Format.PACK, Format.DIR, Format.CACHE):
        return None
    if kind is Format.TENSORZERO:
        from addon.transfer.tensorzero import read_tensorzero

        return read_tensorzero
    if kind is Format.VCR:
        from addon.transfer.cassettes import read_cassette

        return read_cassette
    from addon.transfer import flow_files

    return flow_files.read_har if kind is Format.HAR else flow_files.read_flows

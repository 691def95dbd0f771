"""Pushes what a remote lacks as one pack, and pulls the packs that a cache lacks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from cache_store.disk.disk_store import DiskStore
from cache_store.entry import Entry
from cache_store.errors import EntryError, TransferError
from cache_store.transfer.ledger import Ledger
from cache_store.transfer.merge import Merged, admitted, merge
from cache_store.transfer.pack import FINGERPRINT, fingerprint, pack_index, read_pack, write_pack
from cache_store.transfer.remote import DamagedPack, Remote
from cache_store.transfer.scratch import scratch_folder
from cache_store.transfer.spool import Spool

__all__ = ["Pulled", "Pushed", "pull", "push"]

_FETCHES = 8
_TRIES = 3


def _ignored(_: int) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Pushed:
    """How many entries were uploaded, in how many bytes, and how many packs were removed."""

    entries: int
    bytes: int
    removed: int


@dataclass(frozen=True, slots=True)
class Pulled:
    """How many packs were fetched, what became of their entries, and what was refused and why."""

    packs: int
    merged: Merged
    refused: tuple[str, ...] = ()


def push(
    store: DiskStore,
    remote: Remote,
    ledger: Ledger,
    *,
    replace: bool = False,
    advance: Callable[[int], None] = _ignored,
) -> Pushed:
    """Upload the entries that the remote is not known to hold, as one pack. Looks at what was stored since the last
    push or pull only, as long as the packs of then are still there.

    With `replace`, the remote then holds exactly what `store` holds, in one pack; what was set aside here stays in
    it. The new pack is uploaded before an old one is removed, packs that other jobs upload meanwhile stay, and if
    several jobs replace at once, the last one's pack stays. `advance` is called with 1 for each entry looked at.
    """
    there = remote.packs()
    ledger.keep(there)
    new = _Unknown(store, None if replace else ledger, advance)
    with scratch_folder() as folder:
        path = folder / "new.ppack"
        pack = write_pack(chain(new.encoded(), _aside(store) if replace else ()), path)
        if not pack.entries and not replace:
            ledger.mark = new.last
            ledger.save()
            return Pushed(0, 0, 0)
        remote.store(pack.digest, path)
        old = there - {pack.digest} if replace else set()
        ledger.packs[pack.digest] = pack.index
        ledger.keep((there - old) | {pack.digest})
        ledger.mark = new.last
        ledger.save()
        if old:
            remote.remove(old)
            # Another job that replaced at the same time may have removed it as an old one.
            if pack.digest not in remote.packs():
                remote.store(pack.digest, path)
    return Pushed(pack.entries, pack.size, len(old))


def pull(
    store: DiskStore,
    remote: Remote,
    ledger: Ledger,
    *,
    admit: Callable[[Entry], Entry],
    max_size: int | None = None,
    advance: Callable[[int], None] = _ignored,
    checked: Callable[[int], None] = _ignored,
    merged: Callable[[int], None] = _ignored,
) -> Pulled:
    """Fetch the packs that are not known, read each to its end, then merge them.

    `admit` returns an entry as it may be stored, or raises EntryError for an entry that is refused. `max_size` is
    how many bytes one pack may unpack to, as in `read_pack`. `advance` is called with each number of fetched bytes,
    `checked` and `merged` with each number of entries.
    A pack that is replaced while it is fetched is looked for again. A refused pack or entry stops no other.
    """
    for attempt in range(1, _TRIES + 1):
        there = remote.packs()
        lacking = sorted(there - ledger.packs.keys())
        with scratch_folder() as folder, Spool() as spool:
            try:
                fetched = _fetch(remote, lacking, folder, advance)
            except FileNotFoundError:
                if attempt == _TRIES:
                    raise
                continue
            refused: list[str] = []
            for path, damage in fetched:
                before = len(refused)
                try:
                    if damage is not None:
                        raise damage
                    entries = admitted(read_pack(path, max_size), path.name, admit, refused)
                    spool.add(_counted(entries, checked))
                except TransferError as error:
                    refused.append(str(error))
                # A refused one is read again by the next pull, maybe with other settings.
                if len(refused) == before:
                    ledger.packs[path.stem] = pack_index(path)
            done = merge(store, spool.entries(), merged)
        ledger.keep(there)
        _advance_mark(store, ledger)
        ledger.save()
        return Pulled(len(lacking), done, tuple(refused))
    raise TransferError(f"{remote.url} keeps changing; pull again")


def _fetch(
    remote: Remote, digests: list[str], folder: Path, advance: Callable[[int], None]
) -> list[tuple[Path, DamagedPack | None]]:
    """The path of each pack, and why its content is not the one that its name says."""

    def fetch(path: Path) -> DamagedPack | None:
        try:
            remote.fetch(path.stem, path, advance)
        except DamagedPack as error:
            return error
        return None

    paths = [folder / f"{digest}.ppack" for digest in digests]
    with ThreadPoolExecutor(max_workers=_FETCHES) as threads:
        try:
            return list(zip(paths, threads.map(fetch, paths), strict=True))
        except BaseException:
            threads.shutdown(wait=False, cancel_futures=True)
            raise


def _aside(store: DiskStore) -> list[bytes]:
    """The latest recording of each key that has none but those that were set aside, as they are stored."""
    latest = {entry.key: entry for entry in store.entries_aside()}
    return [entry.encode() for key, entry in latest.items() if store.raw(key) is None]


def _counted(entries: Iterable[Entry], advance: Callable[[int], None]) -> Iterator[Entry]:
    for entry in entries:
        yield entry
        advance(1)


class _Unknown:
    """The entries of `store` that `ledger` does not know to be in the remote; without a ledger, all of them.

    `last` is the last one that was looked at.
    """

    def __init__(self, store: DiskStore, ledger: Ledger | None, advance: Callable[[int], None]) -> None:
        self.last = ledger.mark if ledger else None
        self._store = store
        self._known = ledger.fingerprints() if ledger else set()
        self._advance = advance

    def encoded(self) -> Iterator[bytes]:
        """As they are stored. What cannot be used is left out."""
        for recorded in self._store.recorded_after(self.last):
            self.last = recorded
            self._advance(1)
            if recorded.checksum[:FINGERPRINT] in self._known:
                continue
            data = self._store.raw(recorded.key)
            if data is not None and _is_usable(data, recorded.key) and fingerprint(data) not in self._known:
                yield data


def _is_usable(data: bytes, key: str) -> bool:
    try:
        return Entry.decode(data).key == key
    except EntryError:
        return False


def _advance_mark(store: DiskStore, ledger: Ledger) -> None:
    """Put the mark behind the entries that are in known packs, so that the next push does not look at them."""
    known = ledger.fingerprints()
    for recorded in store.recorded_after(ledger.mark):
        if recorded.checksum[:FINGERPRINT] not in known:
            return
        ledger.mark = recorded

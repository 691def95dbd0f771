"""Pushes what a remote lacks as one pack, and pulls the packs that a cache lacks."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from cache_store.entry import Entry
from cache_store.errors import TransferError
from cache_store.store import Store
from cache_store.transfer.ledger import Ledger
from cache_store.transfer.merge import Merged, admitted, merge
from cache_store.transfer.pack import fingerprint, pack_index, read_pack, write_pack
from cache_store.transfer.remote import DamagedPack, Remote
from cache_store.transfer.spool import Spool

__all__ = ["Pulled", "Pushed", "pull", "push"]

_FETCHES = 8
_TRIES = 3


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
    store: Store,
    remote: Remote,
    ledger: Ledger,
    *,
    replace: bool = False,
    advance: Callable[[int], None] | None = None,
) -> Pushed:
    """Upload the entries that the remote is not known to hold, as one pack.

    With `replace`, the remote then holds exactly what `store` holds, in one pack. The new pack is uploaded before
    an old one is removed, packs that other jobs upload meanwhile stay, and if several jobs replace at once, the
    last one's pack stays. `advance` is called with 1 for each entry.
    """
    there = remote.packs()
    known = set() if replace else ledger.fingerprints(there)
    with tempfile.TemporaryDirectory(prefix="provider-proxy-") as folder:
        path = Path(folder) / "new.ppack"
        pack = write_pack(_encoded(store, known, advance or (lambda _: None)), path)
        if not pack.entries and not replace:
            return Pushed(0, 0, 0)
        remote.store(pack.digest, path)
        old = there - {pack.digest} if replace else set()
        ledger.packs[pack.digest] = pack.index
        ledger.keep((there - old) | {pack.digest})
        ledger.save()
        if old:
            remote.remove(old)
            # Another job that replaced at the same time may have removed it as an old one.
            if pack.digest not in remote.packs():
                remote.store(pack.digest, path)
    return Pushed(pack.entries, pack.size, len(old))


def pull(
    store: Store,
    remote: Remote,
    ledger: Ledger,
    *,
    admit: Callable[[Entry], Entry],
    max_size: int | None = None,
    advance: Callable[[int], None] | None = None,
) -> Pulled:
    """Fetch the packs that are not known, read each to its end, then merge them.

    `admit` returns an entry as it may be stored, or raises EntryError for an entry that is refused. `max_size` is
    how many bytes one pack may unpack to, as in `read_pack`. `advance` is called with each number of fetched bytes.
    A pack that is replaced while it is fetched is looked for again. A refused pack or entry stops no other.
    """
    for attempt in range(1, _TRIES + 1):
        there = remote.packs()
        lacking = sorted(there - ledger.packs.keys())
        with tempfile.TemporaryDirectory(prefix="provider-proxy-") as folder, Spool() as spool:
            try:
                fetched = _fetch(remote, lacking, Path(folder), advance or (lambda _: None))
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
                    spool.add(admitted(read_pack(path, max_size), path.name, admit, refused))
                except TransferError as error:
                    refused.append(str(error))
                # A refused one is read again by the next pull, maybe with other settings.
                if len(refused) == before:
                    ledger.packs[path.stem] = pack_index(path)
            merged = merge(store, spool.entries())
        ledger.keep(there)
        ledger.save()
        return Pulled(len(lacking), merged, tuple(refused))
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


def _encoded(store: Store, known: set[bytes], advance: Callable[[int], None]) -> Iterable[bytes]:
    for entry in store.iterate():
        data = entry.encode()
        advance(1)
        if fingerprint(data) not in known:
            yield data

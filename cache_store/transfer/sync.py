"""`push` and `pull`: one pack up, the lacking packs down."""

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
from cache_store.transfer.merge import Merged, merge
from cache_store.transfer.pack import Pack, fingerprint, pack_index, read_pack, verify_pack, write_pack
from cache_store.transfer.remote import Remote

__all__ = ["Pulled", "Pushed", "pull", "push"]

_FETCHES = 8
_TRIES = 3


@dataclass(frozen=True, slots=True)
class Pushed:
    """How many entries went up, in how many bytes, and how many packs were removed."""

    entries: int
    bytes: int
    removed: int


@dataclass(frozen=True, slots=True)
class Pulled:
    """How many packs came down, and what became of their entries."""

    packs: int
    merged: Merged


def push(
    store: Store,
    remote: Remote,
    ledger: Ledger,
    *,
    replace: bool = False,
    advance: Callable[[int], None] | None = None,
) -> Pushed:
    """Upload what the remote is not known to hold, as one pack.

    With `replace` the remote then holds just what `store` holds, in one pack. The new pack is there before an old
    one goes, packs that other jobs upload meanwhile stay, and of jobs that replace at once the last one's pack is
    there. `advance` is told of each entry.
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
        _note(ledger, pack, there - old)
        if old:
            remote.remove(old)
            # It may have been there before, and old to another job that replaced at the same time.
            if pack.digest not in remote.packs():
                remote.store(pack.digest, path)
    return Pushed(pack.entries, pack.size, len(old))


def pull(
    store: Store,
    remote: Remote,
    ledger: Ledger,
    *,
    check: Callable[[Entry], None],
    advance: Callable[[int], None] | None = None,
) -> Pulled:
    """Fetch the packs that are not known, check every one of them to its end, then merge them.

    `check` raises EntryError for an entry that is not to be taken; then nothing at all is merged. `advance` is told
    of bytes. A pack that is replaced while it is being fetched is looked for anew.
    """
    for attempt in range(1, _TRIES + 1):
        there = remote.packs()
        lacking = sorted(there - ledger.packs.keys())
        with tempfile.TemporaryDirectory(prefix="provider-proxy-") as folder:
            try:
                paths = _fetch(remote, lacking, Path(folder), advance or (lambda _: None))
            except FileNotFoundError:
                if attempt == _TRIES:
                    raise
                continue
            for path in paths:
                verify_pack(path, check)
            merged = Merged()
            for path in paths:
                done = merge(store, read_pack(path))
                merged.stored += done.stored
                merged.kept += done.kept
            ledger.packs |= {path.stem: pack_index(path) for path in paths}
        ledger.keep(there)
        ledger.save()
        return Pulled(len(lacking), merged)
    raise TransferError(f"{remote.url} changes all the time; pull again")


def _fetch(remote: Remote, digests: list[str], folder: Path, advance: Callable[[int], None]) -> list[Path]:
    paths = [folder / f"{digest}.ppack" for digest in digests]
    with ThreadPoolExecutor(max_workers=_FETCHES) as threads:
        try:
            list(threads.map(lambda path: remote.fetch(path.stem, path, advance), paths))
        except BaseException:
            threads.shutdown(wait=False, cancel_futures=True)
            raise
    return paths


def _encoded(store: Store, known: set[bytes], advance: Callable[[int], None]) -> Iterable[bytes]:
    for entry in store.iterate():
        data = entry.encode()
        advance(1)
        if fingerprint(data) not in known:
            yield data


def _note(ledger: Ledger, pack: Pack, there: set[str]) -> None:
    ledger.packs[pack.digest] = pack.index
    ledger.keep(there | {pack.digest})
    ledger.save()

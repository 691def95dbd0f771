"""Remembers which packs of a remote this cache has merged or pushed, and what is in them.

It is only a hint: without it, or with a wrong one, more than necessary is fetched and pushed.
"""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
from contextlib import suppress
from pathlib import Path

from cache_store.atomic_file import replace_file
from cache_store.disk.listing import Recorded
from cache_store.plain_files import read_plain
from cache_store.transfer.pack import FINGERPRINT, is_digest

__all__ = ["Ledger", "forget_remotes"]

_FOLDER = "remotes"
_MAX_FILE = 2**28  # bytes


class Ledger:
    """For one remote, stored in the cache directory: the indexes of known packs by digest, and a mark.

    Every entry up to the mark, in the order of recording, is in one of these packs.
    """

    def __init__(self, cache_dir: Path, remote: str) -> None:
        self._path = cache_dir / _FOLDER / f"{hashlib.sha256(remote.encode()).hexdigest()[:16]}.json"
        self.packs: dict[str, bytes] = {}
        self.mark: Recorded | None = None
        self._load()

    def fingerprints(self) -> set[bytes]:
        """The fingerprints of the entries in the known packs."""
        return {
            index[at : at + FINGERPRINT]
            for index in self.packs.values()
            for at in range(0, len(index), FINGERPRINT)
        }

    def keep(self, digests: set[str]) -> None:
        """Forget all other packs."""
        kept = {digest: index for digest, index in self.packs.items() if digest in digests}
        if len(kept) < len(self.packs):
            self.mark = None  # an entry before it may have been in one of them
        self.packs = kept

    def save(self) -> None:
        """Write the ledger in one step. If that fails, the next transfer does more than necessary."""
        packs = {digest: base64.b64encode(index).decode() for digest, index in sorted(self.packs.items())}
        mark = self.mark and [self.mark.place, self.mark.key, self.mark.checksum.hex()]
        with suppress(OSError):
            self._path.parent.mkdir(mode=0o700, exist_ok=True)
            replace_file(self._path, json.dumps({"packs": packs, "mark": mark}).encode(), 0o600)

    def _load(self) -> None:
        try:
            saved = json.loads(read_plain(self._path, _MAX_FILE))
            packs = saved["packs"].items()
            self.packs = {d: base64.b64decode(index, validate=True) for d, index in packs if is_digest(d)}
            if saved.get("mark"):
                place, key, checksum = saved["mark"]
                self.mark = Recorded(int(place), str(key), bytes.fromhex(checksum))
        except (OSError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError):
            return


def forget_remotes(cache_dir: Path) -> None:
    """Forget all packs of all remotes, because entries were removed: the next `pull` fetches them again."""
    shutil.rmtree(cache_dir / _FOLDER, ignore_errors=True)

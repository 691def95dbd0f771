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
from cache_store.transfer.pack import FINGERPRINT, is_digest

__all__ = ["Ledger", "forget_remotes"]

_FOLDER = "remotes"
_MAX_FILE = 2**28  # bytes


class Ledger:
    """The indexes of known packs by digest, for one remote, stored in the cache directory."""

    def __init__(self, cache_dir: Path, remote: str) -> None:
        self._path = cache_dir / _FOLDER / f"{hashlib.sha256(remote.encode()).hexdigest()[:16]}.json"
        self.packs: dict[str, bytes] = self._load()

    def fingerprints(self, digests: set[str]) -> set[bytes]:
        """The fingerprints of the entries in those of the packs that are known."""
        return {
            index[at : at + FINGERPRINT]
            for digest, index in self.packs.items()
            if digest in digests
            for at in range(0, len(index), FINGERPRINT)
        }

    def keep(self, digests: set[str]) -> None:
        """Forget all other packs."""
        self.packs = {digest: index for digest, index in self.packs.items() if digest in digests}

    def save(self) -> None:
        """Write the ledger in one step. If that fails, the next transfer does more than necessary."""
        packs = {digest: base64.b64encode(index).decode() for digest, index in sorted(self.packs.items())}
        with suppress(OSError):
            self._path.parent.mkdir(mode=0o700, exist_ok=True)
            replace_file(self._path, json.dumps({"packs": packs}).encode(), 0o600)

    def _load(self) -> dict[str, bytes]:
        try:
            if self._path.stat().st_size > _MAX_FILE:
                return {}
            packs = json.loads(self._path.read_bytes())["packs"]
            return {d: base64.b64decode(index, validate=True) for d, index in packs.items() if is_digest(d)}
        except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
            return {}


def forget_remotes(cache_dir: Path) -> None:
    """Forget all packs of all remotes, because entries were removed: the next `pull` fetches them again."""
    shutil.rmtree(cache_dir / _FOLDER, ignore_errors=True)

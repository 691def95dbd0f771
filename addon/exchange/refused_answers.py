"""Remembers which answers were not stored, so that a later miss can say why and what to do about it.

The note lies in the cache directory: whoever gets the cache gets the explanation.
"""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path

from addon.judging.reasons import REMEDIES, NotStored
from cache_store.atomic_file import replace_file

__all__ = ["RefusedAnswers"]

_NAME = "not-stored.json"
_MOST = 5000  # keys
_MAX_FILE = 2**20  # bytes


class RefusedAnswers:
    """The reasons of one run, by key, and those that `folder` has from earlier runs. None: of this run only."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._earlier: dict[str, str] | None = None
        self._reasons: dict[str, str] = {}  # '' for a key whose answer was stored

    def note(self, key: str, reason: NotStored | None) -> None:
        """Remember what became of the answer to `key`; None means that it was stored."""
        if reason is None or reason in REMEDIES:
            self._reasons[key] = reason or ""

    def line(self, key: str) -> str:
        """Why the last answer to `key` was not stored, and what to do; '' if that is not known."""
        if self._earlier is None:
            self._earlier = self._read()
        reason = (self._earlier | self._reasons).get(key, "")
        try:
            remedy = REMEDIES[NotStored(reason)]
        except (KeyError, ValueError):
            return ""
        return f"it was answered before and the answer was not stored ({reason}). {remedy}"

    def save(self) -> None:
        """Add this run's reasons to the note; nothing fails if it cannot be written."""
        if self._folder is None or not self._folder.is_dir() or not self._reasons:
            return
        try:
            handle = os.open(self._folder / f"{_NAME}.lock", os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX)
                before = self._read()
                after = {key: reason for key, reason in (before | self._reasons).items() if reason}
                if after != before:
                    newest = dict(list(after.items())[-_MOST:])
                    replace_file(self._folder / _NAME, json.dumps(newest, indent=0).encode(), 0o600)
            finally:
                os.close(handle)
        except OSError:
            pass  # a full or read-only disk: a miss says less

    def _read(self) -> dict[str, str]:
        if self._folder is None:
            return {}
        path = self._folder / _NAME
        try:
            if path.stat().st_size > _MAX_FILE:
                return {}
            noted = json.loads(path.read_bytes())
            return {key: reason for key, reason in noted.items() if isinstance(reason, str)}
        except (OSError, ValueError, AttributeError, RecursionError):
            return {}

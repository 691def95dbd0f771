"""Keeps entries that were read, so that the same bytes need not be checked and parsed again.

Comparing a long answer with the kept one takes a twentieth of the time of its checksum. Beside the entry, only the
bytes that it does not hold itself are kept.
"""

from __future__ import annotations

import threading

from cache_store.entry import Entry

__all__ = ["DecodedEntries"]

_DIGEST = 32
_MAX_SHARE = 4  # one entry may take a quarter of the bytes


class DecodedEntries:
    """The latest entries, bounded in number and in bytes. Threads may share it."""

    __slots__ = ("_bytes", "_kept", "_lock", "_max_bytes", "_max_entries")

    def __init__(self, max_entries: int = 1024, max_bytes: int = 16 * 1024 * 1024) -> None:
        self._kept: dict[str, tuple[bytes, Entry, bytes]] = {}
        self._bytes = 0
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._lock = threading.Lock()

    def find(self, key: str, data: bytes) -> Entry | None:
        """The entry under `key` if it was decoded from exactly these bytes; otherwise None."""
        kept = self._kept.get(key)
        if kept is None:
            return None
        head, entry, digest = kept
        request_at = len(head)
        body_at = request_at + len(entry.request_json)
        same = (
            body_at + len(entry.body) + len(digest) == len(data)
            and data.startswith(head)
            and data.startswith(entry.request_json, request_at)
            and data.startswith(entry.body, body_at)
            and data.endswith(digest)
        )
        return entry if same else None

    def add(self, key: str, data: bytes, entry: Entry) -> None:
        """Keep `entry`, decoded from `data`, in place of an earlier entry under `key`."""
        if len(data) > self._max_bytes // _MAX_SHARE:
            return
        head = data[: len(data) - _DIGEST - len(entry.body) - len(entry.request_json)]
        with self._lock:
            self._let_go(key)
            while self._kept and (
                len(self._kept) >= self._max_entries or self._bytes + len(data) > self._max_bytes
            ):
                self._let_go(next(iter(self._kept)))
            self._kept[key] = (head, entry, data[-_DIGEST:])
            self._bytes += len(data)

    def _let_go(self, key: str) -> None:
        kept = self._kept.pop(key, None)
        if kept is not None:
            head, entry, digest = kept
            self._bytes -= len(head) + len(entry.request_json) + len(entry.body) + len(digest)

"""Remembers the identities of recent requests, so that a repeat costs a hash and no parsing.

It is asked by a SHA-256 over all that a key depends on and holds redacted identities only: nothing secret stays
alive in it.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Any

__all__ = ["Memo", "digest", "digests"]


def digest(head: tuple[Any, ...], body: bytes) -> bytes:
    """SHA-256 over `head` (a tuple of text, bytes, numbers and such tuples or lists) and `body`."""
    return digests(head, body)[1]


def digests(head: tuple[Any, ...], body: bytes) -> tuple[bytes, bytes]:
    """SHA-256 over `head` alone, and `digest(head, body)`."""
    # The repr of such a tuple delimits itself, so it and the body cannot run into one another. It has no lone
    # surrogates: they are escaped.
    hasher = hashlib.sha256(repr(head).encode())
    of_head = hasher.digest()
    hasher.update(body)
    return of_head, hasher.digest()


class Memo[Value]:
    """The latest values, bounded in number and in bytes. Threads may share it."""

    def __init__(self, max_entries: int = 1024, max_bytes: int = 16 * 1024 * 1024) -> None:
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._bytes = 0
        self._values: OrderedDict[Hashable, tuple[Value, int]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> Value | None:
        """The value under `key`, which becomes the latest; None where there is none."""
        with self._lock:
            found = self._values.get(key)
            if found is None:
                return None
            self._values.move_to_end(key)
            return found[0]

    def put(self, key: Hashable, value: Value, size: int) -> None:
        """Keeps `value`, which takes `size` bytes; one that would take over a quarter of the room is not kept."""
        if size > self._max_bytes // 4:
            return
        with self._lock:
            if key in self._values:
                return
            self._values[key] = (value, size)
            self._bytes += size
            while len(self._values) > self._max_entries or self._bytes > self._max_bytes:
                _, (_, freed) = self._values.popitem(last=False)
                self._bytes -= freed

"""Remembers recent identities, so that a repeated request costs one hash and no parsing.

Its keys are SHA-256 digests over everything that an identity depends on, and its values are redacted identities:
nothing secret stays in memory here.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Any

__all__ = ["Memo", "digests"]


def digests(head: tuple[Any, ...], body: bytes) -> tuple[bytes, bytes]:
    """Two SHA-256 digests: of `head`, and of `head` followed by `body`.

    `head` consists of text, bytes, numbers, and tuples or lists of these.
    """
    # The repr of such a tuple has a definite end, so bytes cannot move between it and the body. It escapes lone
    # surrogates.
    hasher = hashlib.sha256(repr(head).encode())
    of_head = hasher.digest()
    hasher.update(body)
    return of_head, hasher.digest()


class Memo[Value]:
    """A thread-safe least-recently-used cache, bounded in entries and in bytes."""

    def __init__(self, max_entries: int = 1024, max_bytes: int = 16 * 1024 * 1024) -> None:
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._bytes = 0
        self._values: OrderedDict[Hashable, tuple[Value, int]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> Value | None:
        """The value under `key`, which becomes the most recently used; None if there is none."""
        with self._lock:
            item = self._values.get(key)
            if item is None:
                return None
            self._values.move_to_end(key)
            return item[0]

    def put(self, key: Hashable, value: Value, size: int) -> None:
        """Keep `value`, which takes `size` bytes, unless it takes more than a quarter of the space."""
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

"""Finds any of many byte strings in a blob, at a cost that hardly grows with their number."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import Literal

__all__ = ["NeedleIndex"]

# A needle of 15 bytes covers one whole aligned block of 8 wherever it stands. So the blob's aligned blocks, taken
# as numbers (all in C), are looked up among those that needles have.
_BLOCK = 8
_SHORTEST_BY_BLOCK = 2 * _BLOCK - 1
_FEW = 16
_ORDER: Literal["little", "big"] = sys.byteorder


class NeedleIndex:
    """Needles, each with the labels that it was added under (a needle may be added more than once)."""

    def __init__(self) -> None:
        self._labels: dict[bytes, list[str]] = {}
        self._short: set[bytes] = set()
        self._by_block: dict[int, set[bytes]] = {}

    def add(self, needle: bytes, label: str) -> None:
        """Adds a needle, which is not empty."""
        labels = self._labels.setdefault(needle, [])
        labels.append(label)
        if len(labels) > 1:
            return
        if len(needle) < _SHORTEST_BY_BLOCK:
            self._short.add(needle)
        for block in _blocks(needle):
            self._by_block.setdefault(block, set()).add(needle)

    def remove(self, needle: bytes, label: str) -> None:
        """Undoes one `add` of the same arguments."""
        labels = self._labels[needle]
        labels.remove(label)
        if labels:
            return
        del self._labels[needle]
        self._short.discard(needle)
        for block in _blocks(needle):
            found = self._by_block[block]
            found.discard(needle)
            if not found:
                del self._by_block[block]

    def find(self, blob: bytes) -> str | None:
        """A label of a needle that occurs in `blob`; None where none does."""
        return next((self._labels[needle][-1] for needle in self._candidates(blob) if needle in blob), None)

    def _candidates(self, blob: bytes) -> Iterable[bytes]:
        if len(self._labels) <= _FEW:
            return self._labels
        aligned = memoryview(blob)[: len(blob) // _BLOCK * _BLOCK].cast("Q")
        if self._by_block.keys().isdisjoint(aligned):
            return self._short
        common = self._by_block.keys() & aligned
        return self._short.union(*(self._by_block[block] for block in common))


def _blocks(needle: bytes) -> Iterator[int]:
    if len(needle) >= _SHORTEST_BY_BLOCK:
        for start in range(len(needle) - _BLOCK + 1):
            yield int.from_bytes(needle[start : start + _BLOCK], _ORDER)

"""Finds a known secret in a blob, plain or encoded, at a cost that hardly grows with the number of secrets."""

from __future__ import annotations

import base64
import sys
from collections.abc import Iterable
from typing import Literal

from addon.redaction.plain_text import squeezed

__all__ = ["NeedleIndex", "encoded_forms"]

# A needle of 15 bytes covers a whole aligned block of 8 wherever it stands. So the aligned blocks of the blob,
# read as integers by C code, are looked up in the set of blocks that the needles contain. `ahocorasick-rs` was
# measured instead: it has to be rebuilt for every new needle, and is slower on base64 with few needles.
_BLOCK = 8
_SHORTEST_BY_BLOCK = 2 * _BLOCK - 1
_FEW = 16
# Of a long secret the end is searched for: all JWTs of one issuer start alike.
_CORE = 48
_ORDER: Literal["little", "big"] = sys.byteorder


def encoded_forms(secret: bytes) -> set[bytes]:
    """Byte strings, one of which is in any `squeezed` text with the end of `secret`.

    The secret may stand there plain, reversed, in hex or in base64. base64 (RFC 4648, 4 and 5) depends on what
    precedes the secret. For each of the three alignments, the form is the run of characters that the secret alone
    determines.
    """
    end = secret[-_CORE:]
    plain = squeezed(secret)[-_CORE:] or end
    forms = {end, plain, plain[::-1], end.hex().encode(), end.hex().upper().encode()}
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + end)
        core = encoded[-(-before * 8 // 6) : (before + len(end)) * 8 // 6]
        forms |= {core, core.translate(bytes.maketrans(b"+/", b"-_"))}
    return forms


class NeedleIndex:
    """A set of needles (non-empty byte strings), each with the labels that it was added under.

    A needle added twice has to be removed twice: two secrets may share an encoded form.
    """

    def __init__(self) -> None:
        self._labels: dict[bytes, list[str]] = {}
        self._short: set[bytes] = set()
        self._by_block: dict[int, set[bytes]] = {}

    def add(self, needle: bytes, label: str) -> None:
        """Add one needle."""
        labels = self._labels.setdefault(needle, [])
        labels.append(label)
        if len(labels) > 1:
            return
        if len(needle) < _SHORTEST_BY_BLOCK:
            self._short.add(needle)
        for block in _blocks(needle):
            self._by_block.setdefault(block, set()).add(needle)

    def remove(self, needle: bytes, label: str) -> None:
        """Undo one `add` with the same arguments."""
        labels = self._labels[needle]
        labels.remove(label)
        if labels:
            return
        del self._labels[needle]
        self._short.discard(needle)
        for block in _blocks(needle):
            sharing = self._by_block[block]
            sharing.discard(needle)
            if not sharing:
                del self._by_block[block]

    def find(self, blob: bytes) -> str | None:
        """The label of a needle that occurs in `blob`, or None."""
        return next((self._labels[needle][-1] for needle in self._candidates(blob) if needle in blob), None)

    def _candidates(self, blob: bytes) -> Iterable[bytes]:
        if len(self._labels) <= _FEW:
            return self._labels
        aligned = memoryview(blob)[: len(blob) // _BLOCK * _BLOCK].cast("Q")
        if self._by_block.keys().isdisjoint(aligned):
            return self._short
        common = self._by_block.keys() & aligned
        return self._short.union(*(self._by_block[block] for block in common))


def _blocks(needle: bytes) -> set[int]:
    """The blocks by which a needle is found; none for a short one."""
    if len(needle) < _SHORTEST_BY_BLOCK:
        return set()
    starts = range(len(needle) - _BLOCK + 1)
    return {int.from_bytes(needle[start : start + _BLOCK], _ORDER) for start in starts}

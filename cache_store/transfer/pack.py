"""A pack: one immutable, compressed file of entries, named by its own digest.

Layout (big endian):

    b"PPPACK1\\n" | zstd(records) | index | index_len:u32 b"PPPE"

A record is a length (u32) and an entry's own bytes, which carry their checksum. The index is 16 bytes per record,
in order: the start of that checksum. It says what a pack holds to who has only its end, and a pack cut short at
any byte has none.
"""

from __future__ import annotations

import hashlib
import os
import re
import struct
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

import zstandard

from cache_store.atomic_file import replacing
from cache_store.entry import Entry
from cache_store.errors import EntryError, TransferError

__all__ = [
    "FINGERPRINT",
    "Pack",
    "fingerprint",
    "is_digest",
    "pack_index",
    "read_pack",
    "verify_pack",
    "write_pack",
]

MAGIC = b"PPPACK1\n"
END = b"PPPE"
FINGERPRINT = 16
"""Bytes of an entry's checksum in an index."""

MOST_UNPACKED = 16 * 2**30
MOST_RECORD = 256 * 2**20
_MOST_INDEX = 2**29
_WINDOW = 2**23  # what RFC 8878 says that every decoder takes
_LENGTH = struct.Struct(">I")
_TAIL = _LENGTH.size + len(END)
_CHUNK = 2**18
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Pack:
    """A written pack: its SHA-256, how many entries it holds, its size in bytes, and its index."""

    digest: str
    entries: int
    size: int
    index: bytes


def is_digest(text: str) -> bool:
    """Whether `text` is what a pack is named by."""
    return _DIGEST.fullmatch(text) is not None


def fingerprint(encoded: bytes) -> bytes:
    """What stands for an encoded entry in an index: its key and content, nothing of its place."""
    return encoded[-32:][:FINGERPRINT]


def write_pack(encoded: Iterable[bytes], path: Path) -> Pack:
    """Write entries, as `Entry.encode` gives them, to `path` in one step.

    The same entries in the same order give the same file.

    Raises TransferError where it cannot be written.
    """
    index = bytearray()
    digest = hashlib.sha256()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as file:
            out = _Hashed(file, digest)
            out.write(MAGIC)
            with zstandard.ZstdCompressor(level=3).stream_writer(
                cast(IO[bytes], out), closefd=False
            ) as packed:
                for data in encoded:
                    packed.write(_LENGTH.pack(len(data)))
                    packed.write(data)
                    index += fingerprint(data)
            out.write(bytes(index) + _LENGTH.pack(len(index)) + END)
            size = file.tell()
    except OSError as error:
        raise TransferError(f"{path} cannot be written: {error.strerror}") from error
    return Pack(digest.hexdigest(), len(index) // FINGERPRINT, size, bytes(index))


def pack_index(path: Path) -> bytes:
    """A pack's index. Raises TransferError where the file is no whole pack."""
    with _reading(path) as file:
        return _index(file, path)[0]


def verify_pack(path: Path, check: Callable[[Entry], None], most: int = MOST_UNPACKED) -> int:
    """Read a pack to its end, and do nothing else; how many entries it holds.

    `check` raises EntryError for an entry that is not to be taken. Raises TransferError where it is damaged,
    unpacks to more than `most` bytes, or holds such an entry.
    """
    count = 0
    for entry in read_pack(path, most):
        try:
            check(entry)
        except EntryError as error:
            raise TransferError(f"{path.name}: entry {entry.key[:16]}: {error}") from error
        count += 1
    return count


def read_pack(path: Path, most: int = MOST_UNPACKED) -> Iterator[Entry]:
    """The entries of a pack, one at a time. Raises TransferError as `verify_pack` does, maybe after some."""
    with _reading(path) as file:
        index, end = _index(file, path)
        file.seek(len(MAGIC))
        limited = _Limited(file, end - len(MAGIC))
        at = 0
        try:
            decompressor = zstandard.ZstdDecompressor(max_window_size=_WINDOW)
            with decompressor.stream_reader(
                cast(IO[bytes], limited), read_size=_CHUNK, closefd=False
            ) as unpacked:
                for data in _records(unpacked, path, most):
                    entry = Entry.decode(data)
                    if fingerprint(data) != index[at : at + FINGERPRINT]:
                        raise TransferError(
                            f"{path.name}: its index does not fit its entries; fetch it again"
                        )
                    at += FINGERPRINT
                    yield entry
        except (zstandard.ZstdError, EntryError) as error:
            raise TransferError(f"{path.name} is damaged: {error}") from error
        if at != len(index) or limited.left:
            raise TransferError(f"{path.name} is damaged: its index does not fit its entries")


def _records(
    unpacked: IO[bytes] | zstandard.ZstdDecompressionReader, path: Path, most: int
) -> Iterator[bytes]:
    total = 0
    while head := _exactly(unpacked, _LENGTH.size):
        (length,) = _LENGTH.unpack(head.rjust(_LENGTH.size, b"\xff"))
        total += length
        if len(head) < _LENGTH.size or length > MOST_RECORD:
            raise TransferError(f"{path.name} is damaged: a record has no sensible length")
        if total > most:
            raise TransferError(f"{path.name} unpacks to more than {most} bytes; it was not read further")
        data = _exactly(unpacked, length)
        if len(data) != length:
            raise TransferError(f"{path.name} is damaged: it ends inside a record")
        yield data


def _exactly(source: IO[bytes] | zstandard.ZstdDecompressionReader, length: int) -> bytes:
    parts = []
    while length and (part := source.read(min(length, _CHUNK))):
        parts.append(part)
        length -= len(part)
    return b"".join(parts)


def _index(file: IO[bytes], path: Path) -> tuple[bytes, int]:
    """The index, and where it begins."""
    size = os.fstat(file.fileno()).st_size
    if size < len(MAGIC) + _TAIL or file.read(len(MAGIC)) != MAGIC:
        raise TransferError(f"{path.name} is not a pack")
    file.seek(size - _TAIL)
    tail = file.read(_TAIL)
    (length,) = _LENGTH.unpack(tail[: _LENGTH.size])
    start = size - _TAIL - length
    if tail[_LENGTH.size :] != END or length % FINGERPRINT or length > _MOST_INDEX or start < len(MAGIC):
        raise TransferError(f"{path.name} is cut short or damaged; fetch it again")
    file.seek(start)
    return file.read(length), start


def _reading(path: Path) -> IO[bytes]:
    try:
        return path.open("rb")
    except OSError as error:
        raise TransferError(f"{path} cannot be read: {error.strerror}") from error


class _Hashed:
    """A file that is hashed while it is written."""

    def __init__(self, file: IO[bytes], digest: hashlib._Hash) -> None:
        self._file = file
        self._digest = digest

    def write(self, data: bytes) -> int:
        """Write `data`."""
        self._digest.update(data)
        return self._file.write(data)


class _Limited:
    """The next `left` bytes of a file."""

    def __init__(self, file: IO[bytes], left: int) -> None:
        self._file = file
        self.left = left

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes."""
        data = self._file.read(self.left if size < 0 else min(size, self.left))
        self.left -= len(data)
        return data

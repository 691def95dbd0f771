"""Packs: immutable, compressed files of entries, named by their own digest.

The layout is big endian:

    b"PPPACK1\\n" | zstd(records) | index | index_len:u32 b"PPPE"

A record is a length (u32) and an entry's own bytes, which end in their checksum. The index has 16 bytes per record,
in order: the start of that checksum. It tells what a pack holds without unpacking it, and a pack that is cut short
at any byte has no index.
"""

from __future__ import annotations

import hashlib
import os
import re
import struct
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from cache_store.atomic_file import replacing
from cache_store.entry import Entry
from cache_store.errors import EntryError, TransferError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

__all__ = [
    "FINGERPRINT",
    "Pack",
    "fingerprint",
    "is_digest",
    "pack_index",
    "read_pack",
    "write_pack",
]

MAGIC = b"PPPACK1\n"
END = b"PPPE"
FINGERPRINT = 16
"""Bytes of an entry's checksum in an index."""

_MAX_UNPACKED = 16 * 2**30
_FREE_UNPACKED = 64 * 2**20
_MAX_RATIO = 100  # answers of real suites compress to between a third and a thirtieth
_MAX_RECORD = 256 * 2**20
_MAX_INDEX = 2**29
_WINDOW_LOG = 23  # RFC 8878: every decoder supports this window
_LENGTH = struct.Struct(">I")
_TAIL = _LENGTH.size + len(END)
_CHUNK = 2**18
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Pack:
    """A written pack: its SHA-256, the number of entries, its size in bytes, and its index."""

    digest: str
    entries: int
    size: int
    index: bytes


def is_digest(text: str) -> bool:
    """Whether `text` has the form of a pack's name."""
    return _DIGEST.fullmatch(text) is not None


def fingerprint(encoded: bytes) -> bytes:
    """An encoded entry's part of the index. It depends on key and content, not on the place in a pack."""
    return encoded[-32:][:FINGERPRINT]


def write_pack(encoded: Iterable[bytes], path: Path) -> Pack:
    """Write entries, as `Entry.encode` gives them, to `path` in one step.

    The same entries in the same order give the same file. Raises TransferError if it cannot be written.
    """
    index = bytearray()
    digest = hashlib.sha256()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as file:
            out = _Hashed(file, digest)
            out.write(MAGIC)
            compressor = zstd.ZstdCompressor(level=3)
            for data in encoded:
                out.write(compressor.compress(_LENGTH.pack(len(data))))
                out.write(compressor.compress(data))
                index += fingerprint(data)
            out.write(compressor.flush())
            out.write(bytes(index) + _LENGTH.pack(len(index)) + END)
            size = file.tell()
    except OSError as error:
        raise TransferError(f"{path} cannot be written: {error.strerror}") from error
    return Pack(digest.hexdigest(), len(index) // FINGERPRINT, size, bytes(index))


def pack_index(path: Path) -> bytes:
    """A pack's index. Raises TransferError if the file is not a whole pack."""
    with _open(path) as file:
        return _index(file, path)[0]


def read_pack(path: Path, max_size: int | None = None) -> Iterator[Entry]:
    """The entries of a pack, one at a time.

    `max_size` is how many bytes it may unpack to; None allows a hundred times its own size, and 64 MiB in any case.
    Raises TransferError, maybe after some entries, if the pack is damaged or unpacks to more.
    """
    with _open(path) as file:
        index, end = _index(file, path)
        if max_size is None:
            max_size = min(_MAX_UNPACKED, max(_FREE_UNPACKED, _MAX_RATIO * end))
        file.seek(len(MAGIC))
        limited = _Limited(file, end - len(MAGIC))
        at = 0
        try:
            options = {int(zstd.DecompressionParameter.window_log_max): _WINDOW_LOG}
            with zstd.ZstdFile(cast(IO[bytes], limited), options=options) as unpacked:
                for data in _records(unpacked, path, max_size):
                    entry = Entry.decode(data)
                    if fingerprint(data) != index[at : at + FINGERPRINT]:
                        raise TransferError(f"{path.name} is damaged: its index does not match its entries")
                    at += FINGERPRINT
                    yield entry
        except (zstd.ZstdError, EOFError, EntryError) as error:
            raise TransferError(f"{path.name} is damaged: {error}") from error
        if at != len(index) or limited.left:
            raise TransferError(f"{path.name} is damaged: its index does not match its entries")


def _records(unpacked: zstd.ZstdFile, path: Path, max_size: int) -> Iterator[bytes]:
    total = 0
    while head := _exactly(unpacked, _LENGTH.size):
        (length,) = _LENGTH.unpack(head.rjust(_LENGTH.size, b"\xff"))
        total += length
        if len(head) < _LENGTH.size or length > _MAX_RECORD:
            raise TransferError(f"{path.name} is damaged: a record has an impossible length")
        if total > max_size:
            raise TransferError(
                f"{path.name} unpacks to more than {max_size} bytes; if you trust it, allow that with --max-size"
            )
        data = _exactly(unpacked, length)
        if len(data) != length:
            raise TransferError(f"{path.name} is damaged: it ends inside a record")
        yield data


def _exactly(source: zstd.ZstdFile, length: int) -> bytes:
    parts = []
    while length and (part := source.read(min(length, _CHUNK))):
        parts.append(part)
        length -= len(part)
    return b"".join(parts)


def _index(file: IO[bytes], path: Path) -> tuple[bytes, int]:
    """The index, and its offset."""
    size = os.fstat(file.fileno()).st_size
    if size < len(MAGIC) + _TAIL or file.read(len(MAGIC)) != MAGIC:
        raise TransferError(f"{path.name} is not a pack")
    file.seek(size - _TAIL)
    tail = file.read(_TAIL)
    (length,) = _LENGTH.unpack(tail[: _LENGTH.size])
    start = size - _TAIL - length
    if tail[_LENGTH.size :] != END or length % FINGERPRINT or length > _MAX_INDEX or start < len(MAGIC):
        raise TransferError(f"{path.name} is cut short or damaged")
    file.seek(start)
    return file.read(length), start


def _open(path: Path) -> IO[bytes]:
    try:
        return path.open("rb")
    except OSError as error:
        raise TransferError(f"{path} cannot be read: {error.strerror}") from error


class _Hashed:
    """Hashes a file while it is written."""

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

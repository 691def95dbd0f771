"""Holds entries in a temporary file until everything was read, so that a bad source contributes nothing."""

from __future__ import annotations

import struct
import tempfile
from collections.abc import Iterable, Iterator
from typing import Self

from cache_store.entry import Entry
from cache_store.errors import TransferError

__all__ = ["Spool"]

_LENGTH = struct.Struct(">Q")


class Spool:
    """Entries in the order in which they were added. Leaving its `with` block removes the file."""

    def __init__(self) -> None:
        try:
            self._file = tempfile.TemporaryFile(prefix="provider-proxy-")  # noqa: SIM115 - closed by __exit__
        except OSError as error:
            raise TransferError(f"no temporary file can be created: {error.strerror}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, entries: Iterable[Entry]) -> int:
        """Add all of `entries`; how many there were. If reading one raises, none of them is added.

        Raises TransferError if the temporary file cannot be written.
        """
        start = self._file.seek(0, 2)
        count = 0
        try:
            for entry in entries:
                pieces = entry.pieces()
                self._file.write(_LENGTH.pack(sum(map(len, pieces))))
                self._file.writelines(pieces)
                count += 1
        except BaseException as error:
            self._file.truncate(start)
            if isinstance(error, OSError):
                raise TransferError(f"the temporary file cannot be written: {error.strerror}") from error
            raise
        return count

    def entries(self) -> Iterator[Entry]:
        """Every entry that was added."""
        self._file.seek(0)
        while head := self._file.read(_LENGTH.size):
            yield Entry.decode(self._file.read(_LENGTH.unpack(head)[0]))

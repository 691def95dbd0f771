"""Entries wait in a temporary file until everything was read."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cache_store.entry import Entry
from cache_store.errors import TransferError
from cache_store.transfer.spool import Spool


def _entry(number: int) -> Entry:
    return Entry(f"pp2-{number:064x}", 200, "OK", ((b"a", b"1"),), b"x" * number, 1000.0, 0.1, "run")


def test_entries_come_back_in_order() -> None:
    """Of every source, as often as they are asked for."""
    with Spool() as spool:
        assert spool.add([_entry(1), _entry(2)]) == 2
        assert spool.add([_entry(3)]) == 1
        assert list(spool.entries()) == [_entry(1), _entry(2), _entry(3)]
        assert len(list(spool.entries())) == 3


def test_a_source_that_fails_contributes_nothing() -> None:
    """The entries that came before the failure are dropped, those of other sources stay."""

    def broken() -> Iterator[Entry]:
        yield _entry(7)
        raise TransferError("cut short")

    with Spool() as spool:
        spool.add([_entry(1)])
        with pytest.raises(TransferError, match="cut short"):
            spool.add(broken())
        spool.add([_entry(2)])
        assert list(spool.entries()) == [_entry(1), _entry(2)]

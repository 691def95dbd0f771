"""What is known of a remote."""

from __future__ import annotations

from pathlib import Path

import pytest

from cache_store.disk.listing import Recorded
from cache_store.transfer.ledger import Ledger, forget_remotes

A, B = "a" * 64, "b" * 64


def test_what_is_saved_is_known(tmp_path: Path) -> None:
    """Packs are known by remote, and forgotten with what was removed."""
    ledger = Ledger(tmp_path, "s3://one")
    ledger.packs = {A: b"1" * 32, B: b"2" * 16}
    ledger.mark = Recorded(7, "pp2-a", b"\x00" * 32)
    ledger.save()
    again = Ledger(tmp_path, "s3://one")
    assert (again.packs, again.mark) == (ledger.packs, ledger.mark)
    again.keep({A, B})
    assert again.mark == ledger.mark
    assert again.fingerprints() == {b"1" * 16, b"2" * 16}
    again.keep({B})
    assert (again.packs, again.mark) == ({B: b"2" * 16}, None)
    assert again.fingerprints() == {b"2" * 16}
    assert Ledger(tmp_path, "s3://two").packs == {}
    forget_remotes(tmp_path)
    assert Ledger(tmp_path, "s3://one").packs == {}


@pytest.mark.parametrize("content", ["", "[]", '{"packs": 1}', '{"packs": {"../x": "YQ=="}}', "[" * 100_000,
                                     '{"packs": {"' + A + '": "?"}}', '{"packs": {}, "mark": [1e999, "", ""]}',
                                     '{"packs": {}, "mark": [1, 2]}', '{"packs": {}, "mark": "abc"}'])  # fmt: skip
def test_a_damaged_ledger_knows_nothing(tmp_path: Path, content: str) -> None:
    """It is a hint: without it more is fetched."""
    ledger = Ledger(tmp_path, "s3://one")
    ledger.save()
    next((tmp_path / "remotes").iterdir()).write_text(content)
    again = Ledger(tmp_path, "s3://one")
    assert (again.packs, again.mark) == ({}, None)


def test_a_ledger_that_cannot_be_written_fails_nothing(tmp_path: Path) -> None:
    """Where the cache directory is gone, saving does nothing."""
    Ledger(tmp_path / "none", "s3://one").save()
    assert not (tmp_path / "none").exists()

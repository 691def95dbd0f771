"""Receipts as text: written, read, compared."""

from __future__ import annotations

from pathlib import Path

import pytest

from addon.accounting.receipts import (
    keys_in_receipts,
    lock_failures,
    read_receipt,
    receipt_text,
    rekey_receipt,
)
from addon.accounting.run_end import UsedEntry
from cache_store.errors import UsageError


def used(number: int, label: str = "POST h/v1 m", digest: str = "") -> UsedEntry:
    """An entry that was used."""
    return UsedEntry(f"pp1-{number:064x}", digest or f"{number:064x}", 1795256102.9, label)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    """Keys and digests come back; lines are in order of what was asked; entries that are gone are left out."""
    path = tmp_path / "x.lock"
    path.write_text(
        receipt_text(
            [used(3, "POST z m"), used(2, "POST a m"), UsedEntry("pp1-x", "", 0, "")], upstream=False
        )
    )
    lines = path.read_text().splitlines()
    assert lines[:2] == ["# provider-proxy receipt 1", "upstream: none"]
    assert lines[2] == f"pp1-{2:064x}  sha256:{2:064x}  2026-11-21T10:15:02Z  POST a m"
    assert [line[-8:] for line in lines[2:]] == ["POST a m", "POST z m"]
    receipt = read_receipt(path)
    assert receipt.digests == {used(n).key: used(n).digest for n in (2, 3)}
    assert not receipt.upstream


def test_the_order_does_not_depend_on_the_run() -> None:
    """The same entries give the same text."""
    entries = [used(n, f"POST {n % 2}") for n in range(9)]
    assert receipt_text(entries, upstream=True) == receipt_text(reversed(entries), upstream=True)


def test_a_locked_run(tmp_path: Path) -> None:
    """Fewer are fine; one that is not listed, one that differs and one that is gone are named."""
    path = tmp_path / "x.lock"
    path.write_text(receipt_text([used(1), used(2), used(3)], upstream=True))
    receipt = read_receipt(path)
    assert lock_failures(receipt, [used(1), used(2)]) == []
    gone = UsedEntry(used(3).key, "", 0.0, "")
    failures = lock_failures(receipt, [used(9), used(1, digest="f" * 64), gone])
    assert failures == [
        "--locked: 1 entry (pp1-00000000… POST h/v1 m) is not in the lock file",
        "--locked: 2 entries (pp1-00000000… POST h/v1 m, pp1-00000000…) are not what the lock file says",
    ]


def test_keys_of_several_files(tmp_path: Path) -> None:
    """What `prune --unused-by` keeps: everything that one of the files names."""
    for number in (1, 2):
        (tmp_path / f"{number}.lock").write_text(receipt_text([used(number), used(7)], upstream=False))
    assert keys_in_receipts([tmp_path / "1.lock", tmp_path / "2.lock"]) == {used(n).key for n in (1, 2, 7)}


def test_a_lock_file_follows_a_rekey(tmp_path: Path) -> None:
    """Moved entries get their new key and digest, two that became one are listed once, all others stay."""
    path = tmp_path / "x.lock"
    sequence = UsedEntry(f"pp1-{5:064x}.2", "5" * 64, 1795256102.9, "POST h/v1 m")
    path.write_text(receipt_text([used(1), used(2), used(3, "POST a"), sequence], upstream=False))
    new = f"pp2-{9:064x}"
    rekey_receipt(path, {used(1).key: (new, "9" * 64), used(2).key: (new, "9" * 64)})
    assert read_receipt(path).digests == {
        used(3).key: used(3).digest,
        sequence.key: sequence.digest,
        new: "9" * 64,
    }
    assert path.read_text().splitlines()[2].endswith("POST a")
    before = path.read_text()
    rekey_receipt(path, {})
    assert path.read_text() == before


@pytest.mark.parametrize("change", ["twice", "cut", "blank", "head"])
def test_a_broken_file_names_its_line(change: str, tmp_path: Path) -> None:
    """A key that is listed twice, a cut line, an empty one within: a merge that went wrong is not trusted."""
    lines = receipt_text([used(1), used(2)], upstream=False).splitlines()
    broken = {
        "twice": [*lines, lines[-1]],
        "cut": [*lines[:-1], lines[-1][:50]],
        "blank": [*lines[:-1], "", lines[-1]],
        "head": lines[1:],
    }[change]
    (tmp_path / "x.lock").write_text("\n".join(broken) + "\n")
    with pytest.raises(UsageError, match=r"line \d|not a lock file"):
        read_receipt(tmp_path / "x.lock")


def test_sections_by_test(tmp_path: Path) -> None:
    """A section lists what a test used, in the order of names; it does not change what a locked run checks."""
    path = tmp_path / "x.lock"
    of_test = UsedEntry(f"pp2-{7:064x}@{8:032x}.2", f"{7:064x}", 1795256102.9, "POST h/v1 m")
    tests = [
        {"test": "b\n::x", "entries": {used(1).key: 3, "gone": 1}},
        {"test": "a", "entries": {used(1).key: 1, of_test.key: 0}},
        {"test": "c", "entries": {"gone": 1}},
    ]
    path.write_text(receipt_text([used(1), of_test], upstream=False, tests=tests))
    lines = path.read_text().splitlines()
    assert lines[4:] == [
        'test "a"', f"  {used(1).key}", f"  {of_test.key}", 'test "b\\n::x"', f"  {used(1).key}",
    ]  # fmt: skip
    assert set(read_receipt(path).digests) == {used(1).key, of_test.key}
    rekey_receipt(path, {used(1).key: (f"pp2-{9:064x}", "f" * 64)})
    assert path.read_text().splitlines()[4:6] == ['test "a"', f"  pp2-{9:064x}"]
    assert set(read_receipt(path).digests) == {f"pp2-{9:064x}", of_test.key}
    path.write_text(path.read_text() + "broken\n")
    with pytest.raises(UsageError, match="broken at line 10"):
        read_receipt(path)

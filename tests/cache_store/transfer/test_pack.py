"""Packs: whole, or refused."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import zstandard

from cache_store.entry import Entry
from cache_store.errors import TransferError
from cache_store.transfer import pack as packs
from cache_store.transfer.pack import is_digest, pack_index, read_pack, write_pack


def _entry(number: int, body: bytes = b"body") -> Entry:
    return Entry(f"pp1-{number:064x}", 200, "OK", ((b"a", b"\xe9"),), body, 1000.0, 0.1, "run")


ENTRIES = [_entry(number, b"x" * number * 50) for number in range(20)]


def _read(path: Path, max_size: int | None = None) -> int:
    return sum(1 for _ in read_pack(path, max_size))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A whole pack."""
    target = tmp_path / "a.ppack"
    write_pack((entry.encode() for entry in ENTRIES), target)
    return target


def test_what_is_packed_is_unpacked(tmp_path: Path) -> None:
    """Entries come back in order; the pack is named by its digest, and knows its number and index."""
    target = tmp_path / "a.ppack"
    pack = write_pack((entry.encode() for entry in ENTRIES), target)
    assert list(read_pack(target)) == ENTRIES
    assert _read(target) == pack.entries == 20
    assert pack.digest == hashlib.sha256(target.read_bytes()).hexdigest()
    assert pack.size == target.stat().st_size
    assert pack_index(target) == pack.index == b"".join(e.encode()[-32:-16] for e in ENTRIES)


def test_the_same_entries_make_the_same_pack(tmp_path: Path) -> None:
    """So two jobs that push the same push one object."""
    digests = {write_pack((e.encode() for e in ENTRIES), tmp_path / name).digest for name in "ab"}
    assert len(digests) == 1


def test_an_empty_pack_is_a_pack(tmp_path: Path) -> None:
    """No entries are no fault."""
    write_pack([], tmp_path / "a.ppack")
    assert list(read_pack(tmp_path / "a.ppack")) == []


def test_a_pack_cut_at_any_byte_is_refused(path: Path) -> None:
    """No prefix of a pack passes for a pack."""
    whole = path.read_bytes()
    for length in [*range(0, len(whole), 7), len(whole) - 1]:
        path.write_bytes(whole[:length])
        with pytest.raises(TransferError) as caught:
            _read(path)
        assert "\n" not in str(caught.value)


def test_a_changed_byte_anywhere_is_found(path: Path) -> None:
    """Header, records, index and tail: every byte counts."""
    whole = bytearray(path.read_bytes())
    for at in range(len(whole)):
        whole[at] ^= 0x55
        path.write_bytes(whole)
        whole[at] ^= 0x55
        try:
            found = list(read_pack(path))
        except TransferError:
            continue
        assert found == ENTRIES  # a bit of zstd's frame header that says nothing


def _packed(tmp_path: Path, records: bytes, index: bytes) -> Path:
    target = tmp_path / "made.ppack"
    compressed = zstandard.compress(records)
    target.write_bytes(packs.MAGIC + compressed + index + len(index).to_bytes(4) + packs.END)
    return target


def _record(data: bytes) -> bytes:
    return len(data).to_bytes(4) + data


def test_an_index_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    """Entries beside the index, and an index beside the entries, are both damage."""
    one, two = (_entry(number).encode() for number in (1, 2))
    prints = [packs.fingerprint(data) for data in (one, two)]
    for records, index in (
        (_record(one) + _record(two), prints[0]),
        (_record(one), prints[0] + prints[1]),
        (_record(two) + _record(one), prints[0] + prints[1]),
    ):
        with pytest.raises(TransferError, match="index"):
            _read(_packed(tmp_path, records, index))


def test_a_bomb_is_given_up_at_the_limit(path: Path, tmp_path: Path) -> None:
    """Nothing is unpacked past the limit, and a record that claims gigabytes is not waited for."""
    with pytest.raises(TransferError, match="unpacks to more than"):
        _read(path, 1000)
    bomb = _packed(tmp_path, b"\xff\xff\xff\xff" + bytes(50_000_000), b"")
    with pytest.raises(TransferError, match="impossible length"):
        _read(bomb)
    zeros = _packed(tmp_path, b"\x02\x00\x00\x00" + bytes(2**25), b"")
    with pytest.raises(TransferError, match="damaged"):
        _read(zeros)


def test_a_small_pack_does_not_unpack_to_much(tmp_path: Path) -> None:
    """A hundred times its own size, and 64 MiB in any case, is allowed; more needs a limit of its own."""
    path = tmp_path / "bomb.ppack"
    write_pack((_entry(n, bytes(40 * 2**20)).encode() for n in range(2)), path)
    assert path.stat().st_size < 2**17
    with pytest.raises(TransferError, match="--max-size"):
        _read(path)
    assert _read(path, 2**30) == 2
    write_pack([_entry(1, bytes(40 * 2**20)).encode()], path)
    assert _read(path) == 1


def test_what_is_no_pack_is_refused(tmp_path: Path) -> None:
    """Another file, and none."""
    (tmp_path / "a.ppack").write_bytes(b"PK\x03\x04" + bytes(100))
    with pytest.raises(TransferError, match="not a pack"):
        _read(tmp_path / "a.ppack")
    with pytest.raises(TransferError, match="cannot be read"):
        pack_index(tmp_path / "none.ppack")
    with pytest.raises(TransferError, match="cannot be written"):
        write_pack([], tmp_path / "a.ppack" / "b.ppack")


@pytest.mark.parametrize("text", ["", "a" * 63, "g" * 64, "../" + "a" * 61, "A" * 64, "a" * 64 + "\n"])
def test_only_a_digest_is_a_digest(text: str) -> None:
    """A name from a bucket is never a path."""
    assert not is_digest(text)
    assert is_digest("0a" * 32)

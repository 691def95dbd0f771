"""Entries that are kept decoded."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cache_store.disk.decoded_entries import DecodedEntries
from cache_store.entry import Entry

ENTRY = Entry(
    "pp1-a", 200, "OK", ((b"content-type", b"application/json"),), b'{"a": 1}', 1.0, 0.5, "run",
    label={"host": "h"}, request_json=b'{"path":"/"}',
)  # fmt: skip


def test_the_same_bytes_are_the_same_entry() -> None:
    """It is handed back without being decoded; under another key, or before it came, there is none."""
    kept = DecodedEntries()
    data = ENTRY.encode()
    assert kept.find("pp1-a", data) is None
    kept.add("pp1-a", data, ENTRY)
    assert kept.find("pp1-a", bytes(bytearray(data))) is ENTRY
    assert kept.find("pp1-b", data) is None


def test_any_other_byte_is_another_entry() -> None:
    """A byte that changed anywhere, one too many and one too few are seen."""
    kept = DecodedEntries()
    data = ENTRY.encode()
    kept.add("pp1-a", data, ENTRY)
    for at in range(len(data)):
        changed = bytearray(data)
        changed[at] ^= 1
        assert kept.find("pp1-a", bytes(changed)) is None
    assert kept.find("pp1-a", data + b"\0") is None
    assert kept.find("pp1-a", data[:-1]) is None
    assert kept.find("pp1-a", data[1:]) is None


@pytest.mark.parametrize("name", ["body", "request_json"])
def test_bytes_do_not_move_from_one_part_to_another(name: str) -> None:
    """Two entries of one length whose parts are cut elsewhere are two."""
    one = replace(ENTRY, body=b"ab", request_json=b"c")
    other = (
        replace(ENTRY, body=b"a", request_json=b"bc")
        if name == "body"
        else replace(one, body=b"b", request_json=b"ca")
    )
    kept = DecodedEntries()
    kept.add("pp1-a", one.encode(), one)
    assert len(one.encode()) == len(other.encode())
    assert kept.find("pp1-a", other.encode()) is None


def test_a_newer_entry_takes_the_place_of_the_older() -> None:
    """Under one key there is one."""
    kept = DecodedEntries()
    newer = replace(ENTRY, body=b"newer")
    kept.add("pp1-a", ENTRY.encode(), ENTRY)
    kept.add("pp1-a", newer.encode(), newer)
    assert kept.find("pp1-a", ENTRY.encode()) is None
    assert kept.find("pp1-a", newer.encode()) is newer


def test_the_oldest_goes_when_there_are_too_many_or_too_many_bytes() -> None:
    """Neither bound is passed, and what takes over a quarter of the room is not kept."""
    few, small = DecodedEntries(max_entries=2), DecodedEntries(max_bytes=100_000)
    entries = {key: replace(ENTRY, key=key, body=bytes(20_000)) for key in "abcdefg"}
    for kept in (few, small):
        for key, entry in entries.items():
            kept.add(key, entry.encode(), entry)
    assert [key for key, entry in entries.items() if few.find(key, entry.encode())] == ["f", "g"]
    assert [key for key, entry in entries.items() if small.find(key, entry.encode())] == ["d", "e", "f", "g"]
    large = replace(ENTRY, body=bytes(25_000))
    small.add("large", large.encode(), large)
    assert small.find("large", large.encode()) is None
    assert small.find("g", entries["g"].encode()) is entries["g"]

"""One stored answer and its bytes."""

from __future__ import annotations

import hashlib
import json
import math
import struct
import time
from dataclasses import replace
from typing import Any

import pytest

from cache_store.entry import Entry, is_expired, recorded_seconds
from cache_store.errors import CorruptEntry, EntryError, UnknownSchema

ENTRY = Entry(
    key="pp1-" + "ab" * 32,
    status=201,
    reason="Größer",
    headers=(
        (b"Content-Type", b"text/plain"),
        (b"x-a", b"1"),
        (b"X-A", b"2"),
        (b"x-raw", bytes({*range(32, 256)} - {127})),
    ),
    body=b"\x00\xff body \r\n\r\n",
    recorded_at=1_790_000_000.25,
    elapsed=1.5,
    run="r" * 32,
    label={"method": "POST", "host": "api.openai.com", "path": "/v1/ü"},
    judged="chat",
    request_json=b'{"method":"POST"}',
)


def _meta(changes: dict[str, Any] | None = None) -> dict[str, Any]:
    meta: dict[str, Any] = {
        "key": "pp1-k",
        "status": 200,
        "reason": "OK",
        "headers": [["a", "b"]],
        "recorded_at": 1.0,
        "elapsed": 1.0,
        "run": "r",
        "label": {"host": "h"},
        "judged": "json",
    }
    return {name: value for name, value in (meta | (changes or {})).items() if value is not KeyError}


# Each makes a sound description one that no answer has; KeyError stands for a member that is missing.
HOSTILE: tuple[dict[str, Any], ...] = (
    *({name: KeyError} for name in _meta()),
    *(
        {"headers": [[name, "5"]]}
        for name in ("", " x", "x y", "x\x0b", "x\t", "x:y", "(x)", "x\xff", "content-length ")
    ),
    *({"headers": [["x", f"a{control}"]]} for control in "\0\r\n\x0b\x01\x7f"),
    {"status": None},
    {"status": "abc"},
    {"status": 1e400},
    {"status": float("nan")},
    {"status": 10**400},
    {"status": 0},
    {"status": 99},
    {"status": 600},
    {"status": -200},
    {"recorded_at": "soon"},
    {"recorded_at": 10**400},
    {"recorded_at": float("nan")},
    {"recorded_at": float("inf")},
    {"recorded_at": 1e300},
    {"recorded_at": -1},
    {"elapsed": []},
    {"elapsed": float("nan")},
    {"elapsed": float("-inf")},
    {"headers": 5},
    {"headers": None},
    {"headers": [["a"]]},
    {"headers": [["a", "b", "c"]]},
    {"headers": [[1, 2]]},
    {"headers": [["a", "\u0100"]]},
    {"headers": [["", "b"]]},
    {"headers": [["a", "b\r\nset-cookie: x"]]},
    {"headers": [["a\n", "b"]]},
    {"headers": [["a", "b\0"]]},
    {"reason": "OK\r\nx: y"},
    {"label": []},
    {"label": "abc"},
)


def _sealed(meta: bytes, request: bytes = b"{}", body: bytes = b"body", schema: int = 1) -> bytes:
    """An entry's bytes with a right checksum, whatever its parts."""
    data = b"PPE" + bytes([schema]) + struct.pack(">IIQ", len(meta), len(request), len(body))
    data += meta + request + body
    return data + hashlib.sha256(data).digest()


def test_every_field_survives_a_round_trip() -> None:
    """An entry decodes to what was encoded: header order, case, repeats and raw bytes included."""
    assert Entry.decode(ENTRY.encode()) == ENTRY


@pytest.mark.parametrize("body", [b"", b"x" * 70_000])
def test_bodies_of_any_length_survive(body: bytes) -> None:
    """Empty and long bodies come back as they were, and `size` is their length."""
    entry = Entry.decode(replace(ENTRY, body=body).encode())
    assert (entry.body, entry.size) == (body, len(body))


@pytest.mark.parametrize(
    ("stated", "timing"),
    [
        ("ab+/ZZ==", "ab+/ZZ=="),
        ("", ""),
        (None, ""),
        (7, ""),
        (["a"], ""),
        ("a b", ""),
        ("=a", ""),
        ("a\n", ""),
    ],
)
def test_a_timing_is_text_of_base64_or_none(stated: object, timing: str) -> None:
    """An entry from elsewhere may state anything; its answer is served all the same."""
    entry = Entry.decode(_sealed(json.dumps(_meta({"timing": stated})).encode()))
    assert entry.timing == timing
    assert Entry.decode(entry.encode()) == entry


def test_a_reason_that_is_no_valid_text_survives() -> None:
    """A surrogate from a reason phrase that was no UTF-8 is kept."""
    entry = replace(ENTRY, reason="\udcff")
    assert Entry.decode(entry.encode()) == entry


@pytest.mark.parametrize("flip", [0x01, 0x80, 0xFF])
def test_every_flipped_byte_is_noticed(flip: int) -> None:
    """Whichever byte changes, decoding raises an EntryError and nothing else."""
    data = ENTRY.encode()
    for at in range(len(data)):
        damaged = data[:at] + bytes([data[at] ^ flip]) + data[at + 1 :]
        with pytest.raises(EntryError):
            Entry.decode(damaged)


def test_every_truncation_is_noticed() -> None:
    """An entry that was cut short at any byte is corrupt, as is one with bytes added."""
    data = ENTRY.encode()
    for end in range(len(data)):
        with pytest.raises(CorruptEntry):
            Entry.decode(data[:end])
    with pytest.raises(CorruptEntry):
        Entry.decode(data + b"\0")


def test_a_newer_schema_is_told_apart_from_damage() -> None:
    """Another schema's entry is UnknownSchema, and the message names both versions."""
    data = _sealed(json.dumps(_meta()).encode(), schema=2)
    with pytest.raises(UnknownSchema, match=r"2.*1"):
        Entry.decode(data)


def test_the_layout_is_the_documented_one() -> None:
    """Bytes built by hand from the module's description decode, so old caches stay readable."""
    entry = Entry.decode(_sealed(json.dumps(_meta()).encode(), b'{"a":1}', b"body"))
    assert (entry.key, entry.headers, entry.body, entry.request) == (
        "pp1-k",
        ((b"a", b"b"),),
        b"body",
        {"a": 1},
    )


@pytest.mark.parametrize(
    ("meta_len", "request_len", "body_len"),
    [(2**32 - 1, 0, 0), (0, 2**32 - 1, 0), (0, 0, 2**64 - 1), (0, 0, 0)],
)
def test_lengths_that_do_not_add_up_are_corrupt(meta_len: int, request_len: int, body_len: int) -> None:
    """Lengths that reach past the data, or leave some of it over, are refused before anything is sliced."""
    data = b"PPE" + bytes([1]) + struct.pack(">IIQ", meta_len, request_len, body_len) + b"some bytes"
    with pytest.raises(CorruptEntry):
        Entry.decode(data + hashlib.sha256(data).digest())


@pytest.mark.parametrize(
    "meta",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"null",
        b"7",
        b'"text"',
        b"[" * 100_000,
        b'{"key":' * 50_000,
        b'{"status": ' + b"9" * 5_000 + b"}",
        *(json.dumps(_meta(changes)).encode() for changes in HOSTILE),
    ],
)
def test_a_hostile_description_under_a_right_checksum_is_corrupt(meta: bytes) -> None:
    """The checksum proves nothing about intent: whatever the description holds, only CorruptEntry comes out."""
    with pytest.raises(CorruptEntry):
        Entry.decode(_sealed(meta))


@pytest.mark.parametrize("request_json", [b"", b"[]", b"7", b"{", b"\xff", b"[" * 100_000])
def test_a_hostile_request_is_corrupt_when_it_is_asked_for(request_json: bytes) -> None:
    """A saved request that is no JSON object raises CorruptEntry on use, and serving does not need it."""
    entry = Entry.decode(_sealed(json.dumps(_meta()).encode(), request_json))
    assert entry.body == b"body"
    with pytest.raises(CorruptEntry):
        _ = entry.request


@pytest.mark.parametrize(
    ("age", "max_age", "expired"),
    [
        (100.0, None, False),
        (100.0, 100.0, True),
        (99.0, 100.0, False),
        (-50.0, 1.0, False),
        (-50.0, 0.0, True),
    ],
)
def test_an_entry_expires_at_its_age(
    monkeypatch: pytest.MonkeyPatch, age: float, max_age: float | None, expired: bool
) -> None:
    """The limit itself is too old, without a limit nothing is, and a time in the future counts as now."""
    monkeypatch.setattr(time, "time", lambda: 5000.0)
    assert is_expired(Entry("pp1-a", 200, "", (), b"", 5000.0 - age, 0.0, "run"), max_age) is expired


@pytest.mark.parametrize(
    ("stored_at", "expired"), [(4989.0, True), (4990.0, True), (4991.0, False), (None, False)]
)
def test_an_entry_of_the_future_ages_from_its_storing(
    monkeypatch: pytest.MonkeyPatch, stored_at: float | None, expired: bool
) -> None:
    """Its own date does not keep it for longer than any other; a past date counts whenever it was stored."""
    monkeypatch.setattr(time, "time", lambda: 5000.0)
    future = Entry("pp1-a", 200, "", (), b"", 9000.0, 0.0, "run")
    assert is_expired(future, 10.0, {"pp1-a": stored_at}.get) is expired
    assert is_expired(replace(future, recorded_at=4000.0), 10.0, {"pp1-a": 4999.0}.get)


@pytest.mark.parametrize(
    ("raw", "seconds"),
    [
        (1_700_000_000, 1_700_000_000.0),
        (1_700_000_000.5, 1_700_000_000.5),
        (None, 50.0),
        (0, 50.0),
        (-5, 50.0),
        (math.nan, 50.0),
        (math.inf, 50.0),
        (10**400, 50.0),
        ("1700000000", 50.0),
        (True, 50.0),
    ],
)
def test_foreign_times_are_read_as_seconds(raw: object, seconds: float) -> None:
    """A value that is not a usable time means now."""
    assert recorded_seconds(raw, now=50.0) == seconds

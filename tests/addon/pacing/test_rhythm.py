"""The rhythm of a stream, as an entry keeps it."""

from __future__ import annotations

import base64
import json
import random
import struct
import zlib
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import pytest

from addon.pacing.chunk_times import ChunkTimes
from addon.pacing.rhythm import is_stream, read_rhythm, write_rhythm
from cache_store.entry import Entry, Headers

EVENTS: Headers = ((b"content-type", b"text/event-stream; charset=utf-8"),)
LINES: Headers = ((b"content-type", b"application/x-ndjson"),)
FRAMES: Headers = ((b"content-type", b"application/vnd.amazon.eventstream"),)
JSON: Headers = ((b"content-type", b"application/json"),)
SOUND: Headers = ((b"content-type", b"audio/mpeg"),)


def _event(text: str) -> bytes:
    """An event of the size of OpenAI's."""
    chunk = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4.1-2025-04-14",
             "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]}  # fmt: skip
    return b"data: %s\n\n" % json.dumps(chunk).encode()


def _frame(payload: bytes) -> bytes:
    """A frame of an AWS event stream, without checksums: they are not read here."""
    return struct.pack(">III", 16 + len(payload), 0, 0) + payload + bytes(4)


def _entry(chunks: Sequence[bytes], times: Sequence[float], headers: Headers = EVENTS) -> Entry:
    """The entry of a stream whose request was complete at 0 and whose head came at 0.5."""
    came = ChunkTimes(0.5)
    for chunk, at in zip(chunks, times, strict=True):
        came.add(len(chunk), at)
    body = b"".join(chunks)
    timing = write_rhythm(came, 0.0, headers, body)
    return Entry("pp1-a", 200, "OK", headers, body, 1.0, 1.0, "run", timing=timing)


def _cut(body: bytes, ends: Sequence[int]) -> list[bytes]:
    return [body[before:end] for before, end in pairwise((0, *ends))]


@pytest.mark.parametrize(
    ("headers", "chunks"),
    [
        (EVENTS, [b"data: a\n\n", b"data: b\n\ndata: c\n\n", b"data: d\n\n"]),
        (EVENTS, [b"data: a\n", b"\nda", b"ta: b", b"\n\n"]),
        (EVENTS, [b"data: a\r\n\r\n", b"data: b\r\n\r\n"]),
        (LINES, [b'{"a": 1}\n', b'{"b": 2}\n{"c"', b": 3}"]),
        (FRAMES, [_frame(b"\n\nabc"), _frame(b"d") + _frame(b"e")[:9], _frame(b"e")[9:]]),
        (JSON, [b'[{"a": 1}', b',\r\n{"b": 2}', b"]"]),
        (SOUND, [bytes(range(256)), bytes(range(255, -1, -1))]),
    ],
)
def test_boundaries_and_times_come_back(headers: Headers, chunks: list[bytes]) -> None:
    """To the byte and to the millisecond, whatever the stream is made of."""
    times = [0.5012 + 0.25 * number for number in range(len(chunks))]
    entry = Entry.decode(_entry(chunks, times, headers).encode())
    rhythm = read_rhythm(entry)
    assert rhythm is not None
    assert rhythm.head == 0.5
    assert _cut(entry.body, rhythm.ends) == chunks
    assert rhythm.gaps == [0.001, *[0.25] * (len(chunks) - 1)]
    assert is_stream(entry)


def test_it_takes_at_most_two_percent_of_the_body() -> None:
    """A long stream keeps its rhythm within that, and one of tiny pieces keeps none."""
    chance = random.Random(1)
    chunks = [_event("word" * chance.randrange(3)) for _ in range(2000)]
    times = [0.5]
    for _ in chunks[1:]:
        times.append(times[-1] + chance.expovariate(30))
    entry = _entry(chunks, times)
    assert 0 < len(entry.timing) <= len(entry.body) / 50
    tiny = [entry.body[at : at + 3] for at in range(0, len(entry.body), 3)]
    assert _entry(tiny, [0.5 + chance.random() for _ in tiny]).timing == ""


def test_a_short_stream_keeps_its_rhythm_too() -> None:
    """Two percent of it could hold nothing, so it may take 128 characters."""
    entry = _entry([b"data: %d\n\n" % number for number in range(10)], [0.5 + n / 7 for n in range(10)])
    assert 0 < len(entry.timing) <= 128


@pytest.mark.parametrize(
    ("headers", "chunks", "times"),
    [
        (JSON, [b'{"a": 1}'], [0.6]),  # one piece, and no stream
        (EVENTS, [], []),
        (EVENTS, [b"data: a\n\n"], [4000.0]),
        (EVENTS, [b"\n" * 1_000_001], [0.6]),
    ],
)
def test_what_has_no_rhythm_keeps_none(headers: Headers, chunks: list[bytes], times: list[float]) -> None:
    """Neither an answer in one piece, nor one that took more than an hour, nor one of a million events."""
    assert _entry(chunks, times, headers).timing == ""


def test_the_boundaries_follow_the_events_of_a_changed_body() -> None:
    """Where values of other lengths were put into the events, each piece still ends with the same event."""
    entry = _entry([_event(text) for text in ("a", "bb", "ccc")], [0.5, 0.6, 0.7])
    longer = [_event(text) for text in ("something else", "", "ccc")]
    rhythm = read_rhythm(replace(entry, body=b"".join(longer)))
    assert rhythm is not None
    assert _cut(b"".join(longer), rhythm.ends) == longer


def test_a_boundary_within_an_event_stays_within_it() -> None:
    """Where the event is now shorter than the bytes that the boundary was after its start."""
    entry = _entry([b"data: aaaa\n\ndata: bbb", b"bbbb\n\n"], [0.5, 0.6])
    body = b"data: aaaa\n\ndata: b\n\ndata: c\n\n"
    rhythm = read_rhythm(replace(entry, body=body))
    assert rhythm is not None
    assert _cut(body, rhythm.ends)[0] == b"data: aaaa\n\ndata: b\n"


def _packed(numbers: bytes) -> str:
    deflate = zlib.compressobj(9, wbits=-15)
    return base64.b64encode(deflate.compress(numbers) + deflate.flush()).decode()


HOSTILE = {
    "no base64": "A",
    "no deflate": base64.b64encode(b"\xff" * 20).decode(),
    "nothing": _packed(b""),
    "no numbers": _packed(b"\0"),
    "no chunks": _packed(b"\0\0"),
    "too few numbers": _packed(b"\0\2\0\0\0"),
    "too many numbers": _packed(b"\0\1\0\0\0\0"),
    "a number cut short": _packed(b"\0\1\1\1\x80"),
    "a huge number": _packed(b"\0\1\1\1" + b"\xff" * 5000 + b"\1"),
    "a pause of years": _packed(b"\0\1\1\1\xff\xff\xff\xff\x7f"),
    "two million events": _packed(b"\0\1\x80\x89\x7a\0\0"),
    "a bomb": _packed(bytes(40_000_000))[: 10**6],
    "cut short": _packed(b"\0\1\1\1\1")[:4],
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_rhythm_is_none(what: str) -> None:
    """Whatever stands there, the answer is served, and the work is bounded."""
    entry = Entry(
        "pp1-a", 200, "OK", EVENTS, b"data: a\n\n" * 10_000_00, 1.0, 1.0, "run", timing=HOSTILE[what]
    )
    assert read_rhythm(entry) is None


def test_a_rhythm_longer_than_its_body_allows_is_none() -> None:
    """A reader has the writer's bound."""
    numbers = b"\0\1\1\1" + bytes(1)
    good = _packed(numbers)
    entry = Entry("pp1-a", 200, "OK", EVENTS, b"data: a\n\n", 1.0, 1.0, "run", timing=good)
    assert read_rhythm(entry) is not None
    assert read_rhythm(replace(entry, timing=good + "A" * 400)) is None


def test_an_edited_body_without_line_ends_is_walked_once() -> None:
    """Many boundaries in one endless line are found without reading it again for each."""
    count = 3000
    numbers = b"\0" + bytes([count & 0x7F | 0x80, count >> 7]) + bytes(count) + b"\1" * count + bytes(count)
    entry = Entry("pp1-a", 200, "OK", EVENTS, b"x" * 8_000_000, 1.0, 1.0, "run", timing=_packed(numbers))
    rhythm = read_rhythm(entry)
    assert rhythm is not None
    assert set(rhythm.ends) == {1}


def test_a_plain_answer_is_no_stream() -> None:
    """Nor is an empty one."""
    assert not is_stream(_entry([b'{"a": 1}'], [0.6], JSON))
    assert not is_stream(_entry([], [], EVENTS))
    assert is_stream(replace(_entry([b"data: a\n\n"], [0.6]), timing=""))

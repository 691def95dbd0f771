"""Frames of Amazon's event stream, with botocore's parser as the oracle."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import pytest
from botocore.eventstream import EventStreamBuffer
from hypothesis import given
from hypothesis import strategies as st

from cache_store.answers.eventstream import BrokenFrame, Frame, frames

SAMPLES = Path(__file__).parents[2] / "samples" / "streams"


def sealed(headers, payload, total=None, headers_length=None):
    """A frame around raw header bytes with right checksums, of the lengths given or the true ones."""
    total = 16 + len(headers) + len(payload) if total is None else total
    prelude = struct.pack(">II", total, len(headers) if headers_length is None else headers_length)
    start = prelude + struct.pack(">I", zlib.crc32(prelude)) + headers + payload
    return start + struct.pack(">I", zlib.crc32(start))


def header(name, kind, raw):
    """One header's bytes."""
    return bytes([len(name.encode())]) + name.encode() + bytes([kind]) + raw


def sized(raw):
    """A value with its length before it."""
    return struct.pack(">H", len(raw)) + raw


VALUES = st.one_of(
    st.just((0, b"")),
    st.just((1, b"")),
    st.tuples(st.just(2), st.binary(min_size=1, max_size=1)),
    st.tuples(st.just(3), st.binary(min_size=2, max_size=2)),
    st.tuples(st.just(4), st.binary(min_size=4, max_size=4)),
    st.tuples(st.sampled_from([5, 8]), st.binary(min_size=8, max_size=8)),
    st.tuples(st.just(6), st.binary(max_size=20).map(sized)),
    st.tuples(st.just(7), st.text(max_size=10).map(lambda text: sized(text.encode()))),
    st.tuples(st.just(9), st.binary(min_size=16, max_size=16)),
)
HEADERS = st.dictionaries(st.text(max_size=8), VALUES, max_size=4).map(
    lambda named: b"".join(header(name, kind, raw) for name, (kind, raw) in named.items())
)
BODIES = st.lists(st.builds(sealed, HEADERS, st.binary(max_size=60)), max_size=4).map(b"".join)


def by_botocore(body):
    """What botocore reads of a body, which it takes for granted may end anywhere; None where it raises."""
    buffer = EventStreamBuffer()
    buffer.add_data(body)
    try:
        return [Frame(message.headers, message.payload) for message in buffer]
    except Exception:  # noqa: BLE001 - it lets whatever struct, str and dict raise through
        return None


def by_us(body):
    """What we read of a body; None where it is refused."""
    try:
        return frames(body)
    except BrokenFrame:
        return None


@given(BODIES)
def test_it_reads_what_botocore_reads(body):
    """Headers of every type, payloads, several frames."""
    assert by_botocore(body) == frames(body)


@given(BODIES, st.data())
def test_a_changed_byte_is_never_read(body, data):
    """Both checksums are looked at: botocore finds fewer frames or raises, we refuse."""
    if not body:
        return
    at = data.draw(st.integers(0, len(body) - 1))
    changed = body[:at] + bytes([body[at] ^ data.draw(st.integers(1, 255))]) + body[at + 1 :]

    assert by_us(changed) is None
    assert by_botocore(changed) != by_botocore(body)


@given(st.lists(st.builds(sealed, HEADERS, st.binary(max_size=60)), min_size=1, max_size=3), st.data())
def test_a_cut_body_is_refused_unless_it_was_cut_between_frames(parts, data):
    """botocore silently returns the frames before the cut; we do so only where nothing is left over."""
    body = b"".join(parts)
    cut = body[: data.draw(st.integers(0, len(body)))]
    ends = [len(b"".join(parts[:count])) for count in range(len(parts) + 1)]

    assert by_us(cut) == (by_botocore(cut) if len(cut) in ends else None)


@given(HEADERS, st.binary(max_size=20), st.integers(0, 80), st.integers(0, 80))
def test_wrong_lengths_under_right_checksums_are_refused(headers, payload, total, headers_length):
    """A frame that lies about its lengths raises one error, whatever they are."""
    if (total, headers_length) != (16 + len(headers) + len(payload), len(headers)):
        found = by_us(sealed(headers, payload, total, headers_length))
        # Other lengths may happen to make sense of the same bytes, but then botocore reads the same.
        assert found is None or found == by_botocore(sealed(headers, payload, total, headers_length))


@pytest.mark.parametrize(
    "headers",
    [
        header("a", 10, b""),
        header("a", 255, b"xx"),
        header("a", 0, b"") * 2,
        header("a", 7, sized(b"\xff")),
        header("a", 7, b"\x00\x09abc"),
        header("a", 6, b"\x00"),
        header("a", 4, b"\x00"),
        header("a", 9, b"short"),
        b"\x09a",
        b"\x01a",
        b"\x01\xff\x00",
    ],
    ids=[
        "type",
        "type-255",
        "twice",
        "utf8",
        "long",
        "size",
        "short-int",
        "short-uuid",
        "name",
        "no-type",
        "name-utf8",
    ],
)
def test_broken_headers_are_refused(headers):
    """Unknown types, repeats, values beyond the end: one error each."""
    with pytest.raises(BrokenFrame):
        frames(sealed(headers, b"payload"))


@pytest.mark.parametrize(
    ("total", "headers_length"),
    [(0, 0), (15, 0), (16, 1), (2**32 - 1, 0), (200 * 1024, 129 * 1024), (2**32 - 1, 2**32 - 1)],
)
def test_lengths_out_of_bounds_are_refused(total, headers_length):
    """No frame is smaller than its own parts or larger than botocore would take."""
    with pytest.raises(BrokenFrame):
        frames(sealed(b"", b"x" * 20, total, headers_length))


def test_the_preludes_own_checksum_counts():
    """A wrong one is refused even where the message's checksum was made to fit it."""
    start = struct.pack(">III", 16, 0, 1)

    with pytest.raises(BrokenFrame, match="prelude"):
        frames(start + struct.pack(">I", zlib.crc32(start)))


def test_typed_values():
    """Each type comes out as Python's own."""
    raw = b"".join(
        [
            header("yes", 0, b""),
            header("no", 1, b""),
            header("byte", 2, b"\xff"),
            header("time", 8, struct.pack(">q", 1_700_000_000_000)),
            header("bytes", 6, sized(b"\0")),
            header(":event-type", 7, sized(b"chunk")),
        ]
    )

    assert frames(sealed(raw, b"p")) == [
        Frame(
            {
                "yes": True,
                "no": False,
                "byte": -1,
                "time": 1_700_000_000_000,
                "bytes": b"\0",
                ":event-type": "chunk",
            },
            b"p",
        )
    ]


def test_an_empty_body_has_no_frames():
    """Nothing is not an error here; the judge calls it empty."""
    assert frames(b"") == []


@pytest.mark.parametrize("name", ["bedrock_converse.bin", "bedrock_invoke.bin", "bedrock_invoke_nova.bin"])
def test_samples_are_read_as_botocore_reads_them(name):
    """Whole answers of Bedrock."""
    body = (SAMPLES / name).read_bytes()

    assert by_botocore(body) == frames(body)


@given(st.binary(max_size=200))
def test_no_bytes_make_anything_else_happen(body):
    """Whatever comes: frames or BrokenFrame."""
    by_us(body)

"""Undoing content encodings to their very end."""

from __future__ import annotations

import gzip
import subprocess
import sys
import tracemalloc
import zlib

import brotli
import pytest
import zstandard

from cache_store.answers.content_coding import BadCoding, TooLarge, decode

TEXT = b"".join(b'data: {"n": %d}\n\n' % n for n in range(300))
LIMIT = 1024 * 1024


def _raw_deflate(data):
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


def _streamed_zstd(data):
    # A streaming server knows no size beforehand and, with a checksum, has four bytes to lose at the end.
    packer = zstandard.ZstdCompressor(write_checksum=True).compressobj()
    return packer.compress(data) + packer.flush()


CODED = {
    "gzip": gzip.compress(TEXT),
    "x-gzip": gzip.compress(TEXT),
    "deflate": zlib.compress(TEXT),
    "Deflate": _raw_deflate(TEXT),
    "br": brotli.compress(TEXT),
    "zstd": zstandard.ZstdCompressor().compress(TEXT),
    "ZSTD": _streamed_zstd(TEXT),
    "gzip, br": brotli.compress(gzip.compress(TEXT)),
    "identity,gzip ,identity": gzip.compress(TEXT),
}


@pytest.mark.parametrize("encoding", CODED)
def test_a_whole_body_is_decoded(encoding):
    """Every coding that clients ask for, in any case, alone or in a list."""
    assert decode(CODED[encoding], encoding, LIMIT) == TEXT


@pytest.mark.parametrize("encoding", CODED)
def test_no_proper_prefix_decodes(encoding):
    """Cut at any byte, trailer and checksum included, a compressed body is refused."""
    coded = CODED[encoding]
    for length in range(1, len(coded)):
        with pytest.raises(BadCoding):
            decode(coded[:length], encoding, LIMIT)


@pytest.mark.parametrize("encoding", CODED)
@pytest.mark.parametrize("garbage", [b"\0", b"x", b"trailing garbage"])
def test_nothing_may_follow_the_end(encoding, garbage):
    """Bytes after the last member are no part of the body."""
    with pytest.raises(BadCoding):
        decode(CODED[encoding] + garbage, encoding, LIMIT)


@pytest.mark.parametrize("encoding", ["gzip", "zstd", "br", "deflate"])
def test_a_damaged_body_is_refused(encoding):
    """A body whose middle or checksum was changed does not decode."""
    coded = bytearray(CODED["ZSTD" if encoding == "zstd" else encoding])
    if encoding in ("gzip", "deflate", "zstd"):  # brotli has no checksum
        coded[-2] ^= 0xFF
        with pytest.raises(BadCoding):
            decode(bytes(coded), encoding, LIMIT)
    coded[2] ^= 0xFF
    with pytest.raises(BadCoding):
        decode(bytes(coded), encoding, LIMIT)


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_several_members_are_one_body(encoding):
    """Both formats say that members simply follow each other."""
    assert decode(CODED[encoding] * 3, encoding, LIMIT) == TEXT * 3
    with pytest.raises(BadCoding):
        decode(CODED[encoding] * 2 + CODED[encoding][:-1], encoding, LIMIT)


def test_a_zstd_body_may_have_skippable_frames():
    """RFC 8878, 3.1.2: they hold nothing of the body."""
    skippable = b"\x50\x2a\x4d\x18\x04\x00\x00\x00abcd"

    assert decode(skippable + CODED["zstd"] + skippable, "zstd", LIMIT) == TEXT


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br"])
def test_others_have_one_member_or_a_bounded_number(encoding):
    """A second zlib or brotli stream is garbage, and members without number are not unpacked for minutes."""
    empty = {"gzip": gzip.compress(b""), "deflate": zlib.compress(b""), "br": brotli.compress(b"")}[encoding]

    with pytest.raises(BadCoding):
        decode(empty * 20_000, encoding, LIMIT)


def test_the_limit_is_exact():
    """A body of exactly the limit is decoded, one of a byte more is not; without a coding too."""
    for encoding, coded in [*CODED.items(), ("", TEXT), ("identity", TEXT)]:
        limit = max(len(TEXT), len(coded))
        assert decode(coded, encoding, limit) == TEXT
        with pytest.raises(TooLarge):
            decode(coded, encoding, len(TEXT) - 1)


@pytest.mark.parametrize(
    ("encoding", "bomb"),
    [
        ("gzip", lambda: gzip.compress(b"\0" * 100_000_000)),
        ("deflate", lambda: zlib.compress(b"\0" * 100_000_000)),
        ("br", lambda: brotli.compress(b"\0" * 100_000_000, quality=5)),
        ("zstd", lambda: zstandard.ZstdCompressor().compress(b"\0" * 100_000_000)),
        ("zstd", lambda: zstandard.ZstdCompressor().compress(b"\0" * 100_000) * 1000),
        ("gzip, gzip", lambda: gzip.compress(gzip.compress(b"\0" * 100_000_000))),
    ],
    ids=["gzip", "deflate", "br", "zstd", "zstd-frames", "gzip-twice"],
)
def test_a_bomb_is_not_unpacked(encoding, bomb):
    """What a decoder holds when it gives up is the limit and some megabytes, not the body."""
    body = bomb()
    tracemalloc.start()
    try:
        with pytest.raises(TooLarge):
            decode(body, encoding, LIMIT)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert peak < LIMIT + 16 * 1024 * 1024


def test_a_zstd_frame_that_asks_for_a_huge_window_is_refused():
    """RFC 9659: over HTTP no window is larger than 8 MiB."""
    parameters = zstandard.ZstdCompressionParameters(window_log=27, compression_level=1)
    packer = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    coded = packer.compress(TEXT) + packer.flush()

    with pytest.raises(BadCoding):
        decode(coded, "zstd", LIMIT)


@pytest.mark.parametrize("encoding", ["compress", "gzipp", "aws-chunked", "gzip;q=1"])
def test_an_unknown_coding_is_refused(encoding):
    """What cannot be undone cannot be stored."""
    with pytest.raises(BadCoding):
        decode(CODED["gzip"], encoding, LIMIT)


def test_codings_without_number_are_refused():
    """Four codings on top of each other are decoded, a fifth is not."""
    coded = TEXT
    for _ in range(4):
        coded = gzip.compress(coded)

    assert decode(coded, ",".join(["gzip"] * 4), LIMIT) == TEXT
    with pytest.raises(BadCoding):
        decode(gzip.compress(coded), ",".join(["gzip"] * 5), LIMIT)


@pytest.mark.parametrize("encoding", ["gzip", "br", "zstd"])
def test_a_large_body_is_held_once(encoding):
    """Decoding takes the body's own size and some megabytes, not twice its size."""
    pack = {
        "gzip": gzip.compress,
        "br": lambda data: brotli.compress(data, quality=1),
        "zstd": zstandard.ZstdCompressor().compress,
    }[encoding]
    size = 40 * 1024 * 1024
    coded = pack(b"\0" * size)
    tracemalloc.start()
    try:
        assert len(decode(coded, encoding, 2 * size)) == size
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert peak < 1.5 * size


@pytest.mark.parametrize("encoding", ["", " , ", "identity", "gzip", "zstd"])
def test_an_empty_body_stays_empty(encoding):
    """An answer to HEAD names the coding of a body that it does not carry."""
    assert decode(b"", encoding, LIMIT) == b""


def test_a_brotli_that_cannot_bound_its_output_is_refused(monkeypatch):
    """Before 1.2 brotli could only unpack everything at once."""

    class Old:
        def is_finished(self):
            return False

        def process(self, data):
            raise AssertionError("unpacked without a bound")

    monkeypatch.setattr(brotli, "Decompressor", Old)
    with pytest.raises(BadCoding, match="bound"):
        decode(CODED["br"], "br", LIMIT)


def test_the_parsers_need_neither_mitmproxy_nor_the_database():
    """What reads stored answers works wherever Python does."""
    code = (
        "import sys, gzip; from cache_store.answers import content_coding, eventstream, sse;"
        "content_coding.decode(gzip.compress(b'a'), 'gzip', 9);"
        "sys.exit(any(name in sys.modules for name in ('mitmproxy', 'addon', 'backports.zstd', 'brotli')))"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

"""Content encodings undone while they pass."""

from __future__ import annotations

import gzip
import random
import zlib
from collections.abc import Callable

import brotli
import pytest
import zstandard

from cache_store.answers.content_coding import BadCoding, decode
from cache_store.answers.passing_coding import PassingDecoder

EVENTS = [f'data: {{"number": {n}}}\n\n'.encode() * (n % 7 + 1) for n in range(40)] + [b"data: [DONE]\n\n"]


def _zlib(wbits: int) -> list[bytes]:
    packer = zlib.compressobj(9, zlib.DEFLATED, wbits)
    return [packer.compress(event) + packer.flush(zlib.Z_SYNC_FLUSH) for event in EVENTS]


def _br() -> list[bytes]:
    packer = brotli.Compressor()
    return [packer.process(event) + packer.flush() for event in EVENTS]


def _zstd() -> list[bytes]:
    packer = zstandard.ZstdCompressor().compressobj()
    return [packer.compress(event) + packer.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK) for event in EVENTS]


# Each event as a server sends it, which flushes its packer so that the client can read the event at once.
CODED: dict[str, list[bytes]] = {
    "gzip": _zlib(zlib.MAX_WBITS | 16),
    "X-GZip": _zlib(zlib.MAX_WBITS | 16),
    "deflate": _zlib(zlib.MAX_WBITS),
    "identity, Deflate": _zlib(-zlib.MAX_WBITS),
    "br": _br(),
    "zstd": _zstd(),
}


BOMBS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": lambda data: brotli.compress(data, quality=4),
    "zstd": zstandard.ZstdCompressor().compress,
}


@pytest.mark.parametrize("encoding", CODED)
def test_each_event_is_seen_when_it_came(encoding: str) -> None:
    """Nothing is held back, although the encoding's own end never comes."""
    decoder = PassingDecoder(encoding)
    assert [decoder(chunk) for chunk in CODED[encoding]] == EVENTS
    with pytest.raises(BadCoding):
        decode(b"".join(CODED[encoding]), encoding, 10**6)


@pytest.mark.parametrize("encoding", CODED)
@pytest.mark.parametrize("size", [7, 100])
def test_chunks_may_be_cut_anywhere(encoding: str, size: int) -> None:
    """What is seen is the beginning of the events, and all of them in the end."""
    decoder, body = PassingDecoder(encoding), b"".join(CODED[encoding])
    assert b"".join(decoder(body[at : at + size]) for at in range(0, len(body), size)) == b"".join(EVENTS)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd"])
def test_damage_ends_it(encoding: str) -> None:
    """Nothing is raised, and nothing is seen any more, even where what follows would decode."""
    decoder = PassingDecoder(encoding)
    assert decoder(CODED[encoding][0])
    decoder(random.Random(1).randbytes(10_000))
    assert [decoder(chunk) for chunk in CODED[encoding]] == [b""] * len(EVENTS)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd"])
@pytest.mark.parametrize("more", [b"x", b"again"])
def test_what_follows_the_end_ends_it(encoding: str, more: bytes) -> None:
    """A second member, which decoders pass over, is not taken for nothing; in a chunk of its own or not."""
    whole = BOMBS[encoding](b"data: [DONE]\n\n")
    behind = whole if more == b"again" else more
    apart, together = PassingDecoder(encoding), PassingDecoder(encoding)
    assert (apart(whole), apart.is_lost) == (b"data: [DONE]\n\n", False)
    assert (apart(behind), apart.is_lost) == (b"", True)
    assert (together(whole + behind), together.is_lost) == (b"", True)


@pytest.mark.parametrize("encoding", ["rot13", "gzip, br", "gzip, gzip"])
def test_what_is_not_known_is_not_seen(encoding: str) -> None:
    """A coding that nobody knows, or several on top of one another."""
    assert PassingDecoder(encoding)(gzip.compress(b"abc")) == b""


@pytest.mark.parametrize("encoding", BOMBS)
def test_a_bomb_ends_it(encoding: str) -> None:
    """One chunk that unfolds to 100 MB is let go of."""
    decoder = PassingDecoder(encoding)
    seen = [decoder(BOMBS[encoding](bytes(100_000_000))), decoder(CODED[encoding][0])]
    assert sum(map(len, seen)) <= 5_000_000
    assert decoder(CODED[encoding][1]) == b""

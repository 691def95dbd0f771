"""Decodes what looks encoded within a text, so that a secret is found that was encoded once more.

The needles of `needle_index` cover one layer: plain, hex, base64. Decoding a run of base64 first covers two layers;
base32 (RFC 4648, 6) and hex with colons (`aa:bb:…`) are only decoded here. The result is only searched.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator

from addon.redaction.plain_text import OVERLAP

__all__ = ["inner_texts"]

_STEP = 32 * 1024  # bytes at a time, because many short runs take much memory
_SHORTEST = 16  # characters: no shorter run holds a secret
_FULL = 4 * 1024  # characters; a longer run is decoded from its start only
_ALNUM = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_BASE32 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_DIGITS = b"234567"
_LONG_WORD = 64
_STANDARD = bytes.maketrans(b"-_", b"+/")


def _only(alphabet: bytes) -> bytes:
    """A table that turns every other byte into a space."""
    return bytes(byte if byte in alphabet else 0x20 for byte in range(256))


_BASE64_RUNS = _only(_ALNUM + b"+/-_")
_HEX_RUNS = _only(b"0123456789abcdefABCDEF:")


def inner_texts(text: bytes) -> Iterator[bytes]:
    """What the encoded runs in `text` decode to, one per line, piece by piece. Takes linear time."""
    for at in range(0, len(text), _STEP):
        if decoded := b"\n".join(_decoded(text[at : at + _STEP + OVERLAP])):
            yield decoded


def _decoded(text: bytes) -> Iterator[bytes]:
    for run in text.translate(_BASE64_RUNS).split():
        if len(run) >= _SHORTEST and not run.isdigit():
            yield from _base64(run)
            upper = run.upper()
            # So long a run of base32 has a digit; one without is a word, or a filler such as `xxxx`.
            has_digit = len(run) < _LONG_WORD or upper.translate(None, _DIGITS) != upper
            if has_digit and not upper.translate(None, _BASE32):
                yield from _base32(upper)
    if b":" in text:
        for run in text.translate(_HEX_RUNS).split():
            if run.count(b":") * 3 >= len(run) - 2 >= _SHORTEST:
                yield from _hex(run)


def _base64(run: bytes) -> Iterator[bytes]:
    standard = run.translate(_STANDARD)
    for start in range(4 if len(run) <= _FULL else 1):
        whole = standard[start:]
        yield binascii.a2b_base64(whole[: len(whole) // 4 * 4])


def _base32(run: bytes) -> Iterator[bytes]:
    for start in range(8 if len(run) <= _FULL else 1):
        whole = run[start:]
        yield base64.b32decode(whole[: len(whole) // 8 * 8] + _padded(whole[len(whole) // 8 * 8 :]))


def _padded(rest: bytes) -> bytes:
    """The last characters of a run as a group; b'' if no text has so many."""
    return rest.ljust(8, b"=") if len(rest) in (2, 4, 5, 7) else b""


def _hex(run: bytes) -> Iterator[bytes]:
    digits = b"".join(pair for pair in run.split(b":") if len(pair) == 2)
    yield bytes.fromhex(digits.decode())

"""Brings text into one form, so that a secret is found whatever encoding it comes in.

Undone are the escapes of JSON, URLs and HTML, each also several times over, UTF-16 and the line breaks in wrapped
base64. The result is only searched: it is not meant to be read or stored.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from functools import lru_cache
from urllib.parse import unquote_to_bytes

__all__ = ["OVERLAP", "readable", "squeezed", "windows"]

# Only escapes of ASCII characters: secrets have no others.
_ESCAPE = re.compile(
    rb"\\u00[0-7][0-9A-Fa-f]|%[0-7][0-9A-Fa-f]|&(?:#[0-9]{1,3}|#[xX][0-9A-Fa-f]{1,2}|amp|lt|gt|quot|apos);"
)
_ROUNDS = 4  # escapes within escapes that are undone
_FEW = 24
_SPACE = b" \t\r\n\x0b\x0c"
# Bytes at a time, so that a large body is not in memory twice. No escaped form of what is searched for is longer
# than the overlap.
_STEP, OVERLAP = 256 * 1024, 8 * 1024


def windows(data: bytes) -> Iterator[bytes]:
    """`data` in overlapping pieces."""
    for at in range(0, len(data), _STEP):
        yield data[at : at + _STEP + OVERLAP]


def readable(data: bytes) -> bytes:
    """`data` with its escapes undone. Spaces and line breaks stay, so that words stay words."""
    for _ in range(_ROUNDS):
        # A backslash before another is an escape within an escape.
        while b"\\\\" in data:
            data = data.replace(b"\\\\", b"\\")
        # Searching for one byte is faster than searching for an escape.
        if not (b"\\u00" in data or b"%" in data or b"&" in data):
            break
        escapes = set(_ESCAPE.findall(data))
        if not escapes:
            break
        if len(escapes) > _FEW:
            data = _ESCAPE.sub(lambda match: _character(match[0]), data)
        else:
            for escape in escapes:
                data = data.replace(escape, _character(escape))
    if b"\\" in data:
        for letter in (b"n", b"r", b"t"):
            data = data.replace(b"\\" + letter, b"\n")
        data = data.replace(b"\\", b"")
    # UTF-16 and UTF-32 are ASCII and zeros here.
    return data.replace(b"\0", b"") if b"\0" in data else data


def squeezed(data: bytes) -> bytes:
    """`readable` without spaces and line breaks."""
    return readable(data).translate(None, _SPACE)


@lru_cache(maxsize=4096)
def _character(escape: bytes) -> bytes:
    if escape.startswith(b"%"):
        return unquote_to_bytes(escape)
    if escape.startswith(b"&"):
        return html.unescape(escape.decode()).encode()
    return bytes([int(escape[-2:], 16)])

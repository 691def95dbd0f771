"""Undoes content encodings strictly: to their very end, and never beyond a limit.

Most decoders (mitmproxy's gzip decoder among them) return what they have when the input stops early. A cut answer
must not pass for a whole one, so an encoding without its own end is an error here.
"""

from __future__ import annotations

import io
import sys
import zlib
from collections.abc import Callable
from typing import Any

__all__ = ["BadCoding", "TooLarge", "codings_of", "decode", "is_zlib", "zstd_decompressor"]

_CHUNK = 64 * 1024
_STEP = 4 * 1024 * 1024
_MAX_CODINGS = 4
# Each further member copies the rest of its chunk: without a bound, 64 MiB of empty members take minutes.
_MAX_MEMBERS = 10_000
# RFC 9659: this is enough to decode `zstd` over HTTP, and a frame may claim any window it likes.
_ZSTD_WINDOW_LOG = 23


class BadCoding(ValueError):
    """The body does not decode to its very end, or its encoding is unknown."""


class TooLarge(BadCoding):
    """The decoded body is longer than the limit."""


def decode(raw: bytes, encoding: str, limit: int) -> bytes:
    """`raw` without the codings in a content-encoding header value (RFC 9110, 8.4), the last one first.

    Knows identity, gzip, x-gzip, deflate (zlib and raw), br and zstd, alone or in a list. Raises TooLarge once
    a step gives more than `limit` bytes, without holding much more, and BadCoding if a coding is unknown, damaged,
    cut short or followed by other bytes.
    """
    if not raw:
        return raw  # an answer to HEAD names the coding of a body that it does not carry
    codings = codings_of(encoding)
    if len(codings) > _MAX_CODINGS:
        raise BadCoding("a content-encoding names too many codings")
    for coding in reversed(codings):
        if coding not in _DECODERS:
            raise BadCoding("the content-encoding is unknown")
        raw = _DECODERS[coding](raw, limit)
    if len(raw) > limit:
        raise TooLarge(f"the body is longer than {limit} bytes")
    return raw


def codings_of(encoding: str) -> list[str]:
    """The codings in a content-encoding header value, in lower case, without `identity`."""
    codings = (part.strip() for part in encoding.lower().split(","))
    return [coding for coding in codings if coding not in ("", "identity")]


def is_zlib(start: bytes) -> bool:
    """Whether a `deflate` body starts with a zlib header (RFC 1950, section 2.2); some servers send it raw."""
    return len(start) > 1 and start[0] & 0x0F == zlib.DEFLATED and (start[0] << 8 | start[1]) % 31 == 0


class _Output:
    """Collects decoded bytes up to a limit. BytesIO returns its buffer without a copy."""

    def __init__(self, limit: int) -> None:
        self._buffer = io.BytesIO()
        self._limit = limit

    @property
    def room(self) -> int:
        """How many bytes to ask a decoder for: one more than is allowed, so that an excess shows."""
        return min(_STEP, self._limit - self._buffer.tell() + 1)

    def add(self, data: bytes) -> None:
        if self._buffer.tell() + len(data) > self._limit:
            raise TooLarge(f"the decoded body is longer than {self._limit} bytes")
        self._buffer.write(data)

    def bytes(self) -> bytes:
        return self._buffer.getvalue()


def _members(raw: bytes, limit: int, new: Callable[[], Any], many: bool) -> bytes:
    """Decode with decompressors of the standard library's interface: `decompress(data, max_length)`, `eof`."""
    output = _Output(limit)
    decoder = new()
    members = 1
    view = memoryview(raw)
    at = 0
    pending: bytes | memoryview = b""
    has_more = False
    while True:
        if decoder.eof:
            pending = decoder.unused_data
            if not pending and at >= len(raw):
                return output.bytes()
            members += 1
            if not many or members > _MAX_MEMBERS:
                raise BadCoding("something follows the end of the compressed body")
            decoder = new()
        if not pending and not has_more:
            if at >= len(raw):
                raise BadCoding("the compressed body ends too early")
            pending = view[at : at + _CHUNK]
            at += _CHUNK
        room = output.room
        decoded = decoder.decompress(pending, room)
        output.add(decoded)
        has_more = len(decoded) == room
        # zlib hands back unused input; the others keep it.
        pending = getattr(decoder, "unconsumed_tail", b"")


def _zlib(wbits: int, many: bool = False) -> Callable[[bytes, int], bytes]:
    def run(raw: bytes, limit: int) -> bytes:
        try:
            return _members(raw, limit, lambda: zlib.decompressobj(wbits), many)
        except zlib.error as error:
            raise BadCoding("the compressed body is damaged") from error

    return run


def _deflate(raw: bytes, limit: int) -> bytes:
    return _zlib(zlib.MAX_WBITS if is_zlib(raw) else -zlib.MAX_WBITS)(raw, limit)


def _br(raw: bytes, limit: int) -> bytes:
    import brotli  # type: ignore[import-untyped]

    output = _Output(limit)
    decoder = brotli.Decompressor()
    try:
        for at in range(0, len(raw), _CHUNK):
            if decoder.is_finished():
                raise BadCoding("something follows the end of the compressed body")
            decoded = decoder.process(raw[at : at + _CHUNK], output_buffer_limit=output.room)
            output.add(decoded)
            # It may hold back output although it has read all of its input.
            while not decoder.is_finished() and (decoded or not decoder.can_accept_more_data()):
                decoded = decoder.process(b"", output_buffer_limit=output.room)
                output.add(decoded)
    except TypeError as error:
        raise BadCoding("this version of brotli cannot bound its output; install 1.2 or later") from error
    except brotli.error as error:
        raise BadCoding("the compressed body is damaged") from error
    if not decoder.is_finished():
        raise BadCoding("the compressed body ends too early")
    return output.bytes()


def _zstd(raw: bytes, limit: int) -> bytes:
    try:
        return _members(raw, limit, zstd_decompressor, many=True)
    except _zstd_library().ZstdError as error:
        raise BadCoding("the compressed body is damaged") from error


def zstd_decompressor() -> Any:
    """A zstd decompressor of the standard library."""
    zstd = _zstd_library()
    return zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: _ZSTD_WINDOW_LOG})


def _zstd_library() -> Any:
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    return zstd


_DECODERS: dict[str, Callable[[bytes, int], bytes]] = {
    "gzip": _zlib(zlib.MAX_WBITS | 16, many=True),
    "x-gzip": _zlib(zlib.MAX_WBITS | 16, many=True),
    "deflate": _deflate,
    "br": _br,
    "zstd": _zstd,
}

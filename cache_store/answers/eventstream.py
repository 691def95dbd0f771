"""Parses frames of `application/vnd.amazon.eventstream`, Amazon's binary event stream encoding.

A frame, big endian: total length u32, headers length u32, CRC-32 of these 8 bytes, headers, payload, CRC-32 of
everything before it. Limits and header types are those of botocore (`botocore/eventstream.py`), which the tests
compare with.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

__all__ = ["BrokenFrame", "Frame", "HeaderValue", "frames"]

_PRELUDE = struct.Struct(">III")
_CRC = struct.Struct(">I")
_U16 = struct.Struct(">H")
_MAX_HEADERS = 128 * 1024
_MAX_PAYLOAD = 24 * 1024 * 1024
# Fixed-width integers by type byte: byte, short, integer, long, timestamp (milliseconds since 1970).
_INTEGERS = {2: struct.Struct(">b"), 3: struct.Struct(">h"), 4: struct.Struct(">i"), 5: struct.Struct(">q")}
_INTEGERS[8] = _INTEGERS[5]
_BYTES, _STRING, _UUID = 6, 7, 9

type HeaderValue = bool | int | str | bytes


class BrokenFrame(ValueError):
    """The bytes are not a sequence of whole frames."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame whose two checksums were right."""

    headers: dict[str, HeaderValue]
    payload: bytes


def frames(body: bytes) -> list[Frame]:
    """The frames of a whole body, in order; [] for an empty body.

    Raises BrokenFrame if a checksum or a length is wrong, or if the body ends inside a frame.
    """
    parsed = []
    view = memoryview(body)
    while view:
        total, headers_length = _prelude(view)
        headers_end = _PRELUDE.size + headers_length
        payload_end = total - _CRC.size
        (crc,) = _CRC.unpack_from(view, payload_end)
        if zlib.crc32(view[:payload_end]) != crc:
            raise BrokenFrame("a frame's checksum is wrong")
        headers = _headers(bytes(view[_PRELUDE.size : headers_end]))
        parsed.append(Frame(headers, bytes(view[headers_end:payload_end])))
        view = view[total:]
    return parsed


def _prelude(view: memoryview) -> tuple[int, int]:
    """Total length and headers length of the frame at the start of `view`. Checks that the frame is all there."""
    if len(view) < _PRELUDE.size + _CRC.size:
        raise BrokenFrame("the body ends inside a frame's prelude")
    total, headers_length, crc = _PRELUDE.unpack_from(view)
    if zlib.crc32(view[: _PRELUDE.size - _CRC.size]) != crc:
        raise BrokenFrame("a frame's prelude checksum is wrong")
    payload_length = total - headers_length - _PRELUDE.size - _CRC.size
    if headers_length > _MAX_HEADERS or not 0 <= payload_length <= _MAX_PAYLOAD:
        raise BrokenFrame("a frame's lengths are out of bounds")
    if total > len(view):
        raise BrokenFrame("the body ends inside a frame")
    return total, headers_length


def _headers(data: bytes) -> dict[str, HeaderValue]:
    headers: dict[str, HeaderValue] = {}
    at = 0
    try:
        while at < len(data):
            name_end = at + 1 + data[at]
            name = data[at + 1 : name_end].decode("utf-8")
            if name in headers:
                raise BrokenFrame("a frame has a header twice")
            headers[name], at = _value(data, name_end)
    except (IndexError, struct.error, UnicodeDecodeError) as error:
        raise BrokenFrame("a frame's headers do not parse") from error
    if at != len(data):
        raise BrokenFrame("a frame's headers end inside a value")
    return headers


def _value(data: bytes, at: int) -> tuple[HeaderValue, int]:
    """The typed value at `at`, and where it ends. The end may lie beyond the data; the caller checks."""
    kind = data[at]
    at += 1
    if kind in (0, 1):
        return kind == 0, at
    if kind in _INTEGERS:
        layout = _INTEGERS[kind]
        (number,) = layout.unpack_from(data, at)
        return int(number), at + layout.size
    if kind == _UUID:
        return data[at : at + 16], at + 16
    if kind not in (_BYTES, _STRING):
        raise BrokenFrame(f"a frame has a header of unknown type {kind}")
    start = at + _U16.size
    end = start + _U16.unpack_from(data, at)[0]
    value = data[start:end]
    return (value.decode("utf-8") if kind == _STRING else value), end

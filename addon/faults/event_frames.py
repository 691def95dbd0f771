"""Writes frames of `application/vnd.amazon.eventstream`, which `cache_store.answers.eventstream` describes."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping

__all__ = ["frame", "with_payload"]

_PRELUDE = struct.Struct(">II")
_CRC = struct.Struct(">I")
_TEXT = 7  # the type of a header whose value is text


def frame(headers: Mapping[str, str], payload: bytes) -> bytes:
    """One frame. Names have at most 255 bytes, values 65,535."""
    return _framed(b"".join(_header(name, value) for name, value in headers.items()), payload)


def with_payload(whole: bytes, payload: bytes) -> bytes:
    """A whole frame with another payload."""
    _, headers_length = _PRELUDE.unpack_from(whole)
    start = _PRELUDE.size + _CRC.size
    return _framed(whole[start : start + headers_length], payload)


def _header(name: str, value: str) -> bytes:
    raw, text = name.encode(), value.encode()
    return bytes([len(raw)]) + raw + bytes([_TEXT]) + struct.pack(">H", len(text)) + text


def _framed(headers: bytes, payload: bytes) -> bytes:
    length = _PRELUDE.size + 2 * _CRC.size + len(headers) + len(payload)
    prelude = _PRELUDE.pack(length, len(headers))
    head = prelude + _CRC.pack(zlib.crc32(prelude)) + headers + payload
    return head + _CRC.pack(zlib.crc32(head))

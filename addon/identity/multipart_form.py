"""Reads multipart bodies as parts (RFC 7578; RFC 2046, 5.1), without the boundary, which every client randomises.

The reader is strict: a body that is not exactly delimiters and parts has no parts, and the caller uses its bytes.
"""

from __future__ import annotations

import re
from typing import NamedTuple

__all__ = ["Part", "boundary_of", "parts_of"]

_BOUNDARY = re.compile(
    r""";\s*boundary\s*=\s*(?:"([^"\\]{1,200})"|([^\s;"]{1,200}))\s*(?=;|$)""", re.IGNORECASE
)
_MAX_PARTS = 4096
_MAX_HEADER = 16 * 1024
_DISPOSITION = re.compile(
    rb'form-data((?:\s*;\s*(?:name|filename)\s*=\s*(?:"(?:[^"\\\r\n]|\\.){0,4096}"|[^\s;"\\]{1,4096})){1,2})\s*',
    re.IGNORECASE,
)
_FIELD = re.compile(
    rb';\s*(name|filename)\s*=\s*(?:"((?:[^"\\\r\n]|\\.){0,4096})"|([^\s;"\\]{1,4096}))', re.IGNORECASE
)


class Part(NamedTuple):
    """One part. `headers` are the remaining ones in order, as pairs of lower-case name and value."""

    name: str | None
    filename: str | None
    content_type: str | None
    headers: list[tuple[str, str]]
    content: bytes


def boundary_of(content_type: str) -> bytes | None:
    """The boundary parameter of a multipart content-type; None if there is none or more than one."""
    matches = _BOUNDARY.findall(content_type)
    return (matches[0][0] or matches[0][1]).encode("latin-1", "replace") if len(matches) == 1 else None


def parts_of(body: bytes, boundary: bytes) -> list[Part] | None:
    """The parts of a body, or None if it is not exactly delimiters and parts from first byte to last."""
    delimiter = b"\r\n--" + boundary
    first, *rest = (b"\r\n" + body).split(delimiter, _MAX_PARTS + 1)
    # Some clients end with an empty epilogue (form-data-encoder: `--B--\r\n\r\n`), which RFC 2046, 5.1.1 ignores.
    if first or not rest or len(rest) > _MAX_PARTS or rest.pop().rstrip(b"\r\n") != b"--":
        return None
    parts = [_part(text) for text in rest]
    return None if None in parts else [part for part in parts if part is not None]


def _part(text: bytes) -> Part | None:
    head, blank, content = text.partition(b"\r\n\r\n")
    if not blank or not head.startswith(b"\r\n") or len(head) > _MAX_HEADER:
        return None
    fields: dict[str, str] = {}
    headers: list[tuple[str, str]] = []
    try:
        for line in head[2:].split(b"\r\n"):
            name, colon, value = line.partition(b":")
            if not colon or name != name.strip():  # a folded line, or a name that parsers read differently
                return None
            _read_header(name.lower().decode(), value.strip(), fields, headers)
        return Part(fields.get("name"), fields.get("filename"), fields.get("content-type"), headers, content)
    except UnicodeDecodeError:
        return None


def _read_header(name: str, value: bytes, fields: dict[str, str], headers: list[tuple[str, str]]) -> None:
    """Put a header into `fields`, or into `headers` if it is not fully understood or is repeated."""
    if name == "content-disposition" and name not in fields:
        fields[name] = ""
        disposition = _DISPOSITION.fullmatch(value)
        matches = _FIELD.findall(disposition[1]) if disposition else []
        named = {key.lower().decode(): (quoted or token).decode() for key, quoted, token in matches}
        if named and len(named) == len(matches):
            fields.update(named)
            return
    elif name == "content-type" and name not in fields:
        fields[name] = value.decode()
        return
    if name != "content-length":
        headers.append((name, value.decode()))

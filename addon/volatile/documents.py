"""Takes the body of an answer apart into documents, and puts it together again around changed ones.

The frame around each document stays byte for byte: lines of server-sent events, line ends, and the headers of
AWS event-stream frames, whose lengths and checksums are computed again.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import struct
import zlib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from cache_store.answers.bounded_json import loads
from cache_store.answers.eventstream import BrokenFrame, frames
from cache_store.answers.media import Kind, essence_of, kind_of
from cache_store.entry import Headers

__all__ = ["Documents", "documents_of"]

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|$)")
_DATA = re.compile(r"data(?:: ?|$)")
_U32 = struct.Struct(">I")


class Documents(NamedTuple):
    """`texts` in order; `join` makes the body from as many texts. `is_stream`: later ones continue earlier ones.

    None in the place of a text leaves the document out of a stream, with the frame around it.
    """

    texts: list[str]
    join: Callable[[Sequence[str | None]], bytes]
    is_stream: bool


def documents_of(headers: Headers, body: bytes) -> Documents | None:
    """The documents in a body, which has no content-encoding; None if it is not text."""
    kind = kind_of(essence_of(headers), body)
    if kind is Kind.FRAMES:
        return _frames(body)
    if kind in (Kind.PICTURE, Kind.SOUND, Kind.BINARY):
        return None
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return None
    if kind is Kind.EVENTS:
        return _events(text)
    if kind is Kind.LINES:
        lines = _LINE.findall(text)
        groups: list[tuple[int, ...]] = [(at,) for at, line in enumerate(lines) if line.strip()]
        return _within(lines, groups, groups)
    return Documents([text], lambda texts: (texts[0] or "").encode(), False)


def _events(text: str) -> Documents:
    lines = _LINE.findall(text)
    events: list[tuple[int, ...]] = []
    frames: list[range] = []
    data: list[int] = []
    first = 0
    for at, line in enumerate(lines):
        if _DATA.match(line):
            data.append(at)
        elif not line.strip("\r\n"):
            if data:
                events.append(tuple(data))
                frames.append(range(first, at + 1))
            data, first = [], at + 1
    if data:
        events.append(tuple(data))
        frames.append(range(first, len(lines)))
    return _within(lines, events, frames)


def _within(lines: list[str], groups: list[tuple[int, ...]], frames: Sequence[Sequence[int]]) -> Documents:
    """Documents that are made of the given lines, one or several each; `data:` and line ends stay outside.

    `frames` are the lines that go with each document.
    """
    cuts = {at: _cut(lines[at]) for group in groups for at in group}
    texts = ["\n".join(lines[at][slice(*cuts[at])] for at in group) for group in groups]

    def join(new: Sequence[str | None]) -> bytes:
        whole = list(lines)
        for group, frame, text in zip(groups, frames, new, strict=True):
            if text is None:
                for at in frame:
                    whole[at] = ""
                continue
            for at, part in zip(group, text.split("\n"), strict=True):
                start, end = cuts[at]
                whole[at] = lines[at][:start] + part + lines[at][end:]
        return "".join(whole).encode()

    return Documents(texts, join, True)


def _cut(line: str) -> tuple[int, int]:
    """Where the content of a line begins and ends."""
    prefix = _DATA.match(line)
    start = prefix.end() if prefix else len(line) - len(line.lstrip("\x1e \t"))
    return start, len(line.rstrip("\r\n"))


def _frames(body: bytes) -> Documents | None:
    try:
        payloads = [frame.payload for frame in frames(body)]
        inner = [_inner(payload) for payload in payloads]
        texts = [
            text if text is not None else payload.decode()
            for payload, text in zip(payloads, inner, strict=True)
        ]
    except (BrokenFrame, UnicodeDecodeError):
        return None

    def join(new: Sequence[str | None]) -> bytes:
        pieces: list[bytes] = []
        at = 0
        for payload, was, text, within in zip(payloads, texts, new, inner, strict=True):
            total, headers = _U32.unpack_from(body, at)[0], _U32.unpack_from(body, at + 4)[0]
            if text is not None:
                changed = (
                    payload
                    if text == was
                    else _around(payload, text)
                    if within is not None
                    else text.encode()
                )
                pieces.append(_frame(body[at + 12 : at + 12 + headers], changed))
            at += total
        return b"".join(pieces)

    return Documents(texts, join, True)


def _inner(payload: bytes) -> str | None:
    """The document in the member `bytes` of a frame of Bedrock's InvokeModelWithResponseStream."""
    try:
        outer: Any = loads(payload)
        return base64.b64decode(outer["bytes"], validate=True).decode()
    except (ValueError, TypeError, LookupError, binascii.Error):
        return None


def _around(payload: bytes, text: str) -> bytes:
    outer = loads(payload) | {"bytes": base64.b64encode(text.encode()).decode()}
    return json.dumps(outer, separators=(",", ":"), ensure_ascii=False).encode()


def _frame(headers: bytes, payload: bytes) -> bytes:
    prelude = _U32.pack(16 + len(headers) + len(payload)) + _U32.pack(len(headers))
    start = prelude + _U32.pack(zlib.crc32(prelude)) + headers + payload
    return start + _U32.pack(zlib.crc32(start))

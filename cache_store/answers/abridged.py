"""Shortens a large answer but keeps its shape, so that parsing it takes little extra memory.

The fields that describe an answer are short texts and numbers. Images, audio, files and embeddings make an answer
large, and parsing them would take their size twice more.
"""

from __future__ import annotations

import codecs
import json
import re

__all__ = ["LARGE", "abridged_events", "abridged_json"]

LARGE = 1024 * 1024
"""Bytes. A shorter answer is left as it is."""

_STEP = 64 * 1024
_SHORT_TEXT = rb'"[^"\\]{0,1024}+(?:\\.[^"\\]{0,1024}+){0,64}+"'
_LONG_TEXT = re.compile(rb'"(?:[^"\\\x00-\x1f]++|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*+"')
_CONTROLS = bytes(range(0x20))
_LONG_LIST = rb"\[(?=[ \t\n\r]*+[-0-9])[-+0-9.eE, \t\n\r]{256,}+\]"
_NUMBERS = re.compile(_LONG_LIST)
# Up to the next long text or long list of numbers. Bounded, because other threads wait while it matches.
_KEPT = re.compile(rb'(?:[^"\[]++|(?!%s)\[|%s){0,4096}+' % (_LONG_LIST, _SHORT_TEXT), re.DOTALL)
_LONG_DATA = re.compile(rb"^data:([^\n]{65536,}+)", re.MULTILINE)


def abridged_json(body: bytes) -> bytes:
    """JSON (UTF-8) with `"..."` for its long texts and `[0]` for its long lists of numbers.

    Invalid JSON stays invalid. Returns `body` itself if it is not large or would not become much smaller. Raises
    ValueError if a long text or list is malformed.
    """
    return body if len(body) <= LARGE else _abridged(body, 0, len(body))


def _abridged(body: bytes, start: int, end: int) -> bytes:
    parts: list[bytes] = []
    at, kept = start, 0
    while at < end:
        before, at = at, _after(_KEPT, body, at, end)
        if at > before:
            parts.append(body[before:at])
            kept += at - before
            if kept > (end - start) // 2:
                return body[start:end]
        elif body.startswith(b"[", at):
            at = _after(_NUMBERS, body, at, end)
            _check_numbers(body, before + 1, at - 1)
            parts.append(b"[0]")
        else:
            at = _after_plain_text(body, at, end) or _after(_LONG_TEXT, body, at, end)
            _check_utf8(body, before, at)
            parts.append(b'"..."')
    return b"".join(parts)


def _after(pattern: re.Pattern[bytes], body: bytes, at: int, end: int) -> int:
    match = pattern.match(body, at, end)
    if match is None:
        raise ValueError("a text is not terminated or holds a forbidden character")
    return match.end()


def _after_plain_text(body: bytes, at: int, end: int) -> int:
    """The end of a text without escapes and forbidden characters, such as base64; 0 if it is another one.

    Takes a tenth of the pattern's time.
    """
    quote = body.find(b'"', at + 1, end)
    if quote < 0 or body.find(b"\\", at + 1, quote) >= 0:
        return 0
    for start in range(at, quote, _STEP):
        piece = body[start : min(start + _STEP, quote)]
        if len(piece.translate(None, _CONTROLS)) != len(piece):
            return 0
    return quote + 1


def _check_numbers(body: bytes, start: int, end: int) -> None:
    while start < end:
        stop = body.rfind(b",", start, start + _STEP) if end - start > _STEP else end
        if stop < 0 or not json.loads(b"[%b]" % body[start:stop]):
            raise ValueError("a list has a comma too many")
        start = stop + 1
    if start == end:
        raise ValueError("a list ends in a comma")


def _check_utf8(body: bytes, start: int, end: int) -> None:
    decoder = codecs.getincrementaldecoder("utf-8")()
    for at in range(start, end, _STEP):
        piece = body[at : min(at + _STEP, end)]
        if not (piece.isascii() and decoder.getstate() == (b"", 0)):
            decoder.decode(piece)
    decoder.decode(b"", final=True)


def abridged_events(body: bytes) -> bytes:
    """A stream of server-sent events with every long data line shortened as `abridged_json` does."""
    if len(body) <= LARGE:
        return body
    parts: list[bytes] = []
    at = 0
    for line in _LONG_DATA.finditer(body):
        try:
            data = _abridged(body, *line.span(1))
        except ValueError:
            continue
        parts += (body[at : line.start(1)], data)
        at = line.end()
    return b"".join((*parts, body[at:])) if parts else body

"""The chunk boundaries and times of a streamed answer, as an entry keeps them.

A boundary is kept as a number of whole events and the bytes after them, so that it also fits an answer in which
values of other lengths were put. The text is base64 of a raw deflate stream (RFC 1951) of unsigned LEB128 numbers:

    milliseconds from the request to the head, number of chunks,
    events that end within each chunk, bytes of each chunk after its last event, milliseconds before each chunk

An entry may come from anywhere: every number is checked, and the work is bounded.
"""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Callable, Iterable
from itertools import accumulate
from typing import NamedTuple

from addon.pacing.chunk_times import ChunkTimes
from cache_store.answers.media import Kind, essence_of, kind_of
from cache_store.entry import Entry, Headers

__all__ = ["Rhythm", "is_stream", "read_rhythm", "write_rhythm"]

_SHARE = 50  # the text has at most one character for so many bytes of the body
_SHORT = 128  # characters that a short body may have in any case: a fiftieth of it could hold nothing
_MOST_CHUNKS = 65_536
_MOST_EVENTS = 1_000_000
_MOST_BYTES = 1_000_000  # of the numbers
_LONGEST = 3_600_000  # milliseconds of a whole answer
_LARGEST = 2**40
_RAW_DEFLATE = -zlib.MAX_WBITS
_U32 = struct.Struct(">I")
_SHORTEST_FRAME = 16  # bytes, of an AWS event stream

_STREAMS = (Kind.EVENTS, Kind.LINES, Kind.FRAMES)


class Rhythm(NamedTuple):
    """`head` and `gaps` are seconds: before the answer's head, and before each chunk. `ends` are the chunks' ends
    in the body, in bytes.
    """

    head: float
    gaps: list[float]
    ends: list[int]


def is_stream(entry: Entry) -> bool:
    """Whether the answer was streamed: it has a rhythm, or the media type of events, lines or frames."""
    return bool(entry.body) and (bool(entry.timing) or _kind(entry.headers, entry.body) in _STREAMS)


def write_rhythm(chunks: ChunkTimes, asked_at: float, headers: Headers, body: bytes) -> str:
    """The rhythm of an answer with this decoded body; '' if it has none or it would take too much room.

    `asked_at` is when the request was complete, in seconds of the monotonic clock.
    """
    kind = _kind(headers, body)
    if chunks.times is None or not body or len(chunks.lengths) < (1 if kind in _STREAMS else 2):
        return ""
    ends = list(accumulate(chunks.lengths))
    whole, after = _by_frames(body, ends) if kind is Kind.FRAMES else _by_lines(body, ends)
    since_head = [round(1000 * (time - chunks.head_at)) for time in chunks.times]
    gaps = [after - before for before, after in zip((0, *since_head), since_head, strict=False)]
    head = round(1000 * (chunks.head_at - asked_at))
    if sum(whole) > _MOST_EVENTS or head + sum(gaps) > _LONGEST:
        return ""
    numbers = [head, len(ends), *whole, *after, *gaps]
    deflate = zlib.compressobj(9, wbits=_RAW_DEFLATE)
    packed = deflate.compress(_written(max(0, number) for number in numbers)) + deflate.flush()
    text = base64.b64encode(packed).decode()
    return text if len(text) <= _room(body) else ""


def read_rhythm(entry: Entry) -> Rhythm | None:
    """The rhythm of an entry; None if it has none that can be used."""
    body = entry.body
    if not entry.timing or not body or len(entry.timing) > max(_room(body), 2 * _SHORT):
        return None
    try:
        inflate = zlib.decompressobj(_RAW_DEFLATE)
        raw = inflate.decompress(base64.b64decode(entry.timing, validate=True), _MOST_BYTES)
        head, count, *rest = _read(raw if inflate.eof else b"")
    except (ValueError, zlib.error):  # binascii.Error is a ValueError
        return None
    if not 0 < count <= _MOST_CHUNKS or len(rest) != 3 * count:
        return None
    whole, after, gaps = rest[:count], rest[count : 2 * count], rest[2 * count :]
    if sum(whole) > _MOST_EVENTS or head + sum(gaps) > _LONGEST:
        return None
    following = _next_frame if _kind(entry.headers, body) is Kind.FRAMES else _next_line
    return Rhythm(head / 1000, [gap / 1000 for gap in gaps], _ends(body, following, whole, after))


def _room(body: bytes) -> int:
    return max(len(body) // _SHARE, _SHORT)


def _kind(headers: Headers, body: bytes) -> Kind | None:
    return kind_of(essence_of(headers), body) if body else None


def _by_lines(body: bytes, ends: list[int]) -> tuple[list[int], list[int]]:
    """How many lines end within each chunk, and how many bytes follow the last one."""
    whole, after = [], []
    at = last = 0
    for end in ends:
        whole.append(body.count(b"\n", at, end))
        last = max(last, body.rfind(b"\n", at, end) + 1)
        after.append(end - last)
        at = end
    return whole, after


def _by_frames(body: bytes, ends: list[int]) -> tuple[list[int], list[int]]:
    """The same of frames."""
    whole, after = [], []
    last, following = 0, _next_frame(body, 0)
    for end in ends:
        count = 0
        while last < following <= end:
            last, following = following, _next_frame(body, following)
            count += 1
        whole.append(count)
        after.append(end - last)
    return whole, after


def _ends(
    body: bytes, next_end: Callable[[bytes, int], int], whole: list[int], after: list[int]
) -> list[int]:
    """Where each chunk ends, if so many events end within it and so many bytes follow, none past the next event."""
    ends = []
    last, following = 0, next_end(body, 0)
    for count, more in zip(whole, after, strict=True):
        for _ in range(count):
            if last == len(body):
                break
            last, following = following, next_end(body, following)
        ends.append(min(last + more, following))
    return ends


def _next_line(body: bytes, at: int) -> int:
    end = body.find(b"\n", at)
    return len(body) if end < 0 else end + 1


def _next_frame(body: bytes, at: int) -> int:
    """The end of the frame at `at`, by its stated length; the body's end if no frame has that length."""
    total = _U32.unpack_from(body, at)[0] if at + _U32.size <= len(body) else 0
    return at + total if _SHORTEST_FRAME <= total <= len(body) - at else len(body)


def _written(numbers: Iterable[int]) -> bytes:
    out = bytearray()
    for number in numbers:
        rest = number
        while rest > 0x7F:
            out.append(rest & 0x7F | 0x80)
            rest >>= 7
        out.append(rest)
    return bytes(out)


def _read(data: bytes) -> list[int]:
    """The numbers in `data`. Raises ValueError if one is too large or not complete."""
    numbers = []
    number = shift = 0
    for byte in data:
        number |= (byte & 0x7F) << shift
        if byte & 0x80:
            shift += 7
            if number >= _LARGEST or shift > 42:
                raise ValueError("a number is too large")
        else:
            numbers.append(number)
            number = shift = 0
    if shift:
        raise ValueError("a number is cut short")
    return numbers

"""Breaks an answer as a rule says, while it passes: after so many bytes or events, or inside its JSON."""

from __future__ import annotations

import re
from collections.abc import Iterator

from addon.faults.event_frames import with_payload
from addon.faults.rules import FaultRule
from addon.faults.rules import Kind as Fault
from cache_store.answers.eventstream import BrokenFrame, frames
from cache_store.answers.media import Kind

__all__ = ["CUTS", "Cutter", "suits"]

CUTS = (Fault.STALL, Fault.RESET, Fault.TRUNCATE, Fault.MALFORMED_JSON, Fault.STREAM_ERROR)
"""The kinds of faults that break an answer."""

_STREAMS = (Kind.EVENTS, Kind.LINES, Kind.FRAMES)
# The most bytes that are held: after a stall, and of an unfinished event. An answer with more passes unbroken.
_MOST_HELD = 64 * 2**20
_LARGEST_EVENT = 8 * 2**20
_EVENT_END = re.compile(rb"\r\n\r\n|\n\n|\r\r")
_DATA = re.compile(rb"(?:^|[\r\n])data:")
_DATA_JSON = re.compile(rb"(?:^|[\r\n])data:[ \t]*(?:\{|\[(?!DONE))")
_JSON = re.compile(rb"[ \t\r\n]*[{\[]")
_PRELUDE = 12  # bytes of a frame's prelude


def suits(rule: FaultRule, kind: Kind | None) -> bool:
    """Whether the rule can break an answer whose body is of this kind, None for an unknown one."""
    if rule.kind == Fault.STREAM_ERROR or rule.after_events is not None:
        return kind in _STREAMS
    if rule.kind == Fault.MALFORMED_JSON:
        return kind is Kind.JSON or kind in _STREAMS
    return True


class Cutter:
    """Takes the body of one answer, decoded, in chunks, and gives what the client gets before the fault.

    `broke` is true once the fault has happened; an answer that ends before that stays whole. `rest` is what is sent
    after a stall. `error` is sent instead of the rest of a stream.
    """

    def __init__(self, rule: FaultRule, kind: Kind | None, error: bytes = b"") -> None:
        self.broke = False
        self.rest = bytearray()
        self._rule = rule
        self._kind = kind
        self._error = error
        by_events = rule.kind in (Fault.STREAM_ERROR, Fault.MALFORMED_JSON) and kind in _STREAMS
        self._by_events = by_events or rule.after_events is not None
        default = 1 if rule.kind == Fault.STREAM_ERROR else 0
        self._events = default if rule.after_events is None else rule.after_events
        self._bytes = rule.after_bytes or 0
        self._buffer = bytearray()
        self._looked = 0
        self._given_up = False

    def feed(self, chunk: bytes) -> bytes:
        """What may be sent of `chunk`, and of what was held before it."""
        if self._given_up:
            return chunk
        if self.broke:
            passed = self._after(chunk)
        elif self._by_events:
            passed = b"".join(self._events_of(chunk))
        elif self._rule.kind == Fault.MALFORMED_JSON:
            passed = self._break(chunk)
        else:
            passed, self._bytes = chunk[: self._bytes], max(0, self._bytes - len(chunk))
            if len(passed) < len(chunk):
                passed += self._break(chunk[len(passed) :])
        if len(self.rest) > _MOST_HELD or len(self._buffer) > _LARGEST_EVENT:
            return passed + self._give_up()
        return passed

    def end(self) -> bytes:
        """What may be sent at the end of the body."""
        left, self._buffer = bytes(self._buffer), bytearray()
        return self._pass(left)

    def _events_of(self, chunk: bytes) -> Iterator[bytes]:
        """What is sent of the events that `chunk` completes, each with what separates it from the next."""
        self._buffer += chunk
        start = 0
        while not self.broke and (end := self._end_of_event(start)) > 0:
            yield self._pass(bytes(self._buffer[start:end]))
            start = self._looked = end
        del self._buffer[:start]
        self._looked = max(0, len(self._buffer) - 3)
        if self.broke:
            left, self._buffer = bytes(self._buffer), bytearray()
            yield self._after(left)

    def _pass(self, event: bytes) -> bytes:
        """What is sent of one event."""
        if not self._counts(event):
            return event
        if self._events > 0:
            self._events -= 1
            return event
        return self._break(event)

    def _break(self, data: bytes) -> bytes:
        """What is sent instead of `data`, where the fault happens."""
        if self._rule.kind == Fault.MALFORMED_JSON:
            malformed = _malformed(data, self._kind)
            self.broke = malformed is not None
            return data if malformed is None else malformed
        self.broke = True
        return self._error + self._after(data)

    def _after(self, data: bytes) -> bytes:
        """What is sent of `data`, which comes after the fault."""
        if self._rule.kind == Fault.STALL:
            self.rest += data
        return data if self._rule.kind == Fault.MALFORMED_JSON else b""

    def _give_up(self) -> bytes:
        held = bytes(self.rest + self._buffer)
        self._given_up, self.broke = True, False
        self.rest, self._buffer = bytearray(), bytearray()
        return held

    def _counts(self, data: bytes) -> bool:
        """Whether `data` is an event, and not a comment or blank."""
        if self._kind is Kind.EVENTS:
            return _DATA.search(data) is not None
        return bool(data) if self._kind is Kind.FRAMES else bool(data.strip())

    def _end_of_event(self, start: int) -> int:
        """Where the event that begins at `start` of the buffer ends; 0 if its end has not come."""
        if self._kind is Kind.EVENTS:
            match = _EVENT_END.search(self._buffer, self._looked)
            return match.end() if match else 0
        if self._kind is Kind.FRAMES:
            length = int.from_bytes(self._buffer[start : start + 4], "big")
            here = len(self._buffer) - start
            if here < _PRELUDE or here < length:
                return 0
            return start + length if _PRELUDE <= length <= _LARGEST_EVENT else len(self._buffer)
        return self._buffer.find(b"\n", self._looked) + 1


def _malformed(data: bytes, kind: Kind | None) -> bytes | None:
    """`data` with a comma after the first bracket of its JSON; None if it holds no JSON object or list."""
    if kind is Kind.FRAMES:
        try:
            payload = frames(data)[0].payload
        except (BrokenFrame, IndexError):
            return None
        broken = _malformed(payload, Kind.JSON)
        return None if broken is None else with_payload(data, broken)
    match = _DATA_JSON.search(data) if kind is Kind.EVENTS else _JSON.match(data)
    return data[: match.end()] + b"," + data[match.end() :] if match else None

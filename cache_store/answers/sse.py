"""Parses the server-sent events of a whole body, as the WHATWG HTML standard does (section 9.2.6).

The chunks of a stream are joined first, so it does not matter where the network split them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["Event", "Parsed", "parse"]

# An event takes some hundred bytes of memory and as few as 7 bytes of body. Later events are not read.
_MAX_EVENTS = 500_000
_BLANK_LINES = re.compile(r"\n*")
_DONE = "[DONE]"


@dataclass(frozen=True, slots=True)
class Event:
    """One dispatched event. `name` is its `event:` field, '' without one."""

    name: str
    data: str


@dataclass(frozen=True, slots=True)
class Parsed:
    """The events of a body.

    `at_boundary`: only comments and blank lines follow the last event, so the body was not cut inside an event, and
    it had at most 500,000 events. `valid_utf8`: no byte had to be replaced by U+FFFD.
    """

    events: tuple[Event, ...]
    at_boundary: bool
    valid_utf8: bool = True


def parse(body: bytes) -> Parsed:
    """The events of a whole body. Never raises, and takes time linear in its length.

    Unlike in the standard, a final `data: [DONE]` without its line ends is an event: some servers close right after
    it, and every client stops there.
    """
    text, valid_utf8 = _text(body)
    events: list[Event] = []
    at = _after_blank_lines(text, 0)
    while (end := text.find("\n\n", at)) >= 0 and len(events) < _MAX_EVENTS:
        if (event := _event(text[at:end])) is not None:
            events.append(event)
        at = _after_blank_lines(text, end)
    rest = text[at:]
    last = _event(rest)
    if last is not None and last.data == _DONE:
        return Parsed((*events, last), True, valid_utf8)
    return Parsed(tuple(events), _is_only_comments(rest), valid_utf8)


def _text(body: bytes) -> tuple[str, bool]:
    """The body as text with LF line ends, and whether it was valid UTF-8."""
    if b"\r" in body:
        # A stream with CRLF line ends that was cut between CR and LF must not pass for one with CR line ends.
        whole = body[:-1] if body.endswith(b"\r") and b"\r\n" in body else body
        body = whole.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    try:
        return body.decode("utf-8-sig"), True
    except UnicodeDecodeError:
        return body.decode("utf-8-sig", "replace"), False


def _after_blank_lines(text: str, at: int) -> int:
    blank = _BLANK_LINES.match(text, at)
    assert blank is not None  # the pattern matches the empty string
    return blank.end()


def _event(block: str) -> Event | None:
    """The event in the lines of a block; None without a data line."""
    if block.startswith("data: ") and "\n" not in block:
        return Event("", block[6:])
    name = ""
    data = []
    for line in block.split("\n"):
        field, _, value = line.partition(":")
        if field == "data":
            data.append(value.removeprefix(" "))
        elif field == "event":
            name = value.removeprefix(" ")
    return Event(name, "\n".join(data)) if data else None


def _is_only_comments(rest: str) -> bool:
    """Whether `rest`, the text after the last event, holds nothing but whole comment lines."""
    lines = rest.split("\n")
    return not lines.pop() and all(line.startswith(":") for line in lines)

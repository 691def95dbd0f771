"""Server-sent events, as WHATWG's HTML standard (section 9.2.6) parses them, over a whole body.

The chunks of a stream are joined before they come here, so where the network split them cannot matter.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["MAX_EVENTS", "Event", "Parsed", "parse"]

# An event costs some hundred bytes of memory and may take 7 of body: past this many nothing more is read.
MAX_EVENTS = 500_000
_BLANK_LINES = re.compile(r"\n*")
_DONE = "[DONE]"


@dataclass(frozen=True, slots=True)
class Event:
    """One dispatched event; `name` is its `event:` field, '' where it has none."""

    name: str
    data: str


@dataclass(frozen=True, slots=True)
class Parsed:
    """The events of a body.

    `at_boundary`: nothing but comments and blank lines follows the last event, so the body was not cut inside
    one (and it had no more than MAX_EVENTS). `valid_utf8`: no byte had to be replaced by U+FFFD.
    """

    events: tuple[Event, ...]
    at_boundary: bool
    valid_utf8: bool = True


def parse(body: bytes) -> Parsed:
    """The events of a whole body; never raises, time linear in its length.

    One leniency: a final `data: [DONE]` whose line ends are missing is an event, for some servers close right
    after it and every client stops there.
    """
    text, valid_utf8 = _text(body)
    events: list[Event] = []
    at = _after_blank_lines(text, 0)
    while (end := text.find("\n\n", at)) >= 0 and len(events) < MAX_EVENTS:
        if (event := _event(text[at:end])) is not None:
            events.append(event)
        at = _after_blank_lines(text, end)
    rest = text[at:]
    last = _event(rest)
    if last is not None and last.data == _DONE:
        return Parsed((*events, last), True, valid_utf8)
    return Parsed(tuple(events), _is_only_comments(rest), valid_utf8)


def _text(body: bytes) -> tuple[str, bool]:
    """The body as text whose every line ends with LF, and whether all of it was UTF-8."""
    if b"\r" in body:
        # A server that writes CRLF and was cut between the two must not pass for one that writes CR.
        whole = body[:-1] if body.endswith(b"\r") and b"\r\n" in body else body
        body = whole.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    try:
        return body.decode("utf-8-sig"), True
    except UnicodeDecodeError:
        return body.decode("utf-8-sig", "replace"), False


def _after_blank_lines(text: str, at: int) -> int:
    blank = _BLANK_LINES.match(text, at)
    assert blank is not None  # it matches nothing as well
    return blank.end()


def _event(block: str) -> Event | None:
    """The event that the lines of a block make; None where they hold no data."""
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
    """Whether what follows the last event is nothing, or comments whose lines are whole."""
    lines = rest.split("\n")
    return not lines.pop() and all(line.startswith(":") for line in lines)

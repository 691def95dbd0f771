"""An answer is broken at the same place however the network split it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from addon.faults.cutting import Cutter, suits
from addon.faults.event_frames import frame
from addon.faults.rules import FaultRule, parse_rules
from cache_store.answers.eventstream import frames
from cache_store.answers.media import Kind

EVENTS = b': ping\n\ndata: {"a": 1}\n\nevent: x\r\ndata: {"b": 2}\r\n\r\ndata: [DONE]\n\n'
FIRST, SECOND, LAST = EVENTS[:24], EVENTS[24:52], EVENTS[52:]
LINES = b'{"a": 1}\n\n{"b": 2}\n{"c": 3}'
FRAMES = frame({":event-type": "x"}, b'{"a": 1}') + frame({":event-type": "y"}, b'{"b": 2}')


def rule(kind: str, **values: Any) -> FaultRule:
    """The rule of this kind."""
    (read,) = parse_rules(json.dumps([{"kind": kind, **values}]))
    return read


def broken(one: FaultRule, body: bytes = EVENTS, kind: Kind = Kind.EVENTS) -> tuple[bytes, bool, bytes]:
    """What the client gets, whether the fault has happened, and what a stalled answer goes on with."""
    found = set()
    for step in (1, 2, 3, 7, len(body)):
        cutter = Cutter(one, kind, b"<error>" if one.kind == "stream-error" else b"")
        passed = (
            b"".join(cutter.feed(body[at : at + step]) for at in range(0, len(body), step)) + cutter.end()
        )
        found.add((passed, cutter.broke, bytes(cutter.rest)))
    (only,) = found
    return only


def test_the_parts_are_the_events() -> None:
    """The constants of this file are what their names say."""
    assert FIRST + SECOND + LAST == EVENTS
    assert FIRST.endswith(b"1}\n\n")
    assert SECOND.endswith(b"2}\r\n\r\n")


@pytest.mark.parametrize(
    ("one", "passed", "rest"),
    [
        (rule("truncate", after_bytes=10), EVENTS[:10], b""),
        (rule("truncate", after_bytes=0), b"", b""),
        (rule("truncate", after_events=1), FIRST, b""),
        (rule("reset", after_events=2), FIRST + SECOND, b""),
        (rule("stall"), b"", EVENTS),
        (rule("stall", after_bytes=30), EVENTS[:30], EVENTS[30:]),
        (rule("stall", after_events=1), FIRST, SECOND + LAST),
        (rule("stream-error"), FIRST + b"<error>", b""),
        (rule("stream-error", after_events=0), EVENTS[:8] + b"<error>", b""),
        (rule("malformed-json"), EVENTS.replace(b'{"a"', b'{,"a"'), b""),
        (rule("malformed-json", after_events=1), EVENTS.replace(b'{"b"', b'{,"b"'), b""),
    ],
)
def test_a_stream_is_broken_where_the_rule_says(one: FaultRule, passed: bytes, rest: bytes) -> None:
    """Comments are no events; whole events pass before the fault."""
    assert broken(one) == (passed, True, rest)


@pytest.mark.parametrize(
    "one",
    [
        rule("truncate", after_bytes=len(EVENTS)),
        rule("truncate", after_events=3),
        rule("stream-error", after_events=9),
        rule("malformed-json", after_events=2),  # [DONE] is no JSON
    ],
)
def test_an_answer_that_is_no_longer_passes_whole(one: FaultRule) -> None:
    """And nothing is counted as a fault."""
    assert broken(one) == (EVENTS, False, b"")


def test_lines_and_frames_have_events_too() -> None:
    """A blank line is none; the last line needs no end. A frame with another payload has right checksums."""
    assert broken(rule("truncate", after_events=1), LINES, Kind.LINES)[0] == b'{"a": 1}\n\n'
    assert broken(rule("malformed-json", after_events=2), LINES, Kind.LINES)[0] == LINES[:-8] + b'{,"c": 3}'
    first = FRAMES[: len(FRAMES) // 2]
    assert broken(rule("stream-error"), FRAMES, Kind.FRAMES)[0] == first + b"<error>"
    malformed = broken(rule("malformed-json", after_events=1), FRAMES, Kind.FRAMES)[0]
    assert [each.payload for each in frames(malformed)] == [b'{"a": 1}', b'{,"b": 2}']


@pytest.mark.parametrize("body", [b' {"a": [1]}', b"[1]"])
def test_json_does_not_parse_afterwards(body: bytes) -> None:
    """From its first bracket on."""
    passed, has_broken, _ = broken(rule("malformed-json"), body, Kind.JSON)
    assert has_broken
    with pytest.raises(ValueError, match=r"Expecting|Illegal"):
        json.loads(passed)


@pytest.mark.parametrize(
    ("one", "kinds"),
    [
        (rule("stream-error"), [Kind.EVENTS, Kind.LINES, Kind.FRAMES]),
        (rule("reset", after_events=1), [Kind.EVENTS, Kind.LINES, Kind.FRAMES]),
        (rule("malformed-json"), [Kind.EVENTS, Kind.LINES, Kind.FRAMES, Kind.JSON]),
        (rule("truncate", after_bytes=1), list(Kind)),
    ],
)
def test_which_answers_can_be_broken_so(one: FaultRule, kinds: list[Kind]) -> None:
    """Events need a stream, JSON needs JSON, and bytes are everywhere."""
    assert {kind for kind in Kind if suits(one, kind)} == set(kinds)


def test_an_endless_event_passes_unbroken() -> None:
    """Memory is bounded: an event without an end is not held for ever."""
    cutter = Cutter(rule("truncate", after_events=0), Kind.EVENTS)
    chunk = b"x" * 2**20
    passed = [len(cutter.feed(chunk)) for _ in range(20)]
    assert passed[7:] == [0, 9 * len(chunk), *[len(chunk)] * 11]
    assert cutter.end() == b""
    assert not cutter.broke


def test_a_frame_of_a_hostile_length_passes_unbroken() -> None:
    """Its length says that it is small, or larger than any frame."""
    for length in (0, 2**32 - 1):
        body = length.to_bytes(4, "big") + b"x" * 40
        assert broken(rule("malformed-json"), body, Kind.FRAMES) == (body, False, b"")

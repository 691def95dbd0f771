"""Large answers without their bulk."""

from __future__ import annotations

import json
import random
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cache_store.answers import abridged
from cache_store.answers.abridged import LARGE, abridged_events, abridged_json

LONG = 'long é \\ " \n \u2028 ' * 100
NUMBERS = [1, -2.5, 0, 1e30] * 80
SHORT = st.sampled_from(["", "a", 'q"', "\\", "é", "\n", "type"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | SHORT | st.just(LONG) | st.just(NUMBERS),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(SHORT, inner, max_size=4),
    max_leaves=12,
)


@pytest.fixture
def all_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is too short to be abridged."""
    monkeypatch.setattr(abridged, "LARGE", 0)


def parsed(body: bytes) -> Any:
    """The value, or ValueError itself where there is none."""
    try:
        return json.loads(body.decode())
    except (ValueError, RecursionError):
        return ValueError


def shortened(body: bytes) -> Any:
    """The value of the abridged text, or ValueError itself."""
    try:
        return parsed(abridged_json(body))
    except ValueError:
        return ValueError


def without_bulk(value: Any) -> Any:
    """What is expected of a value."""
    if value == NUMBERS:
        return [0]
    if isinstance(value, list):
        return [without_bulk(item) for item in value]
    if isinstance(value, dict):
        return {name: without_bulk(item) for name, item in value.items()}
    return "..." if value == LONG else value


@settings(max_examples=300)
@given(VALUES, st.booleans(), st.sampled_from([None, 1]))
@pytest.mark.usefixtures("all_is_large")
def test_the_shape_is_kept(value: Any, is_ascii: bool, indent: int | None) -> None:
    """Long texts and long lists of numbers are cut short, everything else stays; or nothing is gained and all stays."""
    body = json.dumps([value, LONG * 20], ensure_ascii=is_ascii, indent=indent).encode()
    assert shortened(body) in (
        without_bulk([value, "..."]),
        without_bulk([value, LONG * 20]),
        [value, LONG * 20],
    )


@settings(max_examples=500)
@given(VALUES, st.data())
def test_what_is_no_json_stays_so(value: Any, data: st.DataObject) -> None:
    """A byte more, less or other makes a text that is abridged to JSON if and only if it is JSON."""
    body = bytearray(json.dumps([value, LONG, NUMBERS, "x" * 9000], ensure_ascii=False).encode())
    at = data.draw(st.integers(0, len(body)))
    body[at : at + data.draw(st.integers(0, 2))] = data.draw(
        st.sampled_from([*b'"\\[]{},:0-.e \x01\xff', 0xC3])
    ).to_bytes()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(abridged, "LARGE", 0)
        assert (shortened(bytes(body)) is ValueError) == (parsed(bytes(body)) is ValueError)


@pytest.mark.usefixtures("all_is_large")
@pytest.mark.parametrize(
    ("body", "is_json"),
    [
        (b"[" + b"1," * 200 + b"1]", True),
        (b"[" + b"1," * 200 + b"]", False),
        (b"[" + b"1," * 200 + b",1]", False),
        (b"[," + b"1," * 200 + b"1]", False),
        (b"[" + b"1," * 200 + b"1 2]", False),
        (b"[" + b"1," * 200 + b"01]", False),
        (b"[" + b"1," * 40_000 + b"1]", True),
        (b"[" + b"1," * 40_000 + b"]", False),
        (b"[" + b"1" * 70_000 + b",1]", False),
        (b"[" + b" " * 600 + b"]", True),
        (b'"' + b"x" * 3000 + b'"', True),
        (b'"' + b"x" * 3000, False),
        (b'"' + b"x" * 3000 + b"\n" + b'"', False),
        (b'"' + b"x" * 3000 + b'\\x"', False),
        (b'"' + b"x" * 3000 + b'\\u00g0"', False),
        (b'"' + b"x" * 3000 + b'\xc3"', False),
        (b'"' + b"x" * 65_535 + "é".encode() + b'"', True),
    ],
)
def test_at_the_edges(body: bytes, is_json: bool) -> None:
    """Lists and texts of which little is wrong are wrong."""
    assert (parsed(body) is not ValueError) == is_json
    assert (shortened(body) is not ValueError) == is_json


def test_what_is_not_large_stays() -> None:
    """Up to a megabyte the very bytes are handed back, JSON or not; beyond it their bulk is gone."""
    assert abridged_json(body := json.dumps(LONG).encode()) is body
    assert abridged_json(b'"' * LARGE) == b'"' * LARGE
    assert abridged_json(b'["' + b"x" * LARGE + b'"]') == b'["..."]'
    assert abridged_events(body := b"data: " + b"x" * 1000) is body


def test_long_lines_of_a_stream() -> None:
    """Each line of data is abridged by itself; other lines, and what is no JSON, are left alone."""
    long = b"x" * 2 * LARGE
    lines = [
        b"event: a\n",
        b'data: {"a": "' + long + b'"}\r\n',
        b"\n",
        b": " + long + b"\n",
        b"data: [DONE]\n",
        b"data: " + b'"' + long,
    ]
    assert abridged_events(b"".join(lines)) == b"".join([lines[0], b'data: {"a": "..."}\r\n', *lines[2:]])


@pytest.mark.parametrize(
    "piece",
    [
        b"[",
        b'"',
        b"\\",
        b'"\\',
        b"[1",
        b"1,",
        b"[1,",
        b'"a',
        b"[ ",
        b"{",
        b"[" + b"1," * 40,
        b"[" + b"1," * 200,
        b'["", ',
    ],
)
def test_hostile_bodies_take_no_time(piece: bytes) -> None:
    """Time is linear: the largest body of anything that repeats takes seconds, not minutes."""
    body = piece * (8 * LARGE // len(piece))
    began = time.process_time()
    shortened(body)
    assert time.process_time() - began < 10


def test_random_bytes() -> None:
    """Nothing but ValueError is raised."""
    chance = random.Random(1)
    for _ in range(200):
        body = bytes(chance.choice(b'"\\[]{}1,. ') for _ in range(3000))
        assert (shortened(body) is ValueError) == (parsed(body) is ValueError)

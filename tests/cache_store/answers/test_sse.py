"""Server-sent events."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cache_store.answers import sse
from cache_store.answers.sse import Event, parse


def events(body):
    """The events of a body as pairs."""
    return [(event.name, event.data) for event in parse(body).events]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"data: a\n\n", [("", "a")]),
        (b"data:a\n\n", [("", "a")]),
        (b"data:  a \n\n", [("", " a ")]),
        (b"event: x\ndata: a\n\n", [("x", "a")]),
        (b"data: a\nevent: x\n\n", [("x", "a")]),
        (b"data: a\ndata: b\n\n", [("", "a\nb")]),
        (b"data\n\n", [("", "")]),
        (b"data:\n\n", [("", "")]),
        (b"data\ndata\n\n", [("", "\n")]),
        (b": hi\n\ndata: a\n: in between\n\n", [("", "a")]),
        (b"event: x\n\ndata: a\n\n", [("", "a")]),
        (b"id: 1\nretry: 5\nfoo: bar\ndata: a\n\n", [("", "a")]),
        (b"data: a: b\n\n", [("", "a: b")]),
        (b"Data: a\n\n", []),
        (b" data: a\n\n", []),
        (b"\n\n\ndata: a\n\n\n\ndata: b\n\n\n", [("", "a"), ("", "b")]),
        (b"data: a\r\n\r\ndata: b\r\n\r\n", [("", "a"), ("", "b")]),
        (b"data: a\r\rdata: b\r\r", [("", "a"), ("", "b")]),
        (b"data: a\r\n\ndata: b\r\r\n", [("", "a"), ("", "b")]),
        (b"\xef\xbb\xbfdata: a\n\n", [("", "a")]),
        ("data: a\u2028b\x0bc\x85d\n\n".encode(), [("", "a\u2028b\x0bc\x85d")]),
        (b"", []),
    ],
)
def test_events_are_read_as_the_standard_says(body, expected):
    """Field by field, line end by line end: WHATWG HTML, 9.2.6."""
    assert expected == events(body)


@pytest.mark.parametrize(
    ("body", "at_boundary"),
    [
        (b"", True),
        (b"data: a\n\n", True),
        (b"data: a\n", False),
        (b"data: a", False),
        (b"data: a\n\nd", False),
        (b"data: a\n\nevent: x\n", False),
        (b"data: a\n\nid: 7\n", False),
        (b"data: a\n\n: bye\n", True),
        (b"data: a\n\n: by", False),
        (b"data: a\n\n\n", True),
        (b"data: a\r\n\r\n", True),
        (b"data: a\r\n\r", False),
        (b"data: a\r\n", False),
        (b"data: a\r\r", True),
        (b"data: a\r", False),
        (b"data: [DONE]", True),
        (b"data: [DONE]\n", True),
        (b"data: [DONE]\r", True),
        (b"data: [DONE]\r\n", True),
        (b"data:[DONE]", True),
        (b"event: done\ndata: [DONE]", True),
        (b"data: [DONE", False),
        (b"data: x\ndata: [DONE]", False),
        (b"data: [DONE]\n\ndata", False),
    ],
)
def test_the_end_of_a_body_is_told(body, at_boundary):
    """Only a blank line ends an event; a final `[DONE]` may lack it."""
    assert at_boundary is parse(body).at_boundary


def test_an_unfinished_done_is_an_event():
    """What counts as the end is there to be seen."""
    assert events(b"data: a\n\nevent: done\ndata: [DONE]") == [("", "a"), ("done", "[DONE]")]
    assert events(b"data: a\n\ndata: b") == [("", "a")]


def test_damaged_text_is_read_and_flagged():
    """Invalid UTF-8 is replaced, as the standard wants, and said."""
    good = "data: grün ✓\n\n".encode()

    assert parse(good).valid_utf8
    assert not parse(good.replace(b"\xbc", b"")).valid_utf8
    assert events(b"data: a\xffb\n\n") == [("", "a\ufffdb")]


LINES = st.sampled_from(
    ["data: grün ✓", "data:", "data", "event: x", ": comment", "", "id: 1", "data: [DONE]"]
)


@given(st.lists(LINES, max_size=12), st.sampled_from(["\n", "\r\n", "\r"]), st.data())
def test_where_the_network_splits_a_body_cannot_matter(lines, line_end, data):
    """Chunks are joined before they are parsed, also those that split a line end or a character."""
    body = "".join(line + line_end for line in lines).encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(body)), max_size=5)))
    chunks = [body[start:end] for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True)]

    assert parse(b"".join(chunks)) == parse("".join(line + "\n" for line in lines).encode())


@given(st.binary(max_size=300))
def test_no_bytes_make_it_raise(body):
    """Anything is a stream of no or some events."""
    assert isinstance(parse(body), sse.Parsed)


@given(st.lists(LINES, max_size=12))
def test_it_agrees_with_a_line_by_line_reading_of_the_standard(lines):
    """The fast way through blocks gives what the standard's own steps give."""
    assert _by_the_book(lines) == events("".join(line + "\n" for line in lines).encode() + b"\n")


def _by_the_book(lines):
    found, name, data = [], "", None
    for line in [*lines, ""]:
        field, _, value = line.partition(":")
        if not line:
            if data is not None:
                found.append((name, data[:-1]))
            name, data = "", None
        elif field == "data":
            data = (data or "") + value.removeprefix(" ") + "\n"
        elif field == "event":
            name = value.removeprefix(" ")
    return found


def test_events_without_number_are_given_up(monkeypatch):
    """Past the bound nothing is read, and the body does not count as ended."""
    monkeypatch.setattr(sse, "_MAX_EVENTS", 3)

    assert parse(b"data: a\n\n" * 3).at_boundary
    assert not parse(b"data: a\n\n" * 4).at_boundary
    assert [Event("", "a")] * 3 == list(parse(b"data: a\n\n" * 9).events)


@pytest.mark.parametrize(
    "part", [b"\n", b"\r", b"\r\n", b":", b": \n", b"data\n", b"data: x\n", b"data:\n\n", b"x"]
)
def test_its_time_is_linear(part):
    """Half a megabyte of anything takes a moment (not so if quadratic)."""
    began = time.process_time()

    parse(part * (512 * 1024 // len(part)))

    assert time.process_time() - began < 2

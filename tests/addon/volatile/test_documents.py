"""Bodies taken apart and put together."""

from __future__ import annotations

import json

import pytest

from addon.volatile.documents import documents_of
from cache_store.answers.eventstream import frames
from cache_store.entry import Headers
from tests.addon.volatile.streams import DIALECTS, FRAMES, LINES, SSE, frame

JSON: Headers = ((b"content-type", b"application/json"),)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_unchanged_documents_make_the_same_body(dialect: str) -> None:
    """Byte for byte."""
    headers, make = DIALECTS[dialect]
    body = make(["one", "two"])
    documents = documents_of(headers, body)
    assert documents is not None
    assert documents.is_stream
    assert documents.join(documents.texts) == body


@pytest.mark.parametrize("body", [
    b": ping\n\nevent: x\r\nid: 1\r\ndata: {\"a\":\r\ndata:  1}\r\n\r\nretry: 5\n\ndata\n\ndata:last",
    b"\xef\xbb\xbfdata: {}\r\rdata: [DONE]\n\n",
    b"",
])  # fmt: skip
def test_the_frame_of_events_stays(body: bytes) -> None:
    """Comments, names, ids, line ends of all three kinds, an event without its blank line."""
    documents = documents_of(SSE, body)
    assert documents is not None
    assert documents.join(documents.texts) == body


def test_an_event_of_several_lines_is_one_document() -> None:
    """A pretty-printed document is put back line by line."""
    body = b'data: {\ndata:   "a": "x"\ndata: }\n\ndata: 2\n\n'
    documents = documents_of(SSE, body)
    assert documents is not None
    assert [json.loads(text) for text in documents.texts] == [{"a": "x"}, 2]
    changed = [documents.texts[0].replace("x", "yy"), documents.texts[1]]
    assert documents.join(changed) == b'data: {\ndata:   "a": "yy"\ndata: }\n\ndata: 2\n\n'


def test_lines_keep_their_separators() -> None:
    """JSON text sequences begin with a control character (RFC 7464)."""
    body = b'\x1e{"a":1}\n\n\x1e{"b":2}\r\n'
    documents = documents_of(((b"content-type", b"application/json-seq"),), body)
    assert documents is not None
    assert [json.loads(text) for text in documents.texts] == [{"a": 1}, {"b": 2}]
    assert documents.join(documents.texts) == body


def test_a_changed_frame_has_right_lengths_and_checksums() -> None:
    """Read with the parser that checks both; the other frame stays byte for byte."""
    first, second = frame("x", b'{"a":"short"}'), frame("y", b'{"b":1}')
    documents = documents_of(FRAMES, first + second)
    assert documents is not None
    body = documents.join(['{"a":"much longer"}', documents.texts[1]])
    assert [each.payload for each in frames(body)] == [b'{"a":"much longer"}', b'{"b":1}']
    assert frames(body)[0].headers == {":event-type": "x"}
    assert body.endswith(second)


@pytest.mark.parametrize(("headers", "body"), [
    (((b"content-type", b"image/png"),), b"\x89PNG"),
    (((b"content-type", b"audio/mpeg"),), b"\xff\xfb"),
    (((b"content-type", b"application/octet-stream"),), b"\x00\x01"),
    (JSON, b'"\xff"'),
    (FRAMES, frame("x", b"{}")[:-1]),
    (FRAMES, frame("x", b"\xff")),
])  # fmt: skip
def test_what_is_not_text_has_no_documents(headers: Headers, body: bytes) -> None:
    """Files, other encodings and broken frames."""
    assert documents_of(headers, body) is None


def test_any_other_text_is_one_document() -> None:
    """JSON and plain text."""
    for headers in (JSON, ((b"content-type", b"text/plain"),)):
        documents = documents_of(headers, b"{}")
        assert documents is not None
        assert (documents.texts, documents.is_stream) == (["{}"], False)
    assert documents_of(LINES, b"") is not None


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_document_can_be_left_out(dialect: str) -> None:
    """With the lines or the frame around it: what is left is what a stream without it would be."""
    headers, make = DIALECTS[dialect]
    documents = documents_of(headers, make(["Aa", "Bb", "Cc"]))
    without = documents_of(headers, make(["Aa", "Cc"]))
    assert documents is not None
    assert without is not None
    gone = next(at for at, text in enumerate(documents.texts) if "Bb" in text and "Aa" not in text)
    left = documents_of(
        headers, documents.join([None if at == gone else t for at, t in enumerate(documents.texts)])
    )
    assert left is not None

    def pieces(texts: list[str]) -> list[str]:
        return [text for text in texts if "output_text.done" not in text]  # it says the whole

    assert pieces(left.texts) == pieces(without.texts)


def test_an_event_goes_with_its_name_and_its_comments() -> None:
    """Its neighbours keep theirs."""
    body = b"\xef\xbb\xbf: a\r\n\r\nevent: x\ndata: 1\n\n: b\nevent: y\nid: 7\ndata: 2\ndata: 2\n\ndata: 3"
    documents = documents_of(SSE, body)
    assert documents is not None
    assert documents.join(["1", None, "3"]) == b"\xef\xbb\xbf: a\r\n\r\nevent: x\ndata: 1\n\ndata: 3"
    assert documents.join(["1", "2\n2", None]) == body.removesuffix(b"data: 3")

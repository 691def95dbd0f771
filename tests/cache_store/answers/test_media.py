"""What kind of body an answer has."""

from __future__ import annotations

import pytest

from cache_store.answers.media import Kind, essence_of, kind_of


def test_the_essence_leaves_parameters_and_case_out():
    """The first content-type counts, without its parameters."""
    headers = (
        (b"X", b"y"),
        (b"Content-TYPE", b" Text/Event-Stream ; charset=utf-8"),
        (b"content-type", b"a/b"),
    )

    assert essence_of(headers) == "text/event-stream"
    assert essence_of(()) == ""


@pytest.mark.parametrize(
    ("essence", "kind"),
    [
        ("text/event-stream", Kind.EVENTS),
        ("application/vnd.amazon.eventstream", Kind.FRAMES),
        ("application/x-ndjson", Kind.LINES),
        ("application/jsonl", Kind.LINES),
        ("application/x-jsonlines", Kind.LINES),
        ("application/stream+json", Kind.LINES),
        ("application/json", Kind.JSON),
        ("application/problem+json", Kind.JSON),
        ("image/webp", Kind.PICTURE),
        ("application/pdf", Kind.PICTURE),
        ("audio/wav", Kind.SOUND),
        ("video/mp4", Kind.SOUND),
        ("application/octet-stream", Kind.BINARY),
        ("application/zip", Kind.BINARY),
        ("text/plain", Kind.TEXT),
        ("text/html", Kind.HTML),
        ("", Kind.TEXT),
    ],
)
def test_the_type_decides_where_it_says_something(essence, kind):
    """A body that looks like nothing in particular is what its type says."""
    assert kind is kind_of(essence, b"xyz")


@pytest.mark.parametrize(
    ("essence", "body", "kind"),
    [
        ("text/plain", b'\xef\xbb\xbf {"a": 1}', Kind.JSON),
        ("application/octet-stream", b'{"a": 1}\n', Kind.JSON),
        ("", b"data: x\n\n", Kind.EVENTS),
        ("text/plain", b": hi\r\n\r\n: ho\r\nevent: x\r\n", Kind.EVENTS),
        ("application/json", b"data: {}\n\n", Kind.EVENTS),
        ("application/octet-stream", b"data: x\n\n", Kind.BINARY),
        ("text/plain", b"database", Kind.TEXT),
        ("text/plain", b"<header>", Kind.TEXT),
    ],
)
def test_the_first_bytes_decide_where_the_type_says_little(essence, body, kind):
    """Files are sent as octet-stream, streams as plain text: their start tells."""
    assert kind is kind_of(essence, body)

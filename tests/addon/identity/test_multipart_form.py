"""Multipart bodies, read strictly."""

from __future__ import annotations

import pytest

from addon.identity.multipart_form import Part, boundary_of, parts_of


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [
        ("multipart/form-data; boundary=abc", b"abc"), ('multipart/form-data; boundary="a b;c"', b"a b;c"),
        ("multipart/form-data; Boundary=----WebKitFormBoundary7; charset=x", b"----WebKitFormBoundary7"),
        ("multipart/form-data", None), ("multipart/form-data; boundary=", None),
        ("multipart/form-data; boundary=a; boundary=b", None), ("multipart/form-data; boundary=a b", None),
    ],
)  # fmt: skip
def test_boundaries(content_type: str, expected: bytes | None) -> None:
    """A boundary is one parameter, quoted or not."""
    assert boundary_of(content_type) == expected


def wrapped(*parts: bytes) -> bytes:
    """A multipart body of these parts with the boundary B."""
    return b"".join(b"--B\r\n" + part + b"\r\n" for part in parts) + b"--B--\r\n"


def test_parts() -> None:
    """Name, filename, type, further headers and exact bytes are returned."""
    body = wrapped(
        b'Content-Disposition: form-data; name="purpose"\r\n\r\nbatch',
        b'content-disposition: form-data; filename="a.jsonl"; name="file"\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n'
        b"X-Odd: 1\r\n\r\n\r\n\xff",
        b"Content-Disposition: attachment; name=x; other=y\r\n\r\n",
    )
    assert parts_of(body, b"B") == [
        Part("purpose", None, None, [], b"batch"),
        Part("file", "a.jsonl", "text/plain", [("x-odd", "1")], b"\r\n\xff"),
        Part(None, None, None, [("content-disposition", "attachment; name=x; other=y")], b""),
    ]


PART = b'Content-Disposition: form-data; name="a"\r\n\r\nx'


@pytest.mark.parametrize(
    "body",
    [
        b"", b"--B", b"--B--x", b"preamble\r\n" + wrapped(PART), wrapped(PART) + b"epilogue", wrapped(PART)[:-4],
        wrapped(b"no blank line"), wrapped(b"no colon\r\n\r\nx"), wrapped(b'Content-Disposition: form-data; name="\xff"\r\n\r\nx'),
        b"--B \r\n" + PART + b"\r\n--B--", wrapped(b"X: " + b"y" * 20_000 + b"\r\n\r\nx"), b"--B\n" + PART + b"\n--B--\n",
        wrapped(*[PART] * 5000), wrapped(b"X-A: 1\r\n X-B: 2\r\n\r\nx"), wrapped(b"X-A : 1\r\n\r\nx"),
    ],
    ids=lambda body: repr(body[:30]),
)  # fmt: skip
def test_what_is_not_exactly_parts(body: bytes) -> None:
    """Anything malformed has no parts."""
    assert parts_of(body, b"B") is None


def test_headers_that_come_twice_are_kept() -> None:
    """A second disposition or type is kept as a further header."""
    body = wrapped(
        b'Content-Disposition: form-data; name="a"\r\nContent-Disposition: form-data; name="b"\r\nContent-Type: x\r\nContent-Type: y\r\n\r\n'
    )
    assert parts_of(body, b"B") == [
        Part("a", None, "x", [("content-disposition", 'form-data; name="b"'), ("content-type", "y")], b"")
    ]


def test_the_first_name_counts() -> None:
    """A disposition that is not fully understood is kept, so that the order of two remains visible."""
    lines = [b"Content-Disposition: attachment", b'Content-Disposition: form-data; name="a"']
    one, other = (
        parts_of(wrapped(b"\r\n".join(order) + b"\r\n\r\n"), b"B") for order in (lines, lines[::-1])
    )
    assert one == [Part(None, None, None, [("content-disposition", "attachment"),
                                           ("content-disposition", 'form-data; name="a"')], b"")]  # fmt: skip
    assert other == [Part("a", None, None, [("content-disposition", "attachment")], b"")]


def test_a_backslash_is_not_quoted_and_bare_the_same() -> None:
    """A backslash in quotes may be an escape."""
    quoted, bare = (
        parts_of(wrapped(b"Content-Disposition: form-data; name=" + name + b"\r\n\r\n"), b"B")
        for name in (b'"a\\b"', b"a\\b")
    )
    assert quoted == [Part("a\\b", None, None, [], b"")]
    assert bare == [Part(None, None, None, [("content-disposition", "form-data; name=a\\b")], b"")]


def test_no_parts_are_parts_too() -> None:
    """A body that is only the closing delimiter has no parts."""
    assert parts_of(b"--B--\r\n", b"B") == []


@pytest.mark.parametrize(
    "body",
    [b"--B\r\n" * 300_000, wrapped(b"Content-Disposition: form-data" + b"; name=" * 2000 + b"\r\n\r\n")],
)
def test_bounded_time(body: bytes) -> None:
    """Hostile bodies are read in one pass; quadratic work would exceed the test's time limit."""
    parts_of(body, b"B")

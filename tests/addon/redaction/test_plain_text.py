"""Text without its escapes."""

from __future__ import annotations

import pytest

from addon.redaction.plain_text import OVERLAP, readable, squeezed, windows


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        (b'a\\"b\\/c', b'a"b/c'), (b"\\u0041\\u002f", b"A/"), (b"a%2Fb%2f", b"a/b/"), (b"%252F", b"/"), (b"a&amp;b&#47;&#x2F;&quot;", b'a&b//"'),
        (b"&amp;#x41;", b"A"), (b'\\\\\\"x\\\\\\"', b'"x"'), (b"\\\\u0041", b"A"), (b"\\\\u0061\\\\u0072\\\\u006e", b"arn"), (b"a\\nb", b"a\nb"), ("key".encode("utf-16-le"), b"key"),
        (b"100% of &c", b"100% of &c"), (b"", b""), (b"\\u00e9", b"u00e9"),
    ],
)  # fmt: skip
def test_readable(text: bytes, plain: bytes) -> None:
    """Escapes of JSON, URLs and HTML are undone, also within one another, and UTF-16 becomes ASCII."""
    assert readable(text) == plain


def test_squeezed() -> None:
    """Line breaks in base64 are removed, escaped or not."""
    assert squeezed(b"YWJj\r\nZGVm\\nZ2hp amts\n") == b"YWJjZGVmZ2hpamts"


def test_windows_overlap() -> None:
    """Every piece as long as the overlap is within one window."""
    data = bytes(range(256)) * 4096
    pieces = list(windows(data))
    assert len(pieces) == 4
    assert pieces[0][-OVERLAP:] == pieces[1][:OVERLAP]
    assert b"".join(piece[: 256 * 1024] for piece in pieces) == data
    assert list(windows(b"")) == []


@pytest.mark.parametrize(
    "piece", [b"\\", b"\\u0041", b"%2525", b"&amp;", b"".join(b"\\u%04x%%%02x&#%d;" % (n, n, n) for n in range(128)), b"\0", b"%", b"\\n"]
)  # fmt: skip
def test_bounded_time(piece: bytes) -> None:
    """A megabyte of escapes is undone in one pass; quadratic work would exceed the test's time limit."""
    data = piece * (1_000_000 // len(piece))
    for window in windows(data):
        squeezed(window)

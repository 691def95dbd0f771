"""Credentials in text that is not parsed."""

from __future__ import annotations

import pytest

from addon.redaction.text_members import members_in


@pytest.mark.parametrize(
    ("text", "secrets"),
    [
        (b'{"a":1}\n{"api_key": "k\\"1"}\n', [b'k\\"1']),
        (b'{"arguments":"{\\"password\\": \\"hunter2\\"}"}', [b"hunter2"]),
        (b"a=1&client_secret=s%2B&b=2", [b"s%2B"]),
        (b"LANG=C\nexport OPENAI_API_KEY='k'\n", [b"k"]),
        (b"model: m\napi_key: k\n  password: p\n", [b"k", b"p"]),
        (b"<r><x:api_key>k</x:api_key><key>a word</key></r>", [b"k"]),
        (b'Content-Disposition: form-data; name="secret"\r\nX: y\r\n\r\ns\r\n--B', [b"s"]),
        (b'Content-Disposition: form-data; name="secret"\n\ns\n--B', [b"s"]),
        (b'"headers": {"X-Odd": "v", "a": 1}', [b"v"]),
        (b'"api_key":"<redacted:api-key>"', []), (b"the password is secret", []), (b'"max_tokens":"5"', []), (b"", []),
    ],
)  # fmt: skip
def test_every_notation(text: bytes, secrets: list[bytes]) -> None:
    """Members are found in JSON lines, JSON in JSON, forms, `.env` files, YAML, XML, multipart and headers."""
    assert [text[start:end] for _, start, end in members_in(text)] == secrets


@pytest.mark.parametrize(
    "piece",
    [b'"secret":"', b'\\"key\\":', b"key=", b"\nkey: ", b"<key>", b"<a:", b'form-data; name="token"\r\n', b'"headers":{', b'{"', b"-", b"\n", b"\\\\"],
)  # fmt: skip
def test_bounded_time(piece: bytes) -> None:
    """A megabyte of beginnings is searched in one pass; quadratic work would exceed the test's time limit."""
    list(members_in(piece * (1_000_000 // len(piece))))

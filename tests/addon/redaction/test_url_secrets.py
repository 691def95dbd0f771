"""Credentials in URLs."""

from __future__ import annotations

import pytest

from addon.redaction import url_secrets


@pytest.mark.parametrize(
    ("text", "secrets"),
    [
        (b"https://user:pass@h/mcp", [b"user:pass"]), (b"mongodb+srv://u:p@h/", [b"u:p"]),
        (b"https://0a7f3a9c1b2d4e6f80@h/1", [b"0a7f3a9c1b2d4e6f80"]),
        (b"https://s/mcp?api_key=k", [b"k"]), (b"https://s/mcp?a=1&apiKey=k#x", [b"k"]), (b"https://s/cb#access_token=t&x=1", [b"t"]),
        (b"https://s/a;api_key=k/b", [b"k"]), (b"https://s?%61pi_key=k", [b"k"]),
        (b"see [it](https://b.s3.amazonaws.com/a.png?X-Amz-Date=1&X-Amz-Signature=abc). ok", [b"abc"]),
        (b"https://a.blob.core.windows.net/c?sv=2024&sig=a%2Bb%3D", [b"a%2Bb%3D"]),
        (b"https://storage.googleapis.com/b?X-Goog-Credential=a%40b&X-Goog-Signature=ab", [b"a%40b", b"ab"]),
        (b"https://h/x?key=0a7f3a9c1b2d4e6f80&token=a1b2c3d4e5f6g7h8", [b"0a7f3a9c1b2d4e6f80", b"a1b2c3d4e5f6g7h8"]),
        (b"https://api.telegram.org/bot123456:ABC-x/sendMessage", [b"123456:ABC-x"]),
        (b"https://hooks.slack.com/services/T00000000/B00000000/abcdefgh12345678", [b"abcdefgh12345678"]),
        (b"https://discord.com/api/webhooks/123456789012345678/abcdefghijklmnopqrst_-1", [b"abcdefghijklmnopqrst_-1"]),
        (b"https://h/token/0a7f3a9c1b2d4e6f80/x", [b"0a7f3a9c1b2d4e6f80"]),
        (b"AccountName=a;AccountKey=c2hvcnQ0;EndpointSuffix=x", [b"c2hvcnQ0"]), (b"h;SharedAccessKey=0a7f3a9c1b2d", [b"0a7f3a9c1b2d"]),
        (b"Endpoint=https://h;AccessKey=0a7f3a9c1b2d;Version=1.0;", [b"0a7f3a9c1b2d"]), (b"https://h/x?sk=0a7f3a9c1b2d4e6f80", [b"0a7f3a9c1b2d4e6f80"]),
        (b"https://h/x?u=https%3A%2F%2Fh%2Fx%3Ftoken%3D0a7f3a9c1b2d4e6f80%26a%3D1", [b"0a7f3a9c1b2d4e6f80"]),
        (b"u=https%3a%2f%2fu%3ap%40h%2f&a=1", [b"u%3ap"]), (b"https%253A%252F%252Fh%253Fapi_key%253Dk1&b", [b"k1"]),
        (b"https://h/mcp?token=550e8400-e29b-41d4-a716-446655440000", [b"550e8400-e29b-41d4-a716-446655440000"]),
        (b"https://h/mcp?a=1&KEY=550e8400-e29b-41d4-a716-446655440000#x", [b"550e8400-e29b-41d4-a716-446655440000"]),
        (b"https://u:p@h/ and https://v:q@h/", [b"u:p", b"v:q"]), (b"https://u:p@h/?api_key=k", [b"u:p", b"k"]),
    ],
)  # fmt: skip
def test_found_exactly(text: bytes, secrets: list[bytes]) -> None:
    """User information, parameters that grant access and secret segments are found in any URL."""
    findings = url_secrets.find(text)
    assert [text[start:end] for _, start, end in findings] == secrets
    assert url_secrets.has_secret(text.decode())


@pytest.mark.parametrize(
    "text",
    [b"https://h/a?limit=2&key=region&code=42&pageToken=0a7f3a9c1b2d4e6f80", b"git+ssh://git@github.com/o/r", b"https://h/a@b?x=y:z@w",
     b"https://h/keys/0a7f3a9c1b2d4e6f80", b"https://h/?api_key=<redacted:query:0>", b"https://h/?api_key=", b"https://h/bottle/1", b"a://", b"x?api_key=k"],
)  # fmt: skip
def test_not_found(text: bytes) -> None:
    """Users' names, page tokens, words, ids of keys and redactions are not credentials."""
    assert url_secrets.find(text) == []


def test_relative_urls() -> None:
    """A path with its query has secrets too."""
    assert url_secrets.has_secret("/v1?api_key=k")
    assert url_secrets.has_secret("/bot123456:ABC/x")
    assert not url_secrets.has_secret("/v1/files/file-123?limit=2")


@pytest.mark.parametrize(
    "piece",
    [
        b"://",
        b"://a@",
        b"://a:b@ ",
        b"&key=aaaaaa",
        b"/token/",
        b"/bot123:",
        b"?a=b&",
        b"/services/T",
        b"=",
        b"/a=",
        b"%61",
    ],
)
def test_bounded_time(piece: bytes) -> None:
    """Megabytes of beginnings are searched in one pass; quadratic work would exceed the test's time limit."""
    url_secrets.find(b"https://h/" + piece * (2_000_000 // len(piece)))

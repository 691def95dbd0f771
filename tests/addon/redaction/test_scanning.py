"""The rules about secrets over stored entries."""

from __future__ import annotations

from dataclasses import replace

import pytest

from addon.redaction.scanning import Leak, scan_bytes, scan_entry
from cache_store.entry import Entry

KEY = b"sk-ant-api03-" + b"Ab1" * 31 + b"AA"
JSON = ((b"content-type", b"application/json"),)


def entry(
    body: bytes = b"{}", headers: tuple[tuple[bytes, bytes], ...] = JSON, request: bytes = b"{}"
) -> Entry:
    """An entry with these parts."""
    return Entry("pp1-a", 200, "OK", headers, body, 1.0, 0.1, "run", {}, "json", request)


def test_a_clean_entry() -> None:
    """An ordinary entry has nothing."""
    assert scan_entry(entry(b'{"id": "chatcmpl-123", "encrypted_content": "gAAAAABo"}')) == []


@pytest.mark.parametrize(("stored", "part"), [
    (entry(b'{"x": "%s"}' % KEY), "answer"),
    (entry(request=b'{"body": "%s"}' % KEY), "request"),
    (entry(headers=((b"x-debug", KEY),)), "headers"),
    (replace(entry(), reason=KEY.decode()), "headers"),
])  # fmt: skip
def test_shapes_in_every_part(stored: Entry, part: str) -> None:
    """A key's shape is found wherever it stands."""
    assert [found.part for found in scan_entry(stored)] == [part]


def test_a_shape_in_pieces() -> None:
    """A key that a stream says in pieces is found, once."""
    events = b"".join(b'data: {"delta": "%b"}\n\n' % KEY[at : at + 8] for at in range(0, len(KEY), 8))
    assert scan_entry(entry(events, ((b"content-type", b"text/event-stream"),))) == [Leak("sk-key", "answer")]


def test_names_of_credentials() -> None:
    """An answer that hands out a token is found by its member's name."""
    assert [found.kind for found in scan_entry(entry(b'{"access_token": "abc"}'))] == ["access-token"]


def test_headers_that_are_never_stored() -> None:
    """An entry from elsewhere that carries a cookie is found."""
    assert scan_entry(entry(headers=((b"Set-Cookie", b"a=b"),))) == [Leak("header", "set-cookie")]


AWS_URL = (
    b"https://b.s3.amazonaws.com/a?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=ASIAIOSFODNN7EXAMPLE%2F20261121"
    b"%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Security-Token="
    + b"IQoJb3Jp%2FZ" * 200
    + b"&X-Amz-Signature="
    + b"ab" * 32
)


@pytest.mark.parametrize("url", [
    b"https://x.blob.core.windows.net/a.png?se=2026&sig=abc%3D", AWS_URL, AWS_URL.replace(b"&", rb"\u0026"),
    b"https://b.s3.amazonaws.com/a?AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&Signature=abc&Expires=1",
    b"https://storage.googleapis.com/b/a?X-Goog-Credential=a%40b&X-Goog-Signature=ab",
])  # fmt: skip
def test_signed_urls_are_notes(url: bytes) -> None:
    """A signed URL is listed and does not fail a scan, nor does the id of the AWS key that signed it."""
    assert scan_entry(entry(b'{"url": "%b"}' % url)) == [Leak("signed-url", "answer", note=True)]
    assert scan_bytes(url) == []
    elsewhere = scan_entry(entry(b'{"url": "%b", "note": "AKIAIOSFODNN7EXAMPLE"}' % url))
    assert [found.kind for found in elsewhere] == ["aws-key-id", "signed-url"]


def test_files() -> None:
    """Any file is looked through for shapes."""
    assert scan_bytes(b"hello") == []
    assert len(scan_bytes(b"key: " + KEY)) == 1

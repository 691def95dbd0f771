"""The rules about secrets over stored entries."""

from __future__ import annotations

import pytest

from addon.scanning import Found, scan_bytes, scan_entry
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
])  # fmt: skip
def test_shapes_in_every_part(stored: Entry, part: str) -> None:
    """A key's shape is found wherever it stands."""
    assert [found.part for found in scan_entry(stored)] == [part]


def test_names_of_credentials() -> None:
    """An answer that hands out a token is found by its member's name."""
    assert [found.kind for found in scan_entry(entry(b'{"access_token": "abc"}'))] == ["access-token"]


def test_headers_that_are_never_stored() -> None:
    """An entry from elsewhere that carries a cookie is found."""
    assert scan_entry(entry(headers=((b"Set-Cookie", b"a=b"),))) == [Found("header", "set-cookie")]


def test_signed_urls_are_notes() -> None:
    """A signed URL is listed and does not fail a scan."""
    body = b'{"url": "https://x.blob.core.windows.net/a.png?se=2026&sig=abc%3D"}'
    assert scan_entry(entry(body)) == [Found("signed-url", "answer", note=True)]


def test_files() -> None:
    """Any file is looked through for shapes."""
    assert scan_bytes(b"hello") == []
    assert len(scan_bytes(b"key: " + KEY)) == 1

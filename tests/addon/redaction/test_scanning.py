"""The rules about secrets over stored entries."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import replace
from typing import Any

import pytest

from addon.identity import IdentityRules, identify
from addon.messages import WireRequest
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
    """A scan of an ordinary entry finds nothing."""
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


SAVED = {"method": "POST", "path": "/v1/x", "query": [], "headers": [], "credential": True}
REQUESTS: dict[str, tuple[dict[str, Any], str]] = {
    "member": ({"body": {"kind": "json", "value": {"service_auth": {"token": "a-word"}}}}, "token"),
    "url": (
        {"body": {"kind": "json", "value": {"tools": [{"server_url": "https://h/mcp?api_key=k"}]}}},
        "query",
    ),
    "form": ({"body": {"kind": "form", "pairs": [["a", None], ["client_secret", "s"]]}}, "client-secret"),
    "part": (
        {"body": {"kind": "multipart", "parts": [{"name": None}, {"name": "api_key", "text": "k"}]}},
        "api-key",
    ),
    "text": ({"body": {"kind": "text", "value": '{"a":1}\n{"password":"p"}'}}, "password"),
    "path": ({"path": "/bot123456:ABC/x", "body": None}, "path"),
    "query": ({"query": [["access_token", "t"]], "body": {"kind": "text", "value": ""}}, "access-token"),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_requests_are_scanned_by_the_rules_of_saving(name: str) -> None:
    """A request that an older version saved with a credential is found; the same request, redacted, is not."""
    members, kind = REQUESTS[name]
    stored = entry(request=json.dumps(SAVED | members).encode())
    assert scan_entry(stored) == [Leak(kind, "request")]


BODIES: dict[str, tuple[str, bytes]] = {
    "json": ("application/json", b'{"auth":{"key":"CANARY-1"},"url":"https://u:CANARY-2@h/?sig=CANARY-3","tools":[{"headers":{"X-Odd":"CANARY-4"}}]}'),
    "duplicates": ("application/json", b'{"api_key":"CANARY-1","api_key":"CANARY-2"}'),
    "lines": ("application/jsonl", b'{"a":1}\n{"password":"CANARY-1"}\n'),
    "form": ("application/x-www-form-urlencoded", b"a=b&client_secret=CANARY-1&b=https%3A%2F%2Fu%3ACANARY-2%40h"),
    "form under JSON's type": ("application/json", b"a=b&client_secret=CANARY-1"),
    "json under a form's type": ("application/x-www-form-urlencoded", b'{"api_key":"CANARY-1"}'),
    "multipart": (
        "multipart/form-data; boundary=B",
        b"\r\n".join([
            b"--B", b'Content-Disposition: form-data; name="api_key"', b"", b"CANARY-1",
            b"--B", b'Content-Disposition: form-data; name="f"; filename="c.json"', b"", b'{"client_secret":"CANARY-2"}', b"--B--", b"",
        ]),
    ),
    "multipart with LF": ("multipart/form-data; boundary=B", b'--B\nContent-Disposition: form-data; name="api_key"\n\nCANARY-1\n--B--\n'),
    "xml": ("application/xml", b"<a><api_key>CANARY-1</api_key></a>"),
    "utf-16": ("application/json", '{"api_key":"CANARY-1"}'.encode("utf-16")),
    "utf-16 without a mark": ("text/plain", '{"api_key":"CANARY-1"}'.encode("utf-16-le")),
    "bytes": ("application/octet-stream", b'\xff\xfe{"api_key":"CANARY-1"}'),
    "lone surrogate": ("application/json", b'{"a":"\\ud800","api_key":"CANARY-1"}'),
    "image": ("application/json", b'{"image_url":{"url":"https://b.s3.amazonaws.com/i.png?X-Amz-Signature=CANARY-1&X-Amz-Security-Token=CANARY-2"}}'),
}  # fmt: skip


@pytest.mark.parametrize("name", BODIES)
def test_saved_requests_are_clean(name: str) -> None:
    """A saved request passes a scan and holds no credential in its body, path and query."""
    content_type, body = BODIES[name]
    headers = ((b"content-type", content_type.encode()), (b"x-vendor-token", b"CANARY-5"))
    target = "/bot123456:CANARY-6/x?a=1;api_key=CANARY-7&access_token=CANARY-8"
    identity = identify(
        WireRequest("POST", "https", "api.openai.com", 443, target, headers, body), IdentityRules()
    )
    saved = identity.request_json
    plain = saved + b"".join(
        base64.b64decode(text).replace(b"\0", b"") for text in re.findall(rb'"base64":"([^"]*)"', saved)
    )
    assert b"CANARY" not in plain.replace(b"\\u0000", b"")
    assert "CANARY" not in identity.label["path"]
    assert scan_entry(entry(request=saved)) == []


def test_a_shape_in_pieces() -> None:
    """A key in pieces of a stream is found once."""
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
    """Any file is searched for shapes."""
    assert scan_bytes(b"hello") == []
    assert len(scan_bytes(b"key: " + KEY)) == 1

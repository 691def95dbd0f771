"""The normal form of bodies, by content-type."""

from __future__ import annotations

import base64
import gzip
import hashlib
from typing import Any

import pytest

from addon.identity.body_form import Body, decoded_body, normal_body
from addon.identity.canonical_json import Document

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=B"
INLINE = 64 * 1024


def body_of(body: bytes, content_type: str | None = JSON, *, is_decoded: bool = True, **headers: str) -> Body:
    """The normal form of a body sent with these headers."""
    kept = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    if content_type is not None:
        kept.append((b"content-type", content_type.encode()))
    return normal_body(body, kept, is_decoded=is_decoded)


@pytest.mark.parametrize(
    "content_type",
    [None, "", JSON, "Application/JSON; charset=utf-8", "application/vnd.api+json", "text/json"],
)
def test_json_types(content_type: str | None) -> None:
    """A body is read as JSON if its type says so, or if it has no type (boto3 sends none)."""
    assert isinstance(body_of(b'{"a": 1}', content_type), Document)


@pytest.mark.parametrize(
    ("body", "content_type", "expected"),
    [
        (b"", JSON, None),
        (b'{"a":1', JSON, {"kind": "text", "value": '{"a":1'}),
        (b'{"a":1}', "application/jsonl", {"kind": "text", "value": '{"a":1}'}),
        (b'{"a":1}', "text/plain", {"kind": "text", "value": '{"a":1}'}),
        (b"\xff\x00", "audio/wav", {"kind": "bytes", "base64": base64.b64encode(b"\xff\x00").decode()}),
        (
            b"a=1&b&c=&a=%C3%A9+x",
            FORM,
            {"kind": "form", "pairs": [["a", "1"], ["b", None], ["c", ""], ["a", "é x"]]},
        ),
        (b"a=%ff", FORM, {"kind": "text", "value": "a=%ff"}),
        (b'{"a":1}', FORM, {"kind": "text", "value": '{"a":1}'}),
        (b"no parts", MULTIPART, {"kind": "text", "value": "no parts"}),
        (b"--B--", "multipart/form-data", {"kind": "text", "value": "--B--"}),
    ],
    ids=repr,
)
def test_other_kinds(body: bytes, content_type: str, expected: dict[str, Any] | None) -> None:
    """Every other body has a kind; a body that does not parse as its type claims is text or bytes."""
    assert body_of(body, content_type) == expected


def test_parts_are_saved_by_what_they_hold() -> None:
    """Text is readable, short bytes are base64, long ones a digest."""
    long = b"\xff" * (INLINE + 1)
    parts = [b"text", b"\xff", long]
    head = b'Content-Disposition: form-data; name="p"; filename="f"\r\n\r\n'
    body = b"".join(b"--B\r\n" + head + part + b"\r\n" for part in parts) + b"--B--"
    about = {"name": "p", "filename": "f", "content_type": None}
    assert body_of(body, MULTIPART) == {
        "kind": "multipart",
        "parts": [
            about | {"text": "text"},
            about | {"base64": "/w=="},
            about | {"sha256": hashlib.sha256(long).hexdigest(), "size": len(long)},
        ],
    }


def test_long_bodies_are_digests_of_what_is_redacted() -> None:
    """Beyond 64 KiB, text and bytes are saved as size and hash, computed after redaction."""
    text = b"x" * INLINE
    assert body_of(text, "text/plain") == {"kind": "text", "value": text.decode()}
    secret = b" AKIAIOSFODNN7EXAMPLE"
    found = body_of(text + secret, "text/plain")
    assert isinstance(found, dict)
    assert found["kind"] == "digest"
    assert found["sha256"] != hashlib.sha256(text + secret).hexdigest()


def test_a_body_that_was_not_decoded_is_bytes() -> None:
    """A body whose content-encoding was not undone is not read as JSON, even if it looks like JSON."""
    assert body_of(b"{}", is_decoded=False) == {"kind": "text", "value": "{}"}


def test_an_upload_is_bytes() -> None:
    """The body of an upload step is a file."""
    assert isinstance(body_of(b"{}", x_goog_upload_command="start"), Document)
    assert body_of(b"{}", x_goog_upload_command="upload, finalize") == {"kind": "text", "value": "{}"}


def test_decoding() -> None:
    """Encodings are undone exactly, or not at all."""
    assert decoded_body(b"abc", "") == b"abc"
    assert decoded_body(gzip.compress(b"abc"), "gzip") == b"abc"
    assert decoded_body(b"abc", "gzip") is None
    assert decoded_body(b"abc", "unheard-of") is None
    assert decoded_body(gzip.compress(b"abc") + b"x", "gzip") is None


VALUES = 2_000_000


@pytest.mark.parametrize(
    ("body", "content_type", "limit"),
    [
        (b"a=b&" * 10_000, FORM, "more than 10,000 pairs"),
        (b"[" + b"{}," * (VALUES // 2) + b"{}]", JSON, "more than 2,000,000 values"),
        (b"[" + b"1," * VALUES + b"1]", JSON, "more than 2,000,000 values"),
        (b'"' + b"x" * (64 * 1024 * 1024) + b'"', JSON, "longer than 64 MiB"),
    ],
    ids=["pairs", "objects", "numbers", "long"],
)
def test_a_body_that_takes_too_long_to_read_is_its_bytes(body: bytes, content_type: str, limit: str) -> None:
    """Beyond a limit a body is its bytes, and its saved form names the limit; one byte makes another body."""
    found = body_of(body, content_type)
    assert isinstance(found, dict)
    assert found["limit"] == limit
    assert (found["kind"], found.get("size", len(body))) == (
        "text" if len(body) <= INLINE else "digest",
        len(body),
    )
    assert found != body_of(b" " + body, content_type)


def test_a_body_just_within_the_limits_is_read() -> None:
    """The largest bodies within the limits are still forms and JSON, and commas within texts are not in the way."""
    form = body_of(b"a=b&" * 9_999, FORM)
    assert isinstance(form, dict)
    assert form["kind"] == "form"
    assert isinstance(body_of(b"[" + b"1," * (VALUES - 1) + b"1]"), Document)
    assert isinstance(body_of(b'"' + b", " * 900_000 + b'"'), Document)

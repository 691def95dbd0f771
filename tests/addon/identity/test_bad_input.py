"""Lying encodings, bombs, huge uploads, bytes that are not text, and user information in URLs never crash."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Callable
from hashlib import sha256
from typing import Any

from addon.identity import IdentityRules, identify, key_of_saved
from addon.messages import WireRequest

BODY = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hello"}], "temperature": 0.5}


def saved_of(request: WireRequest, rules: IdentityRules | None = None) -> dict[str, Any]:
    """The saved request."""
    found: dict[str, Any] = json.loads(identify(request, rules or IdentityRules()).request_json)
    return found


def test_a_lying_content_encoding(key: Callable[..., str], make: Callable[..., WireRequest]) -> None:
    """A body that does not decode is its bytes, and its encoding stays in; what a lenient decoder might make of it, a
    secret too, is not saved."""
    body = json.dumps(BODY).encode()
    lying = {"body": body, "headers": {"content-encoding": "gzip"}}
    assert key(**lying) != key(body)
    assert key(**lying) != key(body, {"content-encoding": "br"})
    saved = saved_of(make(**lying))
    assert saved["body"] == {"kind": "text", "value": body.decode()}
    assert ["content-encoding", "gzip"] in saved["headers"]
    cut = gzip.compress(body)[:-4]
    for damaged in (cut, cut[:-20], gzip.compress(body) + b"x"):
        assert saved_of(make(damaged, {"content-encoding": "gzip"}))["body"] == {
            "kind": "digest", "sha256": hashlib.sha256(damaged).hexdigest(), "size": len(damaged)
        }  # fmt: skip


def test_a_decompression_bomb(make: Callable[..., WireRequest]) -> None:
    """A body that decodes to more than 64 MiB is its bytes."""
    bomb = gzip.compress(bytes(80 * 1024 * 1024), 1)
    saved = saved_of(make(bomb, {"content-encoding": "gzip"}))
    assert saved["body"] == {"kind": "digest", "sha256": sha256(bomb).hexdigest(), "size": len(bomb)}
    assert ["content-encoding", "gzip"] in saved["headers"]


def test_a_hundred_megabytes(make: Callable[..., WireRequest]) -> None:
    """A huge upload is hashed, not saved, and one changed byte is another request."""
    body = b"\xffabcdefg" * (100 * 1024 * 1024 // 8)
    one = identify(make(body, {"content-type": "application/octet-stream"}), IdentityRules())
    assert len(one.request_json) < 1000
    other = identify(make(body[:-1] + b"G", {"content-type": "application/octet-stream"}), IdentityRules())
    assert one.key != other.key


def test_header_bytes_that_are_no_text(make: Callable[..., WireRequest]) -> None:
    """Bytes that are not UTF-8, in names and in values, remain distinct and survive saving."""
    requests = [
        WireRequest("GET", "https", "h", 443, "/", ((name, value),), b"")
        for name, value in (
            (b"x-\xff", b"a"),
            (b"x-\xfe", b"a"),
            (b"anthropic-version", b"\xff"),
            (b"anthropic-version", b"\xc3\xbf"),
        )
    ]
    identities = [identify(request, IdentityRules()) for request in requests]
    assert len({identity.key for identity in identities}) == 4
    for identity in identities:
        assert key_of_saved(identity.request_json, IdentityRules()) == identity.key


def test_a_user_in_the_url_is_a_credential(make: Callable[..., WireRequest], key: Callable[..., str]) -> None:
    """User information is removed from host and target, and counts as a sent credential."""
    for other in (
        {"host": "user:PASSWORD@api.openai.com"},
        {"target": "https://user:PASSWORD@api.openai.com/v1/x"},
    ):
        request = make(**({"headers": [], "target": "/v1/x"} | other))
        assert identify(request, IdentityRules()).key == key(headers=[("authorization", "x")], target="/v1/x")
        assert b"PASSWORD" not in identify(request, IdentityRules()).request_json


def test_an_uploaded_file_is_its_bytes(key: Callable[..., str]) -> None:
    """A JSON file that is uploaded to Gemini is identified by its bytes, although its content-type is JSON."""
    headers = {"x-goog-upload-command": "upload, finalize"}
    assert key(b'{"a":1}', headers) != key(b'{"a": 1}', headers)
    start = {"x-goog-upload-command": "start"}
    assert key(b'{"a":1}', start) == key(b'{"a": 1}', start)

"""A saved request as a request again."""

from __future__ import annotations

import pytest

from addon.identity import IdentityRules, identify
from addon.messages import WireRequest
from addon.transfer.saved_request import request_of_saved
from cache_store.errors import CorruptEntry

JSON = (b"content-type", b"application/json")


@pytest.mark.parametrize(
    ("headers", "target", "body"),
    [
        ((JSON, (b"authorization", b"Bearer sk-x")), "/v1/x", b'{"b": 1.50, "a": [1e400, "\\u00e9", true]}'),
        ((JSON,), "/v1/x?b=1&a=%2F&c", b'{"a": {"kind": "json"}}'),
        ((), "/v1/models", b""),
        (((b"content-type", b"text/plain"),), "/", "hé".encode()),
        (((b"content-type", b"application/octet-stream"),), "/", b"\xff\x00"),
        (((b"content-type", b"application/x-www-form-urlencoded"),), "/", b"a=1&b=%26+x&c"),
        ((JSON, (b"anthropic-beta", b"b,a"), (b"accept", b"text/event-stream")), "/", b"[]"),
    ],
)
def test_it_has_the_same_identity(headers: tuple[tuple[bytes, bytes], ...], target: str, body: bytes) -> None:
    """What was never saved plays no part."""
    saved = identify(
        WireRequest("POST", "https", "api.openai.com", 443, target, headers, body), IdentityRules()
    )
    assert identify(request_of_saved(saved.request_json), IdentityRules()).key == saved.key


@pytest.mark.parametrize("saved", [b"", b"{}", b"[]", b'{"headers": 1}', b"[" * 100_000])
def test_what_is_no_saved_request_is_refused(saved: bytes) -> None:
    """Whatever it is."""
    with pytest.raises(CorruptEntry):
        request_of_saved(saved)


def test_what_was_not_saved_whole_is_refused() -> None:
    """A long body is saved as its digest."""
    headers = ((b"content-type", b"application/octet-stream"),)
    saved = identify(WireRequest("POST", "https", "h", 443, "/", headers, b"\xff" * 100_000), IdentityRules())
    with pytest.raises(CorruptEntry):
        request_of_saved(saved.request_json)

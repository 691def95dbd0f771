"""Requests as other tools recorded them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from addon.identity import IdentityRules, identify
from addon.messages import WireRequest
from addon.transfer.recorded_request import request_of, with_credential


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("https://api.openai.com/v1?a=%2F#x", ("https", "api.openai.com", 443, "/v1?a=%2F")),
        ("http://127.0.0.1:99/x", ("http", "127.0.0.1", 99, "/x")),
        ("HTTPS://API.OpenAI.com", ("https", "api.openai.com", 443, "/")),
        ("https://h?q=1", ("https", "h", 443, "/?q=1")),
        ("http://[::1]:8/x", ("http", "::1", 8, "/x")),
    ],
)
def test_a_url_is_taken_apart_as_it_stands(url: str, place: tuple[str, str, int, str]) -> None:
    """Nothing of path and query is normalised here."""
    request = request_of("post", url, ((b":authority", b"x"), (b"a", b"1")), b"")
    assert (request.scheme, request.host, request.port, request.target) == place
    assert request.method == "POST"
    assert request.headers == ((b"a", b"1"),)


def test_user_information_is_a_credential() -> None:
    """It comes along, so that it is redacted as one."""
    identity = identify(request_of("GET", "https://me:p4ssw0rd-long@h/x", (), b""), IdentityRules())
    assert b'"credential":true' in identity.request_json
    assert b"p4ssw0rd" not in identity.request_json


@pytest.mark.parametrize("url", ["", "/v1", "ftp://h/", "https://", "https://h:x/", "https://[::1"])
def test_what_is_no_url_is_refused(url: str) -> None:
    """Also what only looks like one."""
    with pytest.raises(ValueError, match=r".*"):
        request_of("GET", url, (), b"")


BARE = WireRequest(
    "POST", "https", "api.openai.com", 443, "/v1/chat/completions",
    ((b"content-type", b"application/json"),), b'{"model": "m"}',
)  # fmt: skip


def _restored(request: WireRequest, status: int = 200) -> WireRequest | None:
    return with_credential(request, identify(request, IdentityRules()), status)


@pytest.mark.parametrize("method", ["POST", "GET", "DELETE"])
def test_a_request_without_its_credential_gets_the_key_of_one_with_it(method: str) -> None:
    """Whichever header and value the client sends."""
    bare = replace(BARE, method=method)
    restored = _restored(bare)
    assert restored is not None
    found = identify(restored, IdentityRules())
    sent = replace(bare, headers=(*bare.headers, (b"x-api-key", b"sk-real")))
    assert found.key == identify(sent, IdentityRules()).key
    assert found.key != identify(bare, IdentityRules()).key
    assert b"left-out" not in found.request_json


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (BARE, 401),
        (replace(BARE, host="localhost"), 200),
        (replace(BARE, headers=((b"authorization", b"Bearer x"),)), 200),
        (replace(BARE, host="generativelanguage.googleapis.com", target="/v1/x?key=REDACTED"), 200),
    ],
)
def test_what_may_have_been_sent_as_it_stands_stays(request_: WireRequest, status: int) -> None:
    """An error, a server that may ask for none, a request that has its credential."""
    assert _restored(request_, status) is None

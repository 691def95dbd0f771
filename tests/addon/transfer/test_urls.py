"""Recorded URLs."""

from __future__ import annotations

import pytest

from addon.identity import IdentityRules, identify
from addon.transfer.urls import request_of


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

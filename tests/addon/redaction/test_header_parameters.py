"""Credentials in the parameters of headers that are kept."""

from __future__ import annotations

import pytest

from addon.identity import IdentityRules, identify
from addon.identity.keying import key_of_saved, resave
from addon.messages import WireRequest
from addon.redaction import Taint
from addon.redaction.header_parameters import find, redact_parameters
from addon.redaction.scanning import scan_entry
from cache_store.entry import Entry

SECRET = "made-up/SECRET42credential"


def _request(value: str, secret: str = SECRET) -> WireRequest:
    headers = ((b"accept", value.format(secret).encode()), (b"content-type", b"application/json"))
    return WireRequest("POST", "https", "api.openai.com", 443, "/v1/x", headers, b"{}")


@pytest.mark.parametrize(
    "value",
    [
        "application/json; token={}",
        'text/event-stream;api_key="{}"',
        "text/plain; q=0.5; password = {}; level=1",
        "text/plain, secret={}",
    ],
)
def test_a_credential_in_a_parameter_is_redacted_and_learned(value: str) -> None:
    """It is not saved, is known afterwards, still tells requests apart; what is saved gives the same key again."""
    rules = IdentityRules()
    identity = identify(_request(value), rules)
    assert b"SECRET" not in identity.request_json
    assert identity.key != identify(_request(value, SECRET + "3"), rules).key
    assert key_of_saved(resave(identity.request_json, rules), rules) == identity.key
    taint = Taint()
    taint.learn(_request(value))
    assert taint.found_in(b"it was " + SECRET.encode()) is not None


@pytest.mark.parametrize(
    "value",
    [
        "text/html;level=1;q=0.5",
        "multipart/form-data; boundary=----WebKitFormBoundary7MA4YWxkTrZu0gW",
        "application/json; charset=utf-8",
        "token",
        "max_tokens=5; token_type=x",
        "token=<redacted:token:10ee68888777ddca9eee1b40378c22d1>",
    ],
)
def test_other_parameters_stay(value: str) -> None:
    """Types, boundaries, counts, and what is redacted already."""
    assert redact_parameters(value) == value
    assert find(value.encode()) == []


def test_scan_finds_it_in_an_older_entry() -> None:
    """An entry from before this rule is reported."""
    identity = identify(_request("text/plain"), IdentityRules())
    old = identity.request_json.replace(b"text/plain", b"text/plain; api_key=" + SECRET.encode())
    entry = Entry("pp2-a", 200, "", (), b"{}", 1.0, 0.1, "r", {}, "", old)
    assert [(leak.kind, leak.part) for leak in scan_entry(entry)] == [("api-key", "request")]


def test_the_search_takes_linear_time() -> None:
    """A long hostile value is searched once."""
    for value in (b"token=" * 50_000, b'token="' * 50_000, b"a" * 500_000 + b"=token", b"token " * 50_000):
        find(value)

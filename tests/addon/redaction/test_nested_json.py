"""Credentials in texts that are JSON themselves."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest

from addon.identity import IdentityRules, identify
from addon.identity.keying import key_of_saved
from addon.messages import WireRequest
from addon.redaction import Taint
from addon.redaction.scanning import scan_entry
from cache_store.entry import Entry

SECRET = 'made-up/SECRET+"credential=42'


def request(arguments: Any) -> WireRequest:
    """A request whose history has a tool call with these arguments."""
    call = {"function": {"name": "login", "arguments": arguments}}
    body = json.dumps({"messages": [{"role": "assistant", "tool_calls": [call]}]}).encode()
    return WireRequest(
        "POST", "https", "api.openai.com", 443, "/v1/x", ((b"content-type", b"application/json"),), body
    )


def arguments_with(secret: str) -> list[str]:
    """The ways to write a secret into arguments."""
    once = json.dumps({"user": "u", "password": secret})
    return [
        once,
        json.dumps({"inner": once}),
        json.dumps([{"inner": json.dumps([once])}]),
        json.dumps({"auth": {"value": secret}}),
    ]


@pytest.mark.parametrize("at", range(4))
def test_redacted_and_learned(at: int) -> None:
    """A credential in a tool's arguments is never saved, is known afterwards, and still tells requests apart."""
    one, other = request(arguments_with(SECRET)[at]), request(arguments_with(SECRET + "3")[at])
    rules = IdentityRules.parse()
    identity = identify(one, rules)
    assert b"SECRET" not in identity.request_json
    assert identity.key != identify(other, rules).key
    assert key_of_saved(identity.request_json, rules) == identity.key
    taint = Taint()
    taint.learn(one)
    assert taint.found_in(SECRET.encode() + b" " * 20) is not None


@pytest.mark.parametrize(
    "text", ['{"city": "Paris", "max_tokens": 5}', '{"password": ""}', '{"password": "x', "[1]"]
)
def test_other_arguments_stay(text: str) -> None:
    """Arguments without a credential, and text that is not JSON, are saved as they are."""
    assert json.dumps(text).encode() in identify(request(text), IdentityRules.parse()).request_json


@pytest.mark.parametrize(
    "value", ["https%3A%2F%2Fh%2Fx%3Ftoken%3D", "https%253A%252F%252Fh%253Fapi_key%253D"]
)
def test_an_encoded_url_in_a_query(value: str) -> None:
    """A credential in a URL that is encoded in another's query is never saved, and still tells requests apart."""
    secret = "0a7f3a9c1b2d4e6f80"
    rules = IdentityRules.parse()
    one, other = (
        WireRequest("GET", "https", "api.openai.com", 443, f"/v1/x?u={value}{end}", (), b"")
        for end in (secret, secret + "1")
    )
    identity = identify(one, rules)
    assert secret.encode() not in identity.request_json
    assert identity.key != identify(other, rules).key
    assert key_of_saved(identity.request_json, rules) == identity.key


@pytest.mark.parametrize("secret", ["abc", 12345678, -1.5, ["a1b2c3d4e5f6g7h8i9j0"]])
def test_a_short_text_or_a_number_hides_the_whole_text(secret: Any) -> None:
    """It stands elsewhere as well, so that it cannot be replaced where it stands; requests stay apart."""
    arguments = json.dumps({"password": secret, "city": "Paris"})
    identity = identify(request(arguments), IdentityRules.parse())
    assert json.dumps(secret).strip('[]"').encode() not in identity.request_json.partition(b'"body"')[2]
    assert identity.key != identify(request(arguments.replace("Paris", "Rome")), IdentityRules.parse()).key


def test_scan_looks_into_texts_that_are_json() -> None:
    """An entry from before this rule is reported, one of today is not."""
    saved = identify(request(arguments_with(SECRET)[0]), IdentityRules.parse()).request_json
    entry = Entry("pp2-a", 200, "", (), b"{}", 1.0, 0.1, "r", {}, "", saved)
    assert scan_entry(entry) == []
    old = re.sub(rb"<redacted:[^>]*>", b"made-up-credential-42", saved)
    assert [leak.kind for leak in scan_entry(replace(entry, request_json=old))] == ["password"]

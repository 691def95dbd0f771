"""Credentials in bodies, by name and by shape."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest

from addon.identity import IdentityRules, identify
from addon.identity.canonical_json import NotCanonical, Number, Ordered, parse
from addon.identity.field_redaction import redact_members, redact_other, redact_tree
from addon.messages import WireRequest
from addon.redaction.redact import redacted

KEY = "AKIAIOSFODNN7EXAMPLE"
HIDDEN = redacted("aws-key-id", KEY.encode())


def test_shapes_in_any_text() -> None:
    """Values and names, at any depth; numbers and literals stay."""
    assert redact_tree({"a": [f"x {KEY}", 1, None, True], KEY: {"b": KEY}}) == {
        "a": [f"x {HIDDEN}", 1, None, True],
        HIDDEN: {"b": HIDDEN},
    }
    number = Number("1.5")
    assert redact_tree([number])[0] is number


def test_the_order_of_properties_survives() -> None:
    """A name that is redacted keeps its place under `properties`, and is sorted elsewhere."""
    document = parse(json.dumps({"properties": {"z": 1, KEY: 2, "a": 3}, "z": {KEY: 1, "!": 2}}).encode())
    value = redact_tree(document.value)
    assert isinstance(value["properties"], Ordered)
    assert document.inner(value).dump().decode() == (
        f'{{"properties":{{"z":1,"{HIDDEN}":2,"a":3}},"z":{{"!":2,"{HIDDEN}":1}}}}'
    )


@pytest.fixture(scope="module")
def twins() -> tuple[str, str]:
    """Two AWS key ids whose 8 hex digits are the same."""
    seen: dict[str, str] = {}
    for at in range(1_000_000):
        secret = f"AKIA{at:016}"
        if (other := seen.setdefault(hashlib.sha256(secret.encode()).hexdigest()[:8], secret)) != secret:
            return other, secret
    raise AssertionError("there are 2**32 of them only")


def test_names_that_become_one(twins: tuple[str, str], make: Callable[..., WireRequest]) -> None:
    """Two members are never merged: such a body is saved as text, with both."""
    one, other = twins
    with pytest.raises(NotCanonical):
        redact_tree({one: 1, other: 2})
    identity = identify(make({one: 1, other: 2, "cache_control": {"type": "x"}}), IdentityRules())
    saved = json.loads(identity.request_json)
    marker = redacted("aws-key-id", one.encode())
    assert saved["body"] == {
        "kind": "text",
        "value": f'{{"{marker}": 1, "{marker}": 2, "cache_control": {{"type": "x"}}}}',
    }
    assert "cache_control" not in saved


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"client_secret": "s", "grant_type": "g"}, {"client_secret": "<redacted:client-secret>", "grant_type": "g"}),
        ({"clientSecret": "s"}, {"clientSecret": "<redacted:client-secret>"}),
        ({"tools": [{"authorization": "t"}]}, {"tools": [{"authorization": "<redacted:authorization>"}]}),
        ({"mcp_servers": [{"authorization_token": "t"}]}, {"mcp_servers": [{"authorization_token": "<redacted:authorization-token>"}]}),
        ({"tools": [{"headers": {"Authorization": "t", "accept": "x", "X-Odd": "v"}}]},
         {"tools": [{"headers": {"Authorization": "<redacted:header>", "accept": "x", "X-Odd": redacted("header", b"v")}}]}),
        ({"session": {"tools": [{"headers": {"x-api-key": "t", "accept": "x", "X-Odd": "v"}}]}},
         {"session": {"tools": [{"headers": {"x-api-key": redacted("header", b"t"), "accept": "x",
                                             "X-Odd": redacted("header", b"v")}}]}}),
        ({"mcp_servers": [{"headers": {"X-Odd": ["v"], "x-api-key": {"a": "t"}, "X-None": None}}]},
         {"mcp_servers": [{"headers": {"X-Odd": redacted("header", b'\xff["v"]'), "x-api-key": "<redacted:header>",
                                       "X-None": None}}]}),
        ({"a": [{"password": "p"}]}, {"a": [{"password": redacted("password", b"p")}]}),
        ({"a": {"api_key": 123}}, {"a": {"api_key": redacted("api-key", b"\xff123")}}),
        ({"headers": {"authorization": "t"}}, {"headers": {"authorization": redacted("authorization", b"t")}}),
        ([{"secret": "s"}], [{"secret": redacted("secret", b"s")}]),
    ],
    ids=json.dumps,
)  # fmt: skip
def test_members_by_name(body: Any, expected: Any) -> None:
    """Fields of the API lose their value wholly; members of data keep what tells two values apart."""
    assert redact_members(body)
    assert body == expected


@pytest.mark.parametrize(("one", "other"), [(12, "12"), (1.5, "1.5"), (10**30, str(10**30)), (12, 12.5)])
def test_a_number_is_not_its_text(one: Any, other: Any, make: Callable[..., WireRequest]) -> None:
    """A number under a credential's name is another request than the text that spells it."""
    for holder in ({"a": {"pin": 0, "password": None}}, {"tools": [{"headers": {"x-odd": None}}]}):
        bodies = [json.loads(json.dumps(holder).replace("null", json.dumps(value))) for value in (one, other)]
        keys = {identify(make(body), IdentityRules()).key for body in bodies}
        assert len(keys) == 2


@pytest.mark.parametrize(
    "body",
    [
        {"password": {"type": "string"}}, {"properties": {"api_key": {"type": "string"}}}, {"required": ["password"]},
        {"password": ""}, {"password": None}, {"password": True}, {"max_tokens": "5"},
        {"prompt_cache_key": "k"}, "password", None,
    ],
    ids=json.dumps,
)  # fmt: skip
def test_what_is_no_credential(body: Any) -> None:
    """Schemas, empty values and other names stay."""
    before = json.dumps(body)
    assert not redact_members(body)
    assert json.dumps(body) == before


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"kind": "text", "value": f'{{"refresh_token": "short"}} {KEY}'},
         {"kind": "text", "value": f'{{"refresh_token": "{redacted("refresh-token", b"short")}"}} {HIDDEN}'}),
        ({"kind": "form", "pairs": [["client_secret", "s"], ["x-token", "t"], ["a", KEY], ["b", None], ["secret", ""]]},
         {"kind": "form", "pairs": [["client_secret", "<redacted:client-secret>"], ["x-token", redacted("field", b"t")],
                                    ["a", HIDDEN], ["b", None], ["secret", ""]]}),
        ({"kind": "multipart", "parts": [{"name": "api_key", "text": "s"}, {"name": None, "filename": KEY, "text": KEY}]},
         {"kind": "multipart", "parts": [{"name": "api_key", "text": "<redacted:api-key>"},
                                         {"name": None, "filename": HIDDEN, "text": HIDDEN}]}),
        ({"kind": "multipart", "parts": [{"name": "password", "base64": "/w=="}, {"name": "key", "base64": "/w=="},
                                         {"name": "a", "base64": "/w==", "headers": [["authorization", "t"], ["x-odd", "v"]]}]},
         {"kind": "multipart", "parts": [{"name": "password", "base64": "<redacted:password>"},
                                         {"name": "key", "base64": redacted("field", b"/w==")},
                                         {"name": "a", "base64": "/w==",
                                          "headers": [["authorization", redacted("header", b"t")], ["x-odd", "v"]]}]}),
        ({"kind": "bytes", "base64": "AA=="}, {"kind": "bytes", "base64": "AA=="}),
    ],
    ids=lambda value: value["kind"],
)  # fmt: skip
def test_other_kinds(body: dict[str, Any], expected: dict[str, Any]) -> None:
    """Forms and parts by their names, text by what looks like a member."""
    assert redact_other(body) == expected

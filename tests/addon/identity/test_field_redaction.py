"""Credentials in bodies, by name and by shape."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest

from addon.identity import IdentityRules, identify
from addon.identity.canonical_json import Number, Ordered, parse
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


@pytest.mark.parametrize(
    "body",
    [
        {"a": [f'"{KEY}\\', "b", KEY], "model": KEY},
        {"z": 1, KEY: KEY, "a": {"properties": {KEY: 1, "b": 2}}},
        {"a": f"<redacted:{KEY}", "b": f"https://u:p4ss@{KEY}"},
        {
            "a": "-----BEGIN PRIVATE KEY-----\n" + "MIGHAgEAMBMGByqGSM49" * 4,
            "b": KEY,
            "c": ["-----END", 1.50, {}],
        },
        {"a": KEY, "password": "s3cret", "b": 1e300},
    ],
)
def test_only_the_texts_around_secrets_are_redacted(
    body: dict[str, Any], make: Callable[..., WireRequest]
) -> None:
    """A body is saved as if every one of its texts had been redacted, whichever way is faster."""
    whole = parse(json.dumps(body).encode())
    expected = whole.inner(redact_tree(whole.value))
    redact_members(expected.value)
    saved = identify(make(body), IdentityRules()).request_json
    assert saved.endswith(b'"value":' + expected.dump() + b"}}")


def test_values_that_share_32_bits_of_their_hash(key: Callable[..., str]) -> None:
    """Two secrets whose SHA-256 begin with the same 8 hex digits are two requests, as names and as values."""
    seen: dict[str, str] = {}
    for at in range(1_000_000):
        one = f"AKIA{at:016}"
        if (other := seen.setdefault(hashlib.sha256(one.encode()).hexdigest()[:8], one)) != one:
            break
    else:
        raise AssertionError("no two of a million secrets share 8 hex digits")
    for make in (
        lambda secret: {secret: 1},
        lambda secret: {"a": secret},
        lambda secret: {"password": secret},
    ):
        assert key(make(one)) != key(make(other))
    assert key({one: 1, other: 2}) != key({one: 2, other: 1})
    assert key(target=f"/x?pageToken={one}") != key(target=f"/x?pageToken={other}")
    assert key(headers={"x-tenant": one}) != key(headers={"x-tenant": other})


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"client_secret": "s", "grant_type": "g"}, {"client_secret": redacted("client-secret", b"s"), "grant_type": "g"}),
        ({"clientSecret": "s"}, {"clientSecret": redacted("client-secret", b"s")}),
        ({"tools": [{"authorization": "t"}]}, {"tools": [{"authorization": redacted("authorization", b"t")}]}),
        ({"mcp_servers": [{"authorization_token": "t"}]}, {"mcp_servers": [{"authorization_token": redacted("authorization-token", b"t")}]}),
        ({"tools": [{"headers": {"Authorization": "t", "accept": "x", "X-Odd": "v"}}]},
         {"tools": [{"headers": {"Authorization": redacted("header", b"t"), "accept": "x", "X-Odd": redacted("header", b"v")}}]}),
        ({"session": {"tools": [{"headers": {"x-api-key": "t", "accept": "x", "X-Odd": "v"}}]}},
         {"session": {"tools": [{"headers": {"x-api-key": redacted("header", b"t"), "accept": "x",
                                             "X-Odd": redacted("header", b"v")}}]}}),
        ({"mcp_servers": [{"headers": {"X-Odd": ["v"], "x-api-key": {"a": "t"}, "X-None": None}}]},
         {"mcp_servers": [{"headers": {"X-Odd": redacted("header", b'\xff["v"]'), "x-api-key": redacted("header", b'\xff{"a":"t"}'),
                                       "X-None": None}}]}),
        ({"a": [{"password": "p"}]}, {"a": [{"password": redacted("password", b"p")}]}),
        ({"a": {"api_key": 123}}, {"a": {"api_key": redacted("api-key", b"\xff123")}}),
        ({"headers": {"authorization": "t", "x-odd": "v"}}, {"headers": {"authorization": redacted("header", b"t"), "x-odd": "v"}}),
        ([{"secret": "s"}], [{"secret": redacted("secret", b"s")}]),
    ],
    ids=json.dumps,
)  # fmt: skip
def test_members_by_name(body: Any, expected: Any) -> None:
    """A member with a credential's name is replaced by a hash, which tells two values apart."""
    assert redact_members(body)
    assert body == expected


@pytest.mark.parametrize(("one", "other"), [(12, "12"), (1.5, "1.5"), (10**30, str(10**30)), (12, 12.5)])
def test_a_number_is_not_its_text(one: Any, other: Any, make: Callable[..., WireRequest]) -> None:
    """A number and its text under a credential's name are two requests."""
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
         {"kind": "form", "pairs": [["client_secret", redacted("client-secret", b"s")], ["x-token", redacted("field", b"t")],
                                    ["a", HIDDEN], ["b", None], ["secret", ""]]}),
        ({"kind": "multipart", "parts": [{"name": "api_key", "text": "s"}, {"name": None, "filename": KEY, "text": KEY}]},
         {"kind": "multipart", "parts": [{"name": "api_key", "text": redacted("api-key", b"s")},
                                         {"name": None, "filename": HIDDEN, "text": HIDDEN}]}),
        ({"kind": "multipart", "parts": [{"name": "password", "base64": "/w=="}, {"name": "key", "base64": "/w=="},
                                         {"name": "a", "base64": "/w==", "headers": [["authorization", "t"], ["x-odd", "v"]]}]},
         {"kind": "multipart", "parts": [{"name": "password", "base64": redacted("password", b"/w==")},
                                         {"name": "key", "base64": redacted("field", b"/w==")},
                                         {"name": "a", "base64": "/w==",
                                          "headers": [["authorization", redacted("header", b"t")], ["x-odd", "v"]]}]}),
        ({"kind": "bytes", "base64": "AA=="}, {"kind": "bytes", "base64": "AA=="}),
    ],
    ids=lambda value: value["kind"],
)  # fmt: skip
def test_other_kinds(body: dict[str, Any], expected: dict[str, Any]) -> None:
    """Forms and parts are redacted by name, text by patterns that look like members."""
    assert redact_other(body) == expected

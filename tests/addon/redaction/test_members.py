"""Members of JSON that hold credentials."""

from __future__ import annotations

import json
from typing import Any

import pytest

from addon.redaction.members import may_hold_credentials, may_name_one, sightings

S = "CANARY0a7f3a9c1b2d4e6f80"
W = "aword"

# The first seven are fields of providers' APIs that were once stored in clear.
HOLD: dict[str, tuple[Any, list[str]]] = {
    "azure": ({"data_sources": [{"type": "azure_search", "parameters": {"endpoint": "https://s", "authentication": {"type": "api_key", "key": W}}}]}, [W]),
    "azure connection": ({"parameters": {"authentication": {"type": "connection_string", "connection_string": W}}}, [W]),
    "cohere": ({"name": "n", "service_auth": {"type": "bearer", "token": W}}, [W]),
    "together": ({"model": "m", "wandb_api_key": W}, [W]),
    "vertex": ({"tools": [{"retrieval": {"externalApi": {"apiAuth": {"apiKeyConfig": {"apiKeyString": W}}}}}]}, [W]),
    "openai mcp": ({"tools": [{"type": "mcp", "authorization": W, "headers": {"X-Odd": W, "Authorization": S}}]}, [W, W, S]),
    "anthropic mcp": ({"mcp_servers": [{"type": "url", "authorization_token": W}]}, [W]),
    "openai container": ({"network_policy": {"domain_secrets": [{"domain": "h", "name": "n", "value": W}]}}, [W]),
    "bare key": ({"a": {"key": S}}, [S]),
    "list": ({"api_keys": [W, ""], "keys": [S, "ctrl"]}, [W, S]),
    "nested value": ({"client_secret": {"value": W, "expires_at": 1}, "token": {"value": S}}, [W, S]),
    "name and value": ({"environment_variables": [{"name": "OPENAI_API_KEY", "value": W}, {"name": "LANG", "value": "C"}]}, [W]),
    "header and value": ({"h": [{"key": "Authorization", "value": W}]}, [W]),
    "headers elsewhere": ({"extra_headers": {"X-Api-Key": W, "X-Odd": W}}, [W]),
    "pairs of headers": ({"headers": [["Authorization", W], ["Accept", W]]}, [W]),
    "deep": ({"auth": {"inner": [{"key": W, "type": "x"}]}}, [W]),
    "map of secrets": ({"secrets": {"ANY": W, "HF_TOKEN": W, "type": "opaque"}}, [W, W]),
    "elasticsearch": ({"authentication": {"type": "key_and_key_id", "key": W, "key_id": W}}, [W]),
    "encoded": ({"authentication": {"type": "encoded_api_key", "encoded_api_key": W}}, [W]),
    "service account": ({"vertex_credentials": json.dumps({"private_key": W})}, [json.dumps({"private_key": W})]),
    "number": ({"a": {"password": 1234, "key": 5}}, [1234]),  # type: ignore[list-item]
    "basic": ({"credentials": {"username": "bob", "password": W, "type": "basic"}}, [W]),
}  # fmt: skip


@pytest.mark.parametrize("name", HOLD)
def test_credentials_are_found(name: str) -> None:
    """A credential is found by its member's name, by the object around it, and by the member beside it."""
    body, expected = HOLD[name]
    assert sorted(str(one.holder[one.place]) for one in sightings(body)) == sorted(map(str, expected))
    assert any(may_hold_credentials(holder) for holder in objects(body))


def objects(value: Any) -> list[dict[str, Any]]:
    """All objects of a JSON value."""
    if isinstance(value, list):
        return [one for item in value for one in objects(item)]
    return (
        [value, *(one for member in value.values() for one in objects(member))]
        if isinstance(value, dict)
        else []
    )


NONE: list[Any] = [
    {"filters": {"type": "eq", "key": "region", "value": "us"}}, {"max_tokens": 5, "logit_bias": {"50256": -100}, "prompt_cache_key": S},
    {"password": {"type": "string", "description": "The user's password"}}, {"properties": {"token": {"type": "string"}}, "required": ["token"]},
    {"password": "", "secret": None, "api_key": True}, {"tools": [{"type": "mcp", "headers": {}}]}, {"input": {"action": "key", "text": "Return"}},
    {"auth": {"type": "oauth2", "url": "https://h", "scope": "a b"}}, {"key": "<redacted:key:" + "a1" * 16 + ">"}, "password", None, 5, [],
    {"logprobs": {"content": [{"token": " hello", "logprob": -1.0}]}}, {"name": "x", "value": S},
]  # fmt: skip


@pytest.mark.parametrize("body", NONE, ids=lambda body: json.dumps(body)[:40])
def test_data_is_left_alone(body: Any) -> None:
    """Filters, schemas, counts, empty values and redactions are not credentials."""
    assert list(sightings(body)) == []


def test_a_member_may_be_replaced_while_walking() -> None:
    """A member that is replaced is not yielded again, and the other members are."""
    body = {"a": [{"api_key": W}, {"b": {"password": W}}]}
    for one in sightings(body):
        one.holder[one.place] = "<redacted:key>"
    assert W not in json.dumps(body)


def test_names_are_looked_at_once() -> None:
    """Many new names are one search, and a suspicious one among them is still found."""
    members = {f"plain_name_{n}": 1 for n in range(200_000)}
    assert not may_hold_credentials(members)
    assert may_hold_credentials(members | {"api_key": W})


def test_names_in_json_that_is_not_parsed() -> None:
    """A long document is tested in steps that overlap; an escaped letter may spell anything."""
    assert may_name_one(b" " * (256 * 1024 - 4) + b'"api_key" : 1')
    assert may_name_one(b'{"\\u0061pi_key":1}')
    assert not may_name_one(b'{"max_tokens":1,"messages":[{"content":"a secret token: key"}]}')

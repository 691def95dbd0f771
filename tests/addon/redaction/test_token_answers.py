"""Answers that hand out credentials."""

from __future__ import annotations

import json
from typing import Any

import pytest

from addon.redaction import carries_credentials
from cache_store.answers.media import SESSION

STS_XML = """<?xml version="1.0"?>
<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleWithWebIdentityResult>
<Credentials><AccessKeyId>ASIA</AccessKeyId><SecretAccessKey>made-up</SecretAccessKey><SessionToken> made-up</SessionToken></Credentials>
</AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"""


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ({"access_token": "x", "expires_in": 3599}, "access-token"), ({"accessToken": "x"}, "access-token"),
        ({"refresh_token": "x"}, "refresh-token"), ({"id_token": "x"}, "id-token"), ({"a": {"b": [{"client_secret": "x"}]}}, "client-secret"),
        ({"id": "sess_1", "client_secret": {"value": "ek_1", "expires_at": 1}}, "client-secret"),
        ({"roleCredentials": {"accessKeyId": "A", "secretAccessKey": "x"}}, "secret-access-key"),
        ({"Code": "Success", "SecretAccessKey": "x", "Token": "y"}, "secret-access-key"), ({"SessionToken": "x"}, "session-token"),
        ({"auth_token": "pplx-x", "token_name": "n"}, "auth-token"), ({"keyId": "k", "key": "fw_3ZABCDEFabcdef0123456789"}, "key"),
        ({"id": "w", "signing_secret": "whsec_x"}, "signing-secret"), ({"tunnel_token": "eyABCDEFabcdef0123456789"}, "tunnel-token"),
        ({"apiKey": "x"}, "api-key"), ({"participant_token": "ABCDEFabcdef0123456789"}, "participant-token"),
        ({"credential": {"value": "x"}}, "credential"), ({"secrets": [{"name": "n", "value": "x"}]}, "secrets"),
        ([{"access_token": "x"}], "access-token"), ({"private_key": "x"}, "private-key"), ({"privateKeyData": "x"}, "private-key-data"),
    ],
    ids=json.dumps,
)  # fmt: skip
@pytest.mark.parametrize("media_type", ["application/json; charset=utf-8", "text/plain", ""])
def test_json(value: Any, kind: str, media_type: str) -> None:
    """Members are found at any depth, whatever the type claims."""
    assert carries_credentials(json.dumps(value, indent=1).encode(), media_type) == kind


@pytest.mark.parametrize(
    ("body", "media_type", "kind"),
    [
        (STS_XML.encode(), "text/xml", "secret-access-key"), (STS_XML.encode(), "application/octet-stream", "secret-access-key"),
        (b"<a><x:SessionToken y='1'>t</x:SessionToken></a>", "application/xml", "session-token"),
        (b"access_token=gho_x&scope=&token_type=bearer", "application/x-www-form-urlencoded", "access-token"),
        (b"\xef\xbb\xbf" + b'{"access_token":"x"}', "text/html", "access-token"),
        (b'{"access\\u005ftoken":"x"}', "application/json", "access-token"),
        (b'{"a":1}\n{"access_token":"x"}\n', "application/x-ndjson", "access-token"),
        (b'event: a\ndata: {"access_token":"x"}\n\n', "text/event-stream", "access-token"),
        (b'{"a":' * 300 + b'{"access_token":"x"}' + b"}" * 300, "text/plain", "access-token"),
    ],
)  # fmt: skip
def test_other_forms(body: bytes, media_type: str, kind: str) -> None:
    """XML elements, form members and escaped names are found too."""
    assert carries_credentials(body, media_type) == kind


@pytest.mark.parametrize(
    "value",
    [
        {"choices": [{"message": {"content": '{"access_token": "x", "client_secret": "y"}'}}]},
        {"content": [{"type": "tool_use", "input": {"access_token": "x"}}]},
        {"output": [{"type": "function_call", "arguments": '{"refresh_token":"x"}'}]},
        {"candidates": [{"content": {"parts": [{"functionCall": {"args": {"id_token": "x"}}}]}}]},
        {"tools": [{"parameters": {"properties": {"access_token": {"type": "string"}}}}]},
        {"usage": {"prompt_tokens": 1, "total_tokens": 2}, "logprobs": {"content": [{"token": "x", "logprob": -1}]}},
        {"Contents": [{"Key": "uploads/f47ac10b-58cc-4372-a567-0e02b2c3d479.png"}, {"key": "0a7f3a9c1b2d4e6f80/a.txt"}]},
        {"next_page_token": "0a7f3a9c1b2d4e6f80aa", "prompt_cache_key": "0a7f3a9c1b2d4e6f80aa", "metadata": {"key": "region"}},
        {"groundingMetadata": {"googleMapsWidgetContextToken": "0a7f3a9c1b2d4e6f80aa"}}, {"stop_reason": "x", "api_key_id": "apikey_01ABCdef234567890"},
        {"access_token": None, "refresh_token": "", "client_secret": {}}, {"expires_in": 1, "token_type": "Bearer"}, [], "access_token", 1,
    ],
    ids=json.dumps,
)  # fmt: skip
def test_generated_text_is_none(value: Any) -> None:
    """Words in generated text, tool inputs and schemas, and members without a value, are not credentials."""
    assert carries_credentials(json.dumps(value).encode(), "application/json") is None


@pytest.mark.parametrize(
    ("body", "media_type"),
    [
        (b"", ""), (b'{"access_token":', "application/json"), (b"the access_token=x you want", "text/event-stream"),
        (b"<p>SecretAccessKey</p>", "text/html"), (b"<SecretAccessKey></SecretAccessKey>", "text/xml"), (b"\xff\xfe", "audio/wav"),
        (b"[" * 200_000 + b'"access_token":"', "application/json"),
    ],
)  # fmt: skip
def test_nothing_found(body: bytes, media_type: str) -> None:
    """Other bodies carry no credential and raise nothing."""
    assert carries_credentials(body, media_type) is None


LONG = "x" * 2_000_000


@pytest.mark.parametrize("before", ["", LONG])
def test_frames_of_a_session(before: str) -> None:
    """A frame that is kept as a text is read, however long it is; what the client said is not: it is redacted."""
    text = json.dumps({"a": before, "client_secret": "x"}, indent=1)
    for frame, kind in (
        ({"text": text}, "client-secret"),
        ({"input": {"client_secret": "x"}, "digest": ""}, None),
    ):
        body = json.dumps({"frames": [{"text": "hello"}, {"provider": 1}, frame]}).encode()
        assert carries_credentials(body, SESSION) == kind


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"frames":7}', b'{"frames":[7,{"text":7},{}]}'])
def test_what_is_no_session(body: bytes) -> None:
    """Whoever wrote it."""
    assert carries_credentials(body, SESSION) is None


@pytest.mark.parametrize("piece", [b"<a ", b"<a>x", b"<a:b:", b'{"key":', b"a=b&", b"<a><b>  "])
def test_bounded_time(piece: bytes) -> None:
    """A megabyte of nonsense is read in one pass; quadratic work would exceed the test's time limit."""
    body = piece * (1_000_000 // len(piece))
    for media_type in ("application/json", "text/xml", "text/plain"):
        carries_credentials(body, media_type)

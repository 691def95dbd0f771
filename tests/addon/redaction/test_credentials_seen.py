"""The literal credentials of one request."""

from __future__ import annotations

import base64

import pytest

from addon.messages import WireRequest
from addon.redaction.credentials_seen import (
    Credential,
    body_credentials,
    body_encoding,
    has_secret_query,
    header_credentials,
    url_credentials,
)


@pytest.mark.parametrize(
    ("kind", "value", "secrets"),
    [
        ("authorization", b"Bearer  abc ", [b"abc"]), ("x-api-key", b" abc ", [b"abc"]),
        ("authorization", b"Basic " + base64.b64encode(b"u:p:q"), [base64.b64encode(b"u:p:q"), b"u", b"p:q"]),
        ("authorization", b"Basic " + base64.b64encode(b"user:pass").rstrip(b"="), [b"dXNlcjpwYXNz", b"user", b"pass"]),
        ("authorization", b"Basic \xff", [b"\xff", b"", b""]),
        ("authorization", b"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE01/2026/x, Signature=0", [b"AKIDEXAMPLE01"]),
        ("authorization", b'Token token="t"', [b'token="t"', b"t"]),
        ("authorization", b'Digest username="u", realm="api.example.com", response="r"',
         [b'username="u", realm="api.example.com", response="r"', b"r"]),
        ("authorization", b'OAuth oauth_token="t", oauth_signature_method="HMAC-SHA1"',
         [b'oauth_token="t", oauth_signature_method="HMAC-SHA1"', b"t"]),
        ("cookie", b"a=1; b=2=3;c", [b"1", b"2=3", b""]),
        ("unknown", b"nothing here", []), ("unknown", b"x AKIAIOSFODNN7EXAMPLE", [b"AKIAIOSFODNN7EXAMPLE"]),
    ],
)  # fmt: skip
def test_header_values(kind: str, value: bytes, secrets: list[bytes]) -> None:
    """Schemes are removed, parameters that grant access are read, Basic is decoded, cookies are split."""
    assert [found.secret for found in header_credentials(kind, value)] == secrets


def test_urls() -> None:
    """User information and signing parameters are found and decoded. Other parameters are not."""
    request = WireRequest(
        "GET",
        "https",
        "a:b@h",
        443,
        "https://u:p%40q@h/x?key=k%2B1&alt=sse&X-Amz-Credential=AK%2F2026&sig=&a",
        (),
        b"",
    )
    assert list(url_credentials(request.host, request.target)) == [
        Credential("userinfo", b"u"), Credential("userinfo", b"p@q"), Credential("userinfo", b"a"), Credential("userinfo", b"b"),
        Credential("query", b"k+1"), Credential("query", b"AK"),
    ]  # fmt: skip


def test_paths() -> None:
    """A token in a path is known whole and without the id before it."""
    found = [
        credential.secret for credential in url_credentials("h", "/bot123456%3AABC-secret/send?x=1;api_key=k")
    ]
    assert found == [b"k", b"123456:ABC-secret", b"123456", b"ABC-secret"]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://h/a?X-Amz-Signature=1", True), ("https://h/a?sig=x&se=1", True), ("https://u:p@h/", True), ("/v1?upload_id=1", True),
        ("https://h/a?X-Goog-Signature=1", True), ("https://h/files/1", False), ("/files?limit=2", False), ("https://h/a?sig=", False),
        ("https://h/a@b", False),
    ],
)  # fmt: skip
def test_signed_urls(url: str, expected: bool) -> None:
    """A URL that grants access is recognised."""
    assert has_secret_query(url) is expected


def test_a_stand_in_is_not_a_credential() -> None:
    """The id of a replayed upload is ours; learned as a secret, it would keep every answer from being stored."""
    assert list(url_credentials("h", "/x?upload_id=%E2%9F%A6minted:pp2-a%E2%9F%A7")) == []
    assert len(list(url_credentials("h", "/x?upload_id=real"))) == 1


@pytest.mark.parametrize(
    ("body", "secrets"),
    [
        (b'{"client_secret":"s","a":{"apiKey":"k"},"password":1}', {b"s", b"k"}),
        (b'{"client_secret":"s","client_secret":"t"}', {b"s", b"t"}),
        (b'{"auth":{"key":"k"},"auth":{"key":"l"}}', {b"k", b"l"}),
        (b'\xef\xbb\xbf{"client_secret":"s"}', {b"s"}),
        ('{"client_secret":"s"}'.encode("utf-16"), {b"s"}),
        (b'{"client_secret":"secret-of-a-cut-body"', {b"secret-of-a-cut-body"}),
        (b'{"a":1}\n{"api_key":"k"}\n', {b"k"}),
        (b"client_secret=a%2Bb+c&x=y&password", {b"a+b c", b"a%2Bb+c"}),
        (b"a=1&%61pi_key=k", {b"k"}),
        (b"payload=%7B%22api_key%22%3A%22k%22%7D", {b"k"}),
        (b'--B\r\nContent-Disposition: form-data; name="secret"\r\nX: y\r\n\r\nsecret-of-a-part\r\n--B--', {b"secret-of-a-part"}),
        (b'--B\nContent-Disposition: form-data; name="secret"\n\nof-a-part\n--B--', {b"of-a-part"}),
        (b'--B\r\nContent-Type: application/json\r\n\r\n{"api_key":"k"}\r\n--B--', {b"k"}),
        (b"<a><api_key>k</api_key></a>", {b"k"}),
        (b'{"tools":[{"type":"mcp","server_url":"https:\\/\\/h\\/mcp?a=1\\u0026api_key=key-of-url"}]}', {b"key-of-url"}),
        (b"\xff\xfe", set()),
    ],
)  # fmt: skip
def test_bodies(body: bytes, secrets: set[bytes]) -> None:
    """Credentials are found in every kind of body, whatever its content-type says."""
    assert {credential.secret for credential in body_credentials(body, "")} == secrets


def test_an_encoding_that_lies() -> None:
    """A body that does not decode has no members."""
    assert list(body_credentials(b'{"secret":"x"}', "gzip")) == []


def test_the_encoding_of_a_body() -> None:
    """The header is found in any case, and one that is sent twice is one list."""
    headers = ((b"CONTENT-ENCODING", b"GZip"), (b"a", b"b"), (b"content-encoding", b"identity"))
    assert body_encoding(headers) == "gzip, identity"
    assert body_encoding(()) == ""


@pytest.mark.parametrize(
    "piece",
    [b'"secret":"', b'name="token"\r\n', b'name="secret"\r\n\r\n', b"secret=", b'{"secret":', b"[", b'\\"'],
)
def test_bounded_time(piece: bytes) -> None:
    """Hostile bodies are read in one pass; quadratic work would exceed the test's time limit."""
    list(body_credentials(piece * (1_000_000 // len(piece)), ""))

"""Requests whose answers are never cached."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from addon.messages import WireRequest
from addon.policy.never_cached import NEVER_CACHED, refusal


def refused(url: str, method: str = "POST") -> str | None:
    """The kind under which a URL is refused."""
    parts = urlsplit(url)
    target = url.partition(parts.netloc)[2] or "/"
    return refusal(WireRequest(method, parts.scheme, parts.netloc, 443, target, (), b""))


@pytest.mark.parametrize("row", NEVER_CACHED, ids=lambda row: row.host + row.path)
def test_every_row(row: tuple[str, str, str, str]) -> None:
    """Each row refuses its own URL under its kind, and gives a reason."""
    host, path, kind, reason = row
    found = refused(
        f"https://{host.replace('*', 'eu-west-1') if host != '*' else 'gateway.example'}{path or '/anything'}"
    )
    assert found == kind
    assert reason


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("https://oauth2.googleapis.com/token", "token-endpoint"),
        ("https://login.microsoftonline.com/tid/v2.0/.well-known/openid-configuration", "token-endpoint"),
        ("https://sts.us-east-1.amazonaws.com/", "token-endpoint"),
        ("https://STS.amazonaws.com./", "token-endpoint"),
        ("https://api.anthropic.com/v1/oauth/token", "token-endpoint"),
        ("https://gw.example/tenant/oauth2/v2.0/token/", "token-endpoint"),
        ("https://gw.example/oauth/%74oken?x=1", "token-endpoint"),
        ("https://gw.example//oauth//token", "token-endpoint"),
        ("http://169.254.169.254/latest/api/token", "cloud-metadata"),
        ("http://169.254.170.2/v2/credentials", "cloud-metadata"),
        ("http://2852039166/latest", "cloud-metadata"),
        ("http://[::ffff:169.254.169.254]/", "cloud-metadata"),
        ("http://[fd00:ec2::254]/latest", "cloud-metadata"),
        ("http://metadata.google.internal/computeMetadata/v1/", "cloud-metadata"),
        ("http://100.100.100.200/latest", "cloud-metadata"),
        ("https://api.openai.com/v1/realtime/sessions", "ephemeral-secret"),
        ("https://api.anthropic.com/api/event_logging/v2/batch", "telemetry"),
        ("https://play.googleapis.com/log", "telemetry"),
        ("https://chatgpt.com/backend-api/wham/accounts/check", "telemetry"),
    ],
)
def test_refused(url: str, kind: str) -> None:
    """Requests that real clients send, and other spellings of them, are refused."""
    assert refused(url) == kind


@pytest.mark.parametrize(
    "url",
    [
        "https://api.openai.com/v1/chat/completions",
        "https://api.anthropic.com/v1/messages",
        "https://api.anthropic.com/v1/messages/batches",
        "https://us-central1-aiplatform.googleapis.com/v1/projects/p/locations/l/publishers/google/models/m:generateContent",
        "https://bedrock-runtime.us-east-1.amazonaws.com/model/m/converse",
        "https://chatgpt.com/backend-api/codex/responses",
        "https://generativelanguage.googleapis.com/v1beta/models/m:countTokens",
        "https://api.openai.com/v1/realtime",
        "https://myres.openai.azure.com/openai/deployments/d/chat/completions",
        "http://127.0.0.1:8000/v1/chat/completions",
        "https://notsts.amazonaws.com/",
        "https://oauth2.googleapis.com.evil.example/",
        "https://api.openai.com/v1/files/token",
        "https://api.openai.com/oauth/tokens",
        "http://1695/x",
        "http://999999999999/x",
    ],
)
def test_not_refused(url: str) -> None:
    """Requests to models, and names that only resemble the table's, are cached."""
    assert refused(url) is None


def test_a_local_model_server_is_not_a_metadata_server() -> None:
    """Private addresses other than the metadata servers' are ordinary hosts."""
    for host in ("10.0.0.1", "192.168.1.1", "[::1]", "[fd00::1]", "127.0.0.1"):
        assert refused(f"http://{host}/v1/models") is None


STREAM = ((b"Accept", b"application/json, text/event-stream"), (b"Mcp-Session-Id", b"s1"))


@pytest.mark.parametrize(
    ("method", "headers", "kind"),
    [
        ("GET", STREAM, "mcp-stream"),
        ("GET", (*STREAM[:1], (b"mcp-protocol-version", b"2025-06-18")), "mcp-stream"),
        ("POST", STREAM, None),
        ("DELETE", STREAM, None),
        ("GET", STREAM[:1], None),
        ("GET", STREAM[1:], None),
    ],
)
def test_the_open_stream_of_an_mcp_server_is_not_cached(
    method: str, headers: tuple[tuple[bytes, bytes], ...], kind: str | None
) -> None:
    """It stays open for messages that nobody asked for; calls and the end of a session are cached."""
    request = WireRequest(method, "http", "mcp.example", 80, "/mcp", headers, b"")
    assert refusal(request) == kind

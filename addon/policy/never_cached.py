"""Requests whose answers are never cached: they hand out credentials, or mean nothing to a test.

Modes that forward send them on; require-hit refuses those that `addon.offline` does not answer. Only host and path
decide. Answers of other endpoints
that hand out credentials are found by `addon.redaction.carries_credentials`.
"""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache
from typing import NamedTuple

from addon.identity.url_form import normal_host, split_target
from addon.messages import WireRequest
from addon.offline.telemetry import INGESTION
from cache_store.entry import header_value

__all__ = [
    "EXEMPT",
    "MCP_STREAM",
    "METADATA",
    "METADATA_NETWORKS",
    "NEVER_CACHED",
    "NEVER_NEEDED",
    "TOKEN",
    "Row",
    "refusal",
    "refused_host",
]


class Row(NamedTuple):
    """Host (`*` stands for one or more characters), start of the path, the kind that is reported, and why."""

    host: str
    path: str
    kind: str
    reason: str


_ANY = ""
TOKEN = "token-endpoint"  # noqa: S105 - the name of a kind
"""The kind of a request that asks for a credential."""
METADATA = "cloud-metadata"
"""The kind of a request to a cloud's instance metadata."""
_TELEMETRY = "telemetry"
_EPHEMERAL = "ephemeral-secret"
_HUB = "hub-file"
MCP_STREAM = "mcp-stream"
"""The kind of a GET that waits for messages of an MCP server. A server may answer it with 405."""
NEVER_NEEDED = frozenset({METADATA, _TELEMETRY, _HUB, MCP_STREAM})
"""The kinds of requests that a client makes on the side; a replaying run that refuses them has not failed."""
_MCP_HEADERS = frozenset({b"mcp-session-id", b"mcp-protocol-version"})

NEVER_CACHED = (
    Row("oauth2.googleapis.com", _ANY, TOKEN, "google-auth: service account and refresh tokens"),
    Row("accounts.google.com", _ANY, TOKEN, "Google sign-in"),
    Row("sts.googleapis.com", _ANY, TOKEN, "Google workload identity federation"),
    Row("iamcredentials.googleapis.com", _ANY, TOKEN, "Google: generateAccessToken and the like"),
    Row("www.googleapis.com", "/oauth2/", TOKEN, "Google: certificates and tokens"),
    Row("login.microsoftonline.com", _ANY, TOKEN, "Azure AD, its discovery included"),
    Row("login.microsoftonline.us", _ANY, TOKEN, "Azure AD, government"),
    Row("login.partner.microsoftonline.cn", _ANY, TOKEN, "Azure AD, China"),
    Row("login.chinacloudapi.cn", _ANY, TOKEN, "Azure AD, China"),
    Row("login.windows.net", _ANY, TOKEN, "Azure AD, old name"),
    Row("sts.windows.net", _ANY, TOKEN, "Azure AD, issuer"),
    Row("sts.amazonaws.com", _ANY, TOKEN, "AWS STS"),
    Row("sts.*.amazonaws.com", _ANY, TOKEN, "AWS STS, by region"),
    Row("sts-fips.*.amazonaws.com", _ANY, TOKEN, "AWS STS, FIPS"),
    Row("sts.*.amazonaws.com.cn", _ANY, TOKEN, "AWS STS, China"),
    Row("portal.sso.*.amazonaws.com", _ANY, TOKEN, "AWS SSO: role credentials"),
    Row("oidc.*.amazonaws.com", _ANY, TOKEN, "AWS SSO: tokens"),
    Row("cognito-identity.*.amazonaws.com", _ANY, TOKEN, "AWS Cognito: credentials"),
    Row("*.signin.aws", _ANY, TOKEN, "AWS sign-in"),
    Row("auth.openai.com", _ANY, TOKEN, "Codex and ChatGPT login"),
    Row("mtls.auth.openai.com", _ANY, TOKEN, "OpenAI: workload identity"),
    Row("auth0.openai.com", _ANY, TOKEN, "ChatGPT login, old name"),
    Row("console.anthropic.com", "/v1/oauth", TOKEN, "Claude Code login"),
    Row("platform.claude.com", "/v1/oauth", TOKEN, "Claude Code login"),
    Row("api.anthropic.com", "/v1/oauth", TOKEN, "Claude Code login"),
    Row("claude.ai", "/oauth", TOKEN, "Claude Code login"),
    Row("github.com", "/login/", TOKEN, "GitHub OAuth (Copilot)"),
    Row("api.github.com", "/copilot_internal/", TOKEN, "Copilot tokens"),
    Row("iam.cloud.ibm.com", _ANY, TOKEN, "IBM watsonx tokens"),
    Row("aip.baidubce.com", "/oauth/", TOKEN, "Baidu tokens"),
    Row("*", "/oauth/token", TOKEN, "by custom"),
    Row("*", "/oauth2/token", TOKEN, "by custom"),
    Row("*", "/oauth2/v2.0/token", TOKEN, "by custom (Azure AD's path)"),
    Row("metadata", _ANY, METADATA, "Google's metadata server, short name"),
    Row("metadata.goog", _ANY, METADATA, "Google's metadata server"),
    Row("metadata.google.internal", _ANY, METADATA, "Google's metadata server"),
    Row("*", "/v1/realtime/sessions", _EPHEMERAL, "OpenAI: answers with an ephemeral client_secret"),
    Row("*", "/v1/realtime/client_secrets", _EPHEMERAL, "OpenAI: answers with an ephemeral secret"),
    Row("*", "/v1/realtime/transcription_sessions", _EPHEMERAL, "OpenAI: an ephemeral client_secret"),
    Row("*", "/openai/realtimeapi/sessions", _EPHEMERAL, "Azure OpenAI: an ephemeral client_secret"),
    Row("generativelanguage.googleapis.com", "/v1alpha/auth_tokens", _EPHEMERAL, "Gemini Live"),
    Row("api.anthropic.com", "/api/", _TELEMETRY, "Claude Code: event logging, settings, experiments"),
    Row("api.anthropic.com", "/mcp-registry/", _TELEMETRY, "Claude Code: list of MCP servers"),
    Row("statsig.anthropic.com", _ANY, _TELEMETRY, "Claude Code: experiments"),
    Row("ab.chatgpt.com", _ANY, _TELEMETRY, "Codex: OpenTelemetry export"),
    Row("chatgpt.com", "/backend-api/", _TELEMETRY, "Codex: account checks, without its responses"),
    Row("api.github.com", "/repos/openai/plugins", _TELEMETRY, "Codex: list of plugins"),
    Row("play.googleapis.com", "/log", _TELEMETRY, "Gemini CLI: usage statistics"),
    Row("raw.githubusercontent.com", "/BerriAI/litellm/", _TELEMETRY, "litellm: its list of prices"),
    Row("*.statsigapi.net", _ANY, _TELEMETRY, "experiments"),
    Row("*.sentry.io", _ANY, _TELEMETRY, "error reports"),
    Row("*.datadoghq.com", _ANY, _TELEMETRY, "logs and traces"),
    Row("api.segment.io", _ANY, _TELEMETRY, "usage statistics"),
    *(Row(row.host, row.path, _TELEMETRY, row.who) for row in INGESTION),
    Row("huggingface.co", _ANY, _HUB, "Hugging Face: files of the hub; a client with a local copy goes on"),
)
"""The first matching row decides. A row's path matches as a prefix; with host `*`, as the end of the path."""

EXEMPT = (("chatgpt.com", "/backend-api/codex/responses"), ("huggingface.co", "/api/models"))
"""Host and path that a row would otherwise refuse: Codex's model, and which provider serves a model."""

_SHARED = frozenset({"github.com", "api.github.com", "www.googleapis.com"})
"""Hosts of rows that serve other things as well, which a test may need."""

METADATA_NETWORKS = (
    ipaddress.ip_network("169.254.0.0/16"),  # link-local: AWS, Azure, Google, and ECS's 169.254.170.2
    ipaddress.ip_network("fd00:ec2::/32"),  # AWS over IPv6
    ipaddress.ip_network("fe80::/10"),
    ipaddress.ip_network("100.100.100.200/32"),  # Alibaba
    ipaddress.ip_network("168.63.129.16/32"),  # Azure's wire server
)
"""Networks of the kind `cloud-metadata`."""


_ROWS = tuple((re.compile(".+".join(map(re.escape, row.host.split("*")))), row) for row in NEVER_CACHED)
_LONGEST_CACHED = 512  # characters


def refusal(request: WireRequest) -> str | None:
    """The kind of a request that is never cached, or None. Never raises."""
    if _opens_mcp_stream(request):
        return MCP_STREAM
    path = request.target.partition("?")[0]
    # The query may contain a credential, so it must not stay in the cache.
    kind = _kind if len(path) < _LONGEST_CACHED else _kind.__wrapped__
    return kind(request.host, path)


@lru_cache(maxsize=512)
def refused_host(host: str) -> str | None:
    """The kind of a host whose tunnels a replaying run refuses at once, or None. Never raises.

    A tunnel to it would hold nothing but requests that are never cached, as far as a row knows.
    """
    host = normal_host(host).rstrip(".")
    if host in _SHARED:
        return None
    rows = (row.kind for pattern, row in _ROWS if row.host != "*" and pattern.fullmatch(host))
    return METADATA if _is_metadata_address(host) else next(rows, None)


def _opens_mcp_stream(request: WireRequest) -> bool:
    """Whether it waits for messages of an MCP server: such a stream stays open and has no answer of its own."""
    return (
        request.method == "GET"
        and "text/event-stream" in header_value(request.headers, b"accept").lower()
        and any(name.lower() in _MCP_HEADERS for name, _ in request.headers)
    )


@lru_cache(maxsize=1024)
def _kind(host: str, target: str) -> str | None:
    host = normal_host(host)
    if _is_metadata_address(host):
        return METADATA
    path = re.sub("/{2,}", "/", split_target(target, host).path)
    if any(host == name and f"{path}/".startswith(f"{start}/") for name, start in EXEMPT):
        return None
    return next((row.kind for pattern, row in _ROWS if pattern.fullmatch(host) and _fits(path, row)), None)


def _fits(path: str, row: Row) -> bool:
    return path.rstrip("/").endswith(row.path) if row.host == "*" else path.startswith(row.path)


def _is_metadata_address(host: str) -> bool:
    address: ipaddress.IPv4Address | ipaddress.IPv6Address
    try:
        # Resolvers accept an IPv4 address written as one decimal number.
        address = ipaddress.ip_address(
            int(host) if host.isascii() and host.isdecimal() and len(host) < 11 else host
        )
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return any((mapped or address) in network for network in METADATA_NETWORKS)

"""The denylist: headers and query parameters that are forwarded but not part of the identity, and why.

Unknown names are in the identity. Patterns are lower case, with `*` at one end for anything. The first match
decides.
"""

from __future__ import annotations

import enum
from functools import lru_cache

from addon.redaction.credential_places import (
    CREDENTIAL_HEADERS,
    CREDENTIAL_QUERY,
    Place,
    looks_like_credential,
)

__all__ = ["HEADERS", "QUERY", "QUERY_BESIDE_SIG", "Verdict", "header_verdict", "query_verdict"]


class Verdict(enum.Enum):
    """How a header or a query parameter enters the identity."""

    OUT = "left out"
    CREDENTIAL = "left out, except that a credential was sent"
    SELECTOR = "in, as a hash, because it selects the account"
    CLEAR = "in, in clear text, because it is known to be harmless"
    SET = "in, in clear text, as a sorted set of its list items"
    HASHED = "in, as a hash, because it is not known to be harmless"


_TRANSPORT = (
    Place("host", "the URL has it; through the base URL door it names the proxy"),
    Place("connection", "hop by hop (RFC 9110 7.6.1)"),
    Place("keep-alive", "hop by hop"),
    Place("proxy-connection", "hop by hop"),
    Place("proxy-authorization", "for the proxy, not for the provider"),
    Place("proxy-authenticate", "for the proxy"),
    Place("te", "hop by hop"),
    Place("trailer", "hop by hop"),
    Place("transfer-encoding", "framing; HTTP/2 has none"),
    Place("upgrade", "hop by hop"),
    Place("http2-settings", "hop by hop"),
    Place("expect", "framing (100-continue)"),
    Place("content-length", "the body has it, and its spelling varies"),
    Place("content-md5", "a checksum of the body's spelling"),
    Place("content-digest", "a checksum of the body's spelling (RFC 9530)"),
    Place("accept-encoding", "answers are stored decoded"),
    Place("cookie", "clients echo Set-Cookie: the second call differs from the first"),
    Place("date", "varies by itself"),
    Place("via", "names proxies on the way"),
    Place("forwarded", "names the client's address (RFC 7239)"),
    Place("x-forwarded-for", "names the client's address"),
    Place("x-forwarded-proto", "the URL has it"),
    Place("x-real-ip", "names the client's address"),
    Place("sec-fetch-*", "Node's fetch adds it"),
    Place("sec-ch-*", "browser telemetry"),
    Place("priority", "HTTP/2 scheduling (RFC 9218)"),
)
_TRACING = (
    Place("traceparent", "new on every call (W3C)"),
    Place("tracestate", "new on every call (W3C)"),
    Place("baggage", "new on every call (W3C, Sentry)"),
    Place("sentry-trace", "new on every call"),
    Place("x-datadog-*", "new on every call"),
    Place("x-amzn-trace-id", "new on every call"),
    Place("x-cloud-trace-context", "new on every call"),
    Place("b3", "new on every call (Zipkin)"),
    Place("x-b3-*", "new on every call (Zipkin)"),
    Place("uber-trace-id", "new on every call (Jaeger)"),
    Place("newrelic", "new on every call"),
    Place("elastic-apm-traceparent", "new on every call"),
    Place("x-trace-id", "new on every call"),
)
_TELEMETRY = (
    Place("user-agent", "varies by version, machine, and for boto3 by process"),
    Place("x-stainless-*", "openai, anthropic, groq, together: version, OS, retry count, timeouts"),
    Place("x-fern-*", "cohere: version, OS"),
    Place("x-goog-api-client", "google-genai: version"),
    Place("amz-sdk-*", "boto3: invocation id, attempt"),
    Place("x-amz-user-agent", "AWS SDK for JavaScript: version"),
    Place("x-amz-date", "SigV4: time of signing"),
    Place("x-amz-content-sha256", "SigV4: a checksum of the body's spelling"),
    Place("x-client-sku", "MSAL"),
    Place("x-client-ver", "MSAL"),
    Place("x-client-os", "MSAL"),
    Place("x-client-cpu", "MSAL"),
    Place("x-client-current-telemetry", "MSAL"),
    Place("x-client-last-telemetry", "MSAL"),
    Place("x-ms-lib-capability", "MSAL"),
    Place("request-source", "litellm: version"),
    Place("x-hf-download-counter", "huggingface_hub"),
    Place("x-codex-window-id", "Codex: new in every window"),
    Place("x-codex-turn-metadata", "Codex: installation id, folder, time"),
    Place("x-gemini-api-privileged-user-id", "Gemini CLI: an installation's id, for statistics"),
    Place("x-provider-proxy-*", "meant for this proxy; never forwarded"),
)
_IDS = (
    Place("request-id", "new on every call"),
    Place("*-request-id", "new on every call"),
    Place("*-requestid", "new on every call"),
    Place("correlation-id", "new on every call"),
    Place("*-correlation-id", "new on every call"),
    Place("session-id", "new in every session (Codex)"),
    Place("session_id", "new in every session (Codex before 0.169)"),
    Place("*-session-id", "new in every session (Claude Code)"),
    Place("thread-id", "new in every session (Codex)"),
    Place("conversation_id", "new in every session (Codex before 0.98)"),
    Place("idempotency-key", "new on every call; retries repeat it"),
    Place("x-idempotency-key", "new on every call; retries repeat it"),
)
_SELECTORS = (
    Place("openai-organization", "what it may see differs by account (/v1/files)"),
    Place("openai-project", "what it may see differs by project"),
    Place("chatgpt-account-id", "what it may see differs by account (Codex with a ChatGPT login)"),
    Place("x-goog-user-project", "the project that is billed, and its quota"),
    Place("anthropic-organization-id", "what it may see differs by account"),
)
_SETS = (
    Place("anthropic-beta", "a list whose order is not significant"),
    Place("openai-beta", "a list whose order is not significant"),
)
_HARMLESS = (
    Place("content-type", "how the body is read; see header_form"),
    Place("content-encoding", "only where the body does not decode; see body_form"),
    Place("accept", "only where it chooses a format; see header_form"),
    Place("accept-language", "only where it is not `*`; see header_form"),
    Place("anthropic-version", "changes the answer's shape"),
    Place("anthropic-dangerous-direct-browser-access", "`true`, for browsers"),
    Place("x-amzn-bedrock-*", "guardrail, trace, latency, formats"),
    Place("x-amz-target", "names the operation"),
    Place("x-goog-upload-command", "a step of an upload"),
    Place("x-goog-upload-protocol", "a step of an upload"),
    Place("x-goog-upload-offset", "a step of an upload"),
    Place("x-goog-upload-header-content-*", "length and type of an upload"),
    Place("range", "which part is asked for"),
    Place("if-modified-since", "conditions (RFC 9110 13)"),
    Place("content-language", "of the body"),
    Place("prefer", "RFC 7240; Replicate: `wait`"),
    Place("x-app", "Claude Code: `cli`"),
    Place("originator", "Codex: which front end"),
)

HEADERS: tuple[tuple[Verdict, tuple[Place, ...]], ...] = (
    (Verdict.OUT, _TRANSPORT + _TRACING + _TELEMETRY + _IDS),
    (Verdict.SELECTOR, _SELECTORS),
    (Verdict.SET, _SETS),
    (Verdict.CLEAR, _HARMLESS),
    (Verdict.CREDENTIAL, CREDENTIAL_HEADERS),
)
"""Every known header. A header without a row is `Verdict.HASHED`."""

QUERY = CREDENTIAL_QUERY
"""Query parameters that are left out, except that a credential was sent."""

QUERY_BESIDE_SIG = frozenset(
    {"se", "sp", "sv", "sr", "st", "spr", "sip", "ss", "srt", "ske", "skoid", "sks", "skt", "sktid", "skv"}
)
"""The other parameters of an Azure SAS (times, permissions): left out if `sig` is present."""

_LONGEST = 256


def _matches(name: str, pattern: str) -> bool:
    if pattern.endswith("*"):
        return name.startswith(pattern[:-1])
    if pattern.startswith("*"):
        return name.endswith(pattern[1:])
    return name == pattern


@lru_cache(maxsize=2048)
def _header_verdict(name: bytes) -> tuple[Verdict, bytes]:
    lower = name.lower()
    text = lower.decode("latin-1")
    for verdict, places in HEADERS:
        if any(_matches(text, place.pattern) for place in places):
            return verdict, lower
    return Verdict.HASHED, lower


def header_verdict(name: bytes) -> tuple[Verdict, bytes]:
    """How a header enters the identity, and its name in lower case."""
    if len(name) > _LONGEST:
        return Verdict.HASHED, name.lower()
    return _header_verdict(name)


def query_verdict(name: str) -> Verdict:
    """How a query parameter enters the identity: credentials are left out, and names that look like one hashed."""
    lower = name.lower()
    if any(_matches(lower, place.pattern) for place in QUERY):
        return Verdict.CREDENTIAL
    return Verdict.HASHED if looks_like_credential(lower) else Verdict.CLEAR

"""The denylist: headers and query parameters that are forwarded but not part of the identity, and why.

Unknown names are in the identity. Patterns are lower case, with `*` at one end for anything. The first match
decides. The rows here hold for every host, because they only describe the transport, the client's software, or the
client's credentials; rows that depend on a provider's API are in `families`.
"""

from __future__ import annotations

import enum
from functools import lru_cache
from typing import Any

from addon.identity.families import FAMILIES, PROVIDER_HEADERS, UPLOAD_ID, Family
from addon.redaction.credential_places import CREDENTIAL_HEADERS, Place, looks_like_credential

__all__ = ["HEADERS", "Verdict", "header_verdict", "leave_out_members", "query_verdict"]


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
    Place("x-request-id", "new on every call"),
    Place("x-correlation-id", "new on every call"),
    Place("x-client-request-id", "new on every call (OpenAI, Azure)"),
    Place("x-ms-client-request-id", "new on every call (Azure)"),
    Place("x-irid", "new on every call (inspect_ai: its internal request id)"),
    Place("x-litellm-trace-id", "new on every call (LiteLLM)"),
    Place("x-portkey-trace-id", "new on every call (Portkey)"),
    Place("langfuse-trace-id", "new on every call (Langfuse)"),
    Place("idempotency-key", "new on every call; retries repeat it"),
    Place("x-idempotency-key", "new on every call; retries repeat it"),
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
    Place("x-claude-code-*", "Claude Code: ids of session and prompt, durations of tool calls"),
    Place("x-codex-window-id", "Codex: new in every window"),
    Place("x-codex-turn-metadata", "Codex: installation id, folder, time"),
    Place("x-gemini-api-privileged-user-id", "Gemini CLI: an installation's id, for statistics"),
    Place("x-provider-proxy-*", "meant for this proxy; never forwarded"),
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
    (Verdict.OUT, _TRANSPORT + _TRACING + _TELEMETRY),
    (Verdict.SELECTOR, _SELECTORS),
    (Verdict.SET, _SETS),
    (Verdict.CLEAR, _HARMLESS),
    (Verdict.CREDENTIAL, CREDENTIAL_HEADERS),
)
"""The known headers of every host. A header without a row, here or in its family, is `Verdict.HASHED`."""

_CREDENTIAL_QUERY = tuple(place.pattern for family in FAMILIES for place in family.query)
_LONGEST = 256


def _matches(name: str, pattern: str) -> bool:
    if pattern.endswith("*"):
        return name.startswith(pattern[:-1])
    if pattern.startswith("*"):
        return name.endswith(pattern[1:])
    return name == pattern


@lru_cache(maxsize=2048)
def _header_verdict(name: bytes, is_provider: bool) -> tuple[Verdict, bytes]:
    lower = name.lower()
    text = lower.decode("latin-1")
    for verdict, places in HEADERS:
        if any(_matches(text, place.pattern) for place in places):
            return verdict, lower
    if is_provider and any(_matches(text, place.pattern) for place in PROVIDER_HEADERS):
        return Verdict.OUT, lower
    return Verdict.HASHED, lower


def header_verdict(name: bytes, *, is_provider: bool) -> tuple[Verdict, bytes]:
    """How a header enters the identity, and its name in lower case; `is_provider` if it goes to a provider."""
    if len(name) > _LONGEST:
        return Verdict.HASHED, name.lower()
    return _header_verdict(name, is_provider)


def query_verdict(name: str, family: Family | None) -> Verdict:
    """How a query parameter enters the identity.

    Credentials of the host's family are left out. On other hosts such a parameter may decide the answer, so its
    value is hashed, like that of any name that looks like a credential.
    """
    lower = name.lower()
    if family is not None and any(_matches(lower, place.pattern) for place in family.query):
        return Verdict.CREDENTIAL
    is_secret = lower == UPLOAD_ID or any(_matches(lower, pattern) for pattern in _CREDENTIAL_QUERY)
    return Verdict.HASHED if is_secret or looks_like_credential(lower) else Verdict.CLEAR


def leave_out_members(body: Any, family: Family | None, path: str) -> None:
    """Remove from a parsed JSON body, in place, the members that do not affect the answer of `family` at `path`."""
    if family is None or not isinstance(body, dict):
        return
    for place in family.members:
        if isinstance(body.get(place.pattern), str):
            del body[place.pattern]
    if body.get("stream") is False and path.endswith(family.default_stream):
        del body["stream"]

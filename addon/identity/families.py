"""Provider families: which names are left out of the identity for the hosts that define them, and only for these.

A row such as `?key=` or `*-session-id` describes one provider's API. On any other host the same name may decide the
answer, so there it stays in the identity. Every host that is intercepted by default belongs to a family.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from addon.identity.url_form import normal_host
from addon.redaction.credential_places import Place

__all__ = [
    "FAMILIES",
    "PROVIDER_HEADERS",
    "QUERY_BESIDE_SIG",
    "UPLOAD_ID",
    "Family",
    "family_of",
    "is_provider",
]

PROVIDER_HEADERS = (
    Place("cookie", "clients echo Set-Cookie, so the second call differs from the first"),
    Place("baggage", "new on every call (W3C, Sentry)"),
    Place("request-id", "new on every call"),
    Place("*-request-id", "new on every call"),
    Place("*-requestid", "new on every call"),
    Place("correlation-id", "new on every call"),
    Place("*-correlation-id", "new on every call"),
    Place("session-id", "new in every session (Codex)"),
    Place("session_id", "new in every session (Codex before 0.169)"),
    Place("*-session-id", "new in every session (Claude Code)"),
    Place(
        "x-session-affinity", "new in every session; routes to a warm replica (Fireworks; opencode sends it)"
    ),
    Place("thread-id", "new in every session (Codex)"),
    Place("conversation_id", "new in every session (Codex before 0.98)"),
)
"""Headers that are left out for every provider."""

QUERY_BESIDE_SIG = frozenset(
    {"se", "sp", "sv", "sr", "st", "spr", "sip", "ss", "srt", "ske", "skoid", "sks", "skt", "sktid", "skv"}
)
"""The other parameters of an Azure SAS (times, permissions): left out if its `sig` is."""

UPLOAD_ID = "upload_id"
"""The query parameter that names a resumable upload; a capability (google-genai, Google Cloud Storage)."""

_OPENAI_MEMBERS = (
    Place("prompt_cache_key", "OpenAI API reference: only improves prompt cache hit rates"),
    Place("safety_identifier", "OpenAI API reference: only helps to detect users who violate policies"),
)
_SIGV4 = tuple(
    Place(f"x-amz-{name}", "SigV4 in the query")
    for name in ("algorithm", "credential", "date", "expires", "security-token", "signature", "signedheaders")
)
_OPENAI_STREAMS = ("/chat/completions", "/completions", "/responses")


@dataclass(frozen=True, slots=True, eq=False)
class Family:
    """One provider's hosts (globs; `*` crosses dots) and what its API lets us leave out.

    `query` holds credentials. `members` are top-level members of JSON bodies whose value is a string.
    `default_stream` are the ends of the paths whose documentation gives `stream` the default `false`.
    `is_provider` is false for storage and for gateways in front of any API: for these only `query` is left out.
    """

    name: str
    hosts: tuple[str, ...]
    query: tuple[Place, ...] = ()
    members: tuple[Place, ...] = ()
    default_stream: tuple[str, ...] = ()
    is_provider: bool = True


FAMILIES = (
    Family(
        "OpenAI",
        ("api.openai.com", "*.api.openai.com"),
        members=_OPENAI_MEMBERS,
        default_stream=_OPENAI_STREAMS,  # openai-python: a request without `stream` gets the non-streaming type
    ),
    Family(
        "Azure",
        ("*.openai.azure.com", "*.services.ai.azure.com", "*.cognitiveservices.azure.com"),
        query=(Place("api-key", "Azure OpenAI"), Place("subscription-key", "Azure API Management")),
        members=_OPENAI_MEMBERS,
        default_stream=_OPENAI_STREAMS,
    ),
    Family(
        "Anthropic",
        ("api.anthropic.com", "aws-external-anthropic.*.api.aws", "claude.googleapis.com"),
        default_stream=("/v1/messages", "/v1/complete"),  # anthropic-python: as with OpenAI
    ),
    Family(
        "Google",
        (
            "generativelanguage.googleapis.com",
            "aiplatform.googleapis.com",
            "*-aiplatform.googleapis.com",
            "aiplatform.*.rep.googleapis.com",
        ),
        query=(
            Place("key", "Google APIs, litellm 1.60: `?key=AIza…`"),
            Place("access_token", "Google APIs (RFC 6750, 2.3)"),
        ),
    ),
    Family(
        "AWS",
        ("bedrock*.amazonaws.com", "bedrock*.api.aws"),
        query=_SIGV4,
    ),
    Family(
        "Mistral",
        ("api.mistral.ai", "api.*.mistral.ai", "codestral.mistral.ai"),
        default_stream=("/v1/chat/completions", "/v1/fim/completions", "/v1/agents/completions"),  # mistralai
    ),
    Family(
        "Cohere",
        ("api.cohere.com", "api.cohere.ai"),
        default_stream=("/v1/chat", "/v2/chat"),  # Cohere API reference, Chat: `stream` defaults to false
    ),
    Family(
        "others",
        (
            "api.groq.com",
            "api.together.xyz",
            "api.together.ai",
            "api-inference.together.ai",
            "api.fireworks.ai",
            "api.deepseek.com",
            "api.x.ai",
            "openrouter.ai",
            "api.perplexity.ai",
            "api.cerebras.ai",
            "api.deepinfra.com",
            "router.huggingface.co",
            "api-inference.huggingface.co",
            "huggingface.co",
            "api.voyageai.com",
        ),
    ),
    Family(
        "Azure API Management",
        ("*.azure-api.net",),
        query=(Place("subscription-key", "the gateway's own key"),),
        is_provider=False,
    ),
    Family(
        "Azure Storage",
        ("*.blob.core.windows.net",),
        query=(Place("sig", "SAS signature"),),
        is_provider=False,
    ),
    Family(
        "Amazon S3",
        ("s3.*.amazonaws.com", "*.s3.amazonaws.com", "*.s3.*.amazonaws.com"),
        query=_SIGV4,
        is_provider=False,
    ),
    Family(
        "Google Cloud Storage",
        ("storage.googleapis.com", "*.storage.googleapis.com"),
        query=(
            Place("x-goog-credential", "V4 signed URL"),
            Place("x-goog-signature", "V4 signed URL"),
            Place("x-goog-date", "V4 signed URL: time of signing"),
        ),
        is_provider=False,
    ),
)
"""Every family."""

_HOSTS = tuple(
    (re.compile("|".join(re.escape(glob).replace(r"\*", ".*") for glob in family.hosts)), family)
    for family in FAMILIES
)


@lru_cache(maxsize=512)
def family_of(host: str) -> Family | None:
    """The family of `host`; None for a host that no family knows, such as a gateway of the user."""
    name = normal_host(host).rstrip(".")
    return next((family for pattern, family in _HOSTS if pattern.fullmatch(name)), None)


def is_provider(family: Family | None) -> bool:
    """Whether a host of this family serves a provider's own API, so that the rows for providers hold."""
    return family is not None and family.is_provider

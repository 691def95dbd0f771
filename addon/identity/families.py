"""Provider families: which names are left out of the identity only for the hosts that define them.

A row such as `?key=` or `*-session-id` describes one provider's API. On any other host the same name may decide the
answer, so there it stays in the identity. Every host that is intercepted by default belongs to a family.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from addon.identity.url_form import normal_host
from addon.redaction.credential_places import Place

__all__ = ["FAMILIES", "PROVIDER_HEADERS", "QUERY_BESIDE_SIG", "UPLOAD_ID", "Family", "family_of"]

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
"""Headers that are left out for every family."""

QUERY_BESIDE_SIG = frozenset(
    {"se", "sp", "sv", "sr", "st", "spr", "sip", "ss", "srt", "ske", "skoid", "sks", "skt", "sktid", "skv"}
)
"""The other parameters of an Azure SAS (times, permissions): left out on Azure if `sig` is present."""

UPLOAD_ID = "upload_id"
"""The query parameter that names a resumable upload; a capability (google-genai, Google Cloud Storage)."""

_OPENAI_MEMBERS = (
    Place("prompt_cache_key", "OpenAI API reference: only improves prompt cache hit rates"),
    Place("safety_identifier", "OpenAI API reference: only helps to detect users who violate policies"),
)
_OPENAI_STREAMS = ("/chat/completions", "/completions", "/responses")


@dataclass(frozen=True, slots=True, eq=False)
class Family:
    """One provider's hosts (globs; `*` crosses dots) and what its API lets us leave out.

    `query` holds credentials. `members` are top-level members of JSON bodies whose value is a string.
    `default_stream` are the ends of the paths whose documentation gives `stream` the default `false`.
    """

    name: str
    hosts: tuple[str, ...]
    query: tuple[Place, ...] = ()
    members: tuple[Place, ...] = ()
    default_stream: tuple[str, ...] = ()


FAMILIES = (
    Family(
        "OpenAI",
        ("api.openai.com", "*.api.openai.com"),
        members=_OPENAI_MEMBERS,
        default_stream=_OPENAI_STREAMS,  # openai-python: a request without `stream` gets the non-streaming type
    ),
    Family(
        "Azure",
        ("*.azure.com", "*.azure-api.net", "*.azure.us", "*.azure.cn", "*.windows.net"),
        query=(
            Place("api-key", "Azure OpenAI"),
            Place("subscription-key", "Azure API Management"),
            Place("sig", "Azure SAS signature"),
        ),
        members=_OPENAI_MEMBERS,
        default_stream=_OPENAI_STREAMS,
    ),
    Family(
        "Anthropic",
        ("api.anthropic.com",),
        default_stream=("/v1/messages", "/v1/complete"),  # anthropic-python: as with OpenAI
    ),
    Family(
        "Google",
        ("*.googleapis.com",),
        query=(
            Place("key", "Google APIs, litellm 1.60: `?key=AIza…`"),
            Place("access_token", "Google APIs (RFC 6750, 2.3)"),
            Place("x-goog-credential", "Google Cloud Storage V4 signed URL"),
            Place("x-goog-signature", "Google Cloud Storage V4 signed URL"),
            Place("x-goog-date", "Google Cloud Storage V4 signed URL: time of signing"),
        ),
    ),
    Family(
        "AWS",
        ("*.amazonaws.com", "*.amazonaws.com.cn"),
        query=(Place("x-amz-*", "SigV4 in the query: credential, signature, security token, date"),),
    ),
    Family(
        "Mistral",
        ("api.mistral.ai", "codestral.mistral.ai"),
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
            "api.voyageai.com",
        ),
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

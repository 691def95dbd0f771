"""The names under which requests carry credentials, in headers, queries and bodies, each with its source.

Only a known name leaves a value out of the identity. A name that merely looks like a credential's keeps a hash
of the value, because the value may choose the account or the route, and so the answer.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

__all__ = [
    "CREDENTIAL_HEADERS",
    "UNKNOWN",
    "Place",
    "header_kind",
    "looks_like_credential",
]


class Place(NamedTuple):
    """A name in lower case (`*` at one end matches anything) and its source."""

    pattern: str
    reason: str


CREDENTIAL_HEADERS = (
    Place("authorization", "RFC 9110 11.6.2; OpenAI, Mistral, Cohere, AAD, Vertex, SigV4"),
    Place("x-api-key", "Anthropic up to SDK 1.x"),
    Place("api-key", "Azure OpenAI"),
    Place("x-goog-api-key", "Gemini"),
    Place("*-api-key", "gateways: x-portkey-api-key, x-litellm-api-key, x-rapidapi-key's siblings"),
    Place("apikey", "Kong and Supabase gateways"),
    Place("ocp-apim-subscription-key", "Azure API Management"),
    Place("x-functions-key", "Azure Functions"),
    Place("x-rapidapi-key", "RapidAPI"),
    Place("x-amz-security-token", "AWS session token beside SigV4"),
    Place("x-aws-ec2-metadata-token", "AWS instance metadata (botocore)"),
    Place("x-goog-iam-authorization-token", "Google IAM"),
    Place("x-auth-token", "OpenStack and gateways"),
    Place("x-access-token", "gateways"),
    Place(
        "*-authorization",
        "x-forwarded-authorization, x-serverless-authorization (Cloud Run), cf-aig-authorization",
    ),
    Place("helicone-auth", "Helicone gateway"),
    Place("x-litellm-key", "LiteLLM gateway"),
)

_LOOKS = re.compile(
    r"(?:^|[-_.])(?:token|secret|key|api-?key|auth|authorization|password|passwd|credentials?|signature|jwt|bearer)"
    r"(?:$|[-_.\d])|(?:token|secret|apikey|password|credentials?)$|^(?:code|pass|sk|ak)$",
    re.IGNORECASE,
)


def looks_like_credential(name: str) -> bool:
    """Whether the name of a header or query parameter suggests a credential: `x-vendor-token`, also `pageToken`."""
    return _LOOKS.search(name[:256]) is not None


UNKNOWN = "unknown"
"""The kind of a header that is not known to carry a credential, and may."""
# Named like secrets, but servers echo them on purpose.
_NOT_SECRET = frozenset({"idempotency-key", "x-idempotency-key", "sec-websocket-key"})
_LONGEST_HEADER = 128


@lru_cache(maxsize=1024)
def _kind_of(name: bytes) -> str | None:
    text = name.decode("latin-1").lower()
    if text in _NOT_SECRET:
        return None
    if text in ("cookie", "proxy-authorization") or text in (place.pattern for place in CREDENTIAL_HEADERS):
        return text
    return text if looks_like_credential(text) else UNKNOWN


def header_kind(name: bytes) -> str | None:
    """The kind of credential in a header of this name: `unknown` if it may hold one, None if it never does."""
    return _kind_of(name) if len(name) <= _LONGEST_HEADER else UNKNOWN

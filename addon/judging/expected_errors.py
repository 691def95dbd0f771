"""Errors that a test expects, and that may be kept where the user asks for it (`PROVIDER_PROXY_STORE_ERRORS`)."""

from __future__ import annotations

from typing import Any

from cache_store.errors import UsageError

__all__ = ["is_provider_error", "may_be_stored", "parse_store_errors"]

# A timeout, a lock, a conflict and a rate limit are gone a moment later: kept, they would fail a test for ever.
_PASSING = frozenset({408, 409, 425, 429})
# The same by name, for providers that send them under another status.
_PASSING_WORDS = (
    "rate_limit",
    "ratelimit",
    "throttl",
    "overloaded",
    "timeout",
    "unavailable",
    "api_error",
    "server_error",
    "resource_exhausted",
    "internal",
    "deadline_exceeded",
    "quota",
)
_CODES = ("type", "code", "status", "__type")


def may_be_stored(status: int) -> bool:
    """Whether a status stands for an error that stays: 4xx, but for 408, 409, 425 and 429."""
    return 400 <= status <= 499 and status not in _PASSING


def parse_store_errors(text: str) -> frozenset[int]:
    """The statuses in a comma list such as `400,401,404`; empty for an empty one.

    Raises UsageError, in one line, for what is not a number or may not be stored.
    """
    statuses = set()
    for part in filter(None, (part.strip() for part in text.split(","))):
        status = int(part) if part.isascii() and part.isdigit() and len(part) == 3 else 0
        if not may_be_stored(status):
            raise UsageError(
                f"{part[:20]!r} cannot be kept; allowed are 4xx statuses but for 408, 409, 425 and "
                "429, for example 400,401,404"
            )
        statuses.add(status)
    return frozenset(statuses)


def is_provider_error(value: Any) -> bool:
    """Whether a JSON body is shaped as a provider's error, and one that stays.

    `{"error": {…}}` (OpenAI, Anthropic, Google, also as the only element of a list), `{"error": "…"}` (Ollama,
    Hugging Face), `{"message": "…"}` (Cohere, Bedrock), `{"object": "error", "message": …}` (Mistral, vLLM),
    `{"detail": …}` (FastAPI).
    """
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if not isinstance(value, dict):
        return False
    inner = value.get("error")
    if isinstance(inner, dict):
        return bool(inner) and not _passes(inner)
    if isinstance(inner, str) and inner:
        return not _passes(value)
    texts = (value.get(name) for name in ("message", "Message", "detail"))
    return any(isinstance(text, str | list | dict) and text for text in texts) and not _passes(value)


def _passes(error: dict[str, Any]) -> bool:
    words = " ".join(str(error[name]) for name in _CODES if isinstance(error.get(name), str)).lower()
    return any(word in words for word in _PASSING_WORDS)

"""Errors that a test expects and that `PROVIDER_PROXY_STORE_ERRORS` allows to be stored."""

from __future__ import annotations

import fnmatch
import re
from functools import lru_cache
from typing import Any

from cache_store.errors import UsageError

__all__ = [
    "IN_BAND",
    "expected_at",
    "is_provider_error",
    "is_temporary_error",
    "may_be_stored",
    "parse_store_errors",
]

IN_BAND = "in-band"
"""The word for errors inside a 2xx: `status: failed`, an `error` member, a stream that ends with an error event."""


# Timeouts, conflicts and rate limits are temporary: a stored one would fail its test forever.
_TEMPORARY = frozenset({408, 409, 425, 429})
# Error codes of temporary errors, which some providers send under other statuses.
_TEMPORARY_WORDS = (
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
_ENVELOPE = {"error", "type", "code", "status", "message", "detail", "msg", "request_id", "user_id", "object"}
_CODES = ("type", "code", "status", "__type")
_HOST = re.compile(r"[a-z0-9*._-]+")


def may_be_stored(status: int) -> bool:
    """Whether errors with this status are lasting: any 4xx except 408, 409, 425 and 429."""
    return 400 <= status <= 499 and status not in _TEMPORARY


def parse_store_errors(text: str) -> frozenset[int | str]:
    """The parts of a list such as `400,in-band,404@api.openai.com`; an empty text gives an empty set.

    A part is a status or `in-band`; with `@` and a host glob behind it, it stays text and counts for those hosts
    only. Raises UsageError for any other part, and for a status that may not be stored.
    """
    return frozenset(_parsed(part.strip().lower()) for part in text.split(",") if part.strip())


def _parsed(part: str) -> int | str:
    word, at, host = part.partition("@")
    if at and not _HOST.fullmatch(host):
        raise UsageError(f"{part[:60]!r} names no host; write 400@api.openai.com or 404@*.openai.azure.com")
    if word == IN_BAND:
        return part
    status = int(word) if word.isascii() and word.isdigit() and len(word) == 3 else 0
    if not may_be_stored(status):
        raise UsageError(
            f"{part[:60]!r} cannot be stored; use `in-band` and 4xx statuses other than 408, 409, 425 "
            "and 429, for example 400,401,404"
        )
    return part if at else status


@lru_cache(maxsize=1024)
def expected_at(store_errors: frozenset[int | str], host: str) -> frozenset[int | str]:
    """The statuses, and `in-band`, that are expected of `host`, without those of other hosts."""
    expected: set[int | str] = set()
    for part in store_errors:
        word, at, glob = part.partition("@") if isinstance(part, str) else ("", "", "")
        if not at:
            expected.add(part)
        elif fnmatch.fnmatchcase(host.lower(), glob):
            expected.add(word if word == IN_BAND else int(word))
    return frozenset(expected)


def is_provider_error(value: Any) -> bool:
    """Whether a JSON body has the shape of a provider's error, and of one that is not temporary.

    `{"error": {…}}` (OpenAI, Anthropic, Google; also as the only element of a list), `{"error": "…"}` (Ollama,
    Hugging Face), `{"message": "…"}` (Cohere, Bedrock), `{"object": "error", "message": …}` (Mistral, vLLM),
    `{"detail": …}` (FastAPI).
    """
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if not isinstance(value, dict):
        return False
    inner = value.get("error")
    if isinstance(inner, dict):
        return bool(inner) and not _is_temporary(inner)
    if isinstance(inner, str) and inner:
        return not _is_temporary(value)
    texts = (value.get(name) for name in ("message", "Message", "detail"))
    return any(isinstance(text, str | list | dict) and text for text in texts) and not _is_temporary(value)


def is_temporary_error(value: Any) -> bool:
    """Whether a JSON body is nothing but an error that is gone a moment later."""
    if isinstance(value, list):
        return any(is_temporary_error(item) for item in value)
    if (
        not isinstance(value, dict)
        or not value.keys() <= _ENVELOPE
        or value.get("object", "error") != "error"
    ):
        return False
    error = value.get("error")
    return _is_temporary(error if isinstance(error, dict) else value)


def _is_temporary(error: dict[str, Any]) -> bool:
    words = " ".join(str(error[name]) for name in _CODES if isinstance(error.get(name), str)).lower()
    return any(word in words for word in _TEMPORARY_WORDS)

"""The answers that provider-proxy gives itself: misses, refusals, wrong use, a provider out of reach.

Each is a status and the bytes of a JSON object in the shape that OpenAI's and Anthropic's SDKs both turn into
a readable exception.
"""

from __future__ import annotations

import json
from typing import Any

__all__ = ["error_body", "miss_message", "unreachable_message"]


def error_body(kind: str, message: str, **more: Any) -> bytes:
    """`{"type": "error", "error": {"type": …, "code": …, "message": …, …}}`; `kind` is type and code."""
    error = {"type": kind, "code": kind, "message": message, **more}
    return json.dumps({"type": "error", "error": error}, ensure_ascii=False).encode("utf-8", "replace")


def miss_message(place: str, why: str, diagnosis: str) -> str:
    """One line for a miss that is not forwarded.

    `place` is method, host and path, `why` says what keeps it from being forwarded, and `diagnosis` what the
    nearest recorded request is and what to do; without one it says how to record.
    """
    hint = diagnosis or "Record it once with PROVIDER_PROXY_CACHE_MODE=read-old-write-new."
    return f"provider-proxy: no recorded answer for {place} ({why}, nothing was sent). {hint[:1].upper()}{hint[1:]}"


def unreachable_message(host: str, reason: str) -> str:
    """One line for a provider that did not answer."""
    return f"provider-proxy: {host} did not answer: {reason}"

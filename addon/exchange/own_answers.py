"""The answers that provider-proxy gives itself: misses, refusals, wrong use, a provider out of reach.

Each is a status and the bytes of a JSON object in the shape that OpenAI's and Anthropic's SDKs both turn into
a readable exception.
"""

from __future__ import annotations

import json
import re
from typing import Any

from addon.redaction import redact_text

__all__ = ["error_body", "miss_message", "unreachable_message"]

# OpenSSL's words, as mitmproxy hands them on.
_UNKNOWN_ROOT = ("unable to get local issuer certificate", "self-signed certificate")
# mitmproxy quotes what a provider sent instead of an answer, which may be the credential that it was sent.
_QUOTED = re.compile(r""":?\s\[?b?['"].*""", re.DOTALL)


def error_body(kind: str, message: str, **more: Any) -> bytes:
    """`{"type": "error", "error": {"type": …, "code": …, "message": …, …}}`; `kind` is type and code."""
    error = {"type": kind, "code": kind, "message": message, **more}
    return json.dumps({"type": "error", "error": error}, ensure_ascii=False).encode("utf-8", "replace")


def miss_message(place: str, why: str, diagnosis: str) -> str:
    """One line for a miss that is not forwarded.

    `place` is method, host and path, from which what looks like a secret is taken; `why` says what keeps it from
    being forwarded, and `diagnosis` what the nearest recorded request is and what to do; without one it says how to
    record.
    """
    place = redact_text(place)
    hint = diagnosis or "Record it once with PROVIDER_PROXY_CACHE_MODE=read-old-write-new."
    return f"provider-proxy: no recorded answer for {place} ({why}, nothing was sent). {hint[:1].upper()}{hint[1:]}"


def unreachable_message(host: str, reason: str) -> str:
    """One line for a provider that did not answer; with what to do where its root is not known.

    Nothing that it sent is repeated.
    """
    advice = ""
    if any(said in reason for said in _UNKNOWN_ROOT):
        advice = (
            "; if a company's own CA signs for it, name that in NODE_EXTRA_CA_CERTS before the proxy starts"
        )
    return f"provider-proxy: {host} did not answer: {_QUOTED.sub('', reason)}{advice}"

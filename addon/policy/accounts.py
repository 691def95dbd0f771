"""Names the account that makes a request, without saying what its credential is.

An entry keeps the name, so that what one account learns from a provider is not held against another's recordings.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache

from addon.messages import WireRequest
from addon.policy.variants import credential_digest
from cache_store.entry import header_value

__all__ = ["account_digest"]

# A caller may belong to several; the SDKs send which one as these headers.
_CHOICES = (b"openai-organization", b"openai-project", b"anthropic-organization-id", b"x-goog-user-project")
# About 10 ms. A digest lies on disk, and must not be a fast way to try out short credentials.
_ROUNDS = 20_000


def account_digest(request: WireRequest) -> str:
    """32 hex digits for the credentials of a request and the organisation that it names; '' without credentials."""
    credentials = credential_digest(request)
    if not credentials:
        return ""
    return _slow_digest("\n".join((credentials, *(header_value(request.headers, name) for name in _CHOICES))))


@lru_cache(maxsize=1024)
def _slow_digest(text: str) -> str:
    return hashlib.pbkdf2_hmac("sha256", text.encode(), b"provider-proxy account 1", _ROUNDS, 16).hex()

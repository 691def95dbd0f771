"""Expected errors of credentials: a 401 or 403 belongs to the credential that got it, and to no other.

The key of a request does not hold its credential, so a bad key's 401 is stored apart, under SHA-256 of key and
credential, and is asked for first. And a credential that a host answered with 401 never hits an ordinary entry:
a bad key is not served somebody's success. Only digests of rejected credentials are kept, never of one that
worked in this run.
"""

from __future__ import annotations

import hashlib
import time

from addon.messages import WireRequest
from addon.redaction.credentials_seen import header_credentials, header_kind, url_credentials
from cache_store.entry import Entry

__all__ = ["APART", "apart_key", "credential_digest", "mark_entry", "mark_key"]

# Statuses that are stored apart.
APART = frozenset({401, 403})


def credential_digest(request: WireRequest) -> str:
    """SHA-256 over the credentials of a request; '' where it has none. Cookies come and go and do not count."""
    found = {secret for _, secret in url_credentials(request)}
    for name, value in request.headers:
        kind = header_kind(name)
        if kind not in (None, "cookie", "unknown"):
            found.update(secret for _, secret in header_credentials(kind or "", value))
    return _digest(*sorted(found)) if found else ""


def apart_key(key: str, digest: str) -> str:
    """Where the 401 or 403 to one credential's request lies."""
    return f"pp1-{_digest(b'answer', key.encode(), digest.encode())}"


def mark_key(host: str, digest: str) -> str:
    """Where it lies that a host answered this credential with 401."""
    return f"pp1-{_digest(b'credential', host.encode(), digest.encode())}"


def mark_entry(host: str, digest: str, run: str) -> Entry:
    """The entry that remembers it."""
    label = {"method": "-", "host": host, "path": " (a credential that was answered with 401)"}
    now = time.time()
    return Entry(mark_key(host, digest), 401, "", (), b"", now, 0.0, run, label, "rejected-credential")


def _digest(*parts: bytes) -> str:
    digest = hashlib.sha256(b"provider-proxy rejection 1")
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()

"""Entries that share a request's key: of a test, of the n-th equal request, and errors of one credential.

With `PROVIDER_PROXY_REPEAT=sequence` the n-th equal request of a test has its own entry, and with `per-test` each
test has its own as well. A request that belongs to no test counts within the run.

A request's key does not contain its credential, so a 401 or 403 is stored under a key of its own: SHA-256 of the
request's key and the credential. Such a key is looked up first. Also, once a host has answered a credential with
401, that credential no longer hits ordinary entries: a bad key must not get somebody else's success. Only digests
of rejected credentials are stored, never of one that worked in this run.
"""

from __future__ import annotations

import hashlib
import heapq
import time
from collections import Counter

from addon.messages import WireRequest
from addon.redaction.credential_places import header_kind
from addon.redaction.credentials_seen import header_credentials, url_credentials
from cache_store.entry import Entry

__all__ = [
    "CREDENTIAL_STATUSES",
    "REJECTION_PREFIX",
    "RepeatCounter",
    "credential_digest",
    "key_of_test",
    "nth_key",
    "rejection_key",
    "rejection_mark",
    "rejection_mark_key",
    "split_key",
]

CREDENTIAL_STATUSES = frozenset({401, 403})
"""Error statuses that belong to one credential."""

REJECTION_PREFIX = "pp2r-"
"""How the keys of such errors begin. No request has such a key, so an imported 401 cannot answer somebody else."""


class RepeatCounter:
    """Numbers the equal requests of a run in order of arrival.

    A number whose request had no answer to keep is given out again, so that a retry leaves no hole.
    """

    def __init__(self) -> None:
        self._highest: Counter[str] = Counter()
        self._free: dict[str, list[int]] = {}

    def next(self, key: str) -> int:
        """The smallest free number of the requests with `key`, from 1."""
        if free := self._free.get(key):
            return heapq.heappop(free)
        self._highest[key] += 1
        return self._highest[key]

    def release(self, key: str, n: int) -> None:
        """Give a number back: nothing was stored or served under it."""
        heapq.heappush(self._free.setdefault(key, []), n)


def nth_key(key: str, n: int) -> str:
    """The key of the n-th equal request, from 1. The first has the plain key, so that `single` caches serve it."""
    return key if n == 1 else f"{key}.{n}"


def key_of_test(key: str, test: str) -> str:
    """The key of a request that `test` has an answer of its own to (issue 17): `pp2-…@<32 hex digits>`."""
    return f"{key}@{hashlib.sha256(test.encode('utf-8', 'replace')).hexdigest()[:32]}"


def split_key(key: str) -> tuple[str, str]:
    """The key of the request alone, and what follows it: of a test, and of the n-th equal request."""
    at = next((place for place, char in enumerate(key) if char in "@."), len(key))
    return key[:at], key[at:]


def credential_digest(request: WireRequest) -> str:
    """SHA-256 over the credentials of a request, or '' if it has none. Cookies are ignored, as they vary."""
    credentials = {secret for _, secret in url_credentials(request.host, request.target)}
    for name, value in request.headers:
        kind = header_kind(name)
        if kind is not None and kind not in ("cookie", "unknown"):
            credentials.update(secret for _, secret in header_credentials(kind, value))
    return _digest(*sorted(credentials)) if credentials else ""


def rejection_key(key: str, digest: str) -> str:
    """The key under which the 401 or 403 to the request `key` with one credential is stored."""
    return f"{REJECTION_PREFIX}{_digest(b'answer', key.encode(), digest.encode())}"


def rejection_mark_key(host: str, digest: str) -> str:
    """The key of the mark that `host` answered this credential with 401."""
    return f"{REJECTION_PREFIX}{_digest(b'credential', host.encode(), digest.encode())}"


def rejection_mark(host: str, digest: str, run: str) -> Entry:
    """The entry that marks this credential as rejected by `host`."""
    label = {"method": "-", "host": host, "path": " (a credential that was answered with 401)"}
    key = rejection_mark_key(host, digest)
    return Entry(key, 401, "", (), b"", time.time(), 0.0, run, label, "rejected-credential")


def _digest(*parts: bytes) -> str:
    digest = hashlib.sha256(b"provider-proxy rejection 1")
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()

"""Remembers the credentials that this run has seen, and recognises them in what is to be stored."""

from __future__ import annotations

import base64
import hashlib
import threading
from collections.abc import Iterable
from functools import lru_cache

from addon.messages import WireRequest
from addon.redaction.credentials_seen import (
    Credential,
    body_credentials,
    body_headers,
    header_credentials,
    header_kind,
    url_credentials,
)
from addon.redaction.needle_index import NeedleIndex, encoded_forms
from cache_store.entry import Headers

__all__ = ["SHORTEST", "Taint", "credentials_of"]

SHORTEST = 12
"""Bytes. Shorter values (`test`, `EMPTY`, `ollama`) are not secrets and occur everywhere."""

_MAX_KNOWN = 256
_MAX_REMEMBERED = 1024
# Only the end of a long credential is searched for: all JWTs of one issuer start alike.
_CORE = 48
# A credential in use is announced again before another process can have evicted it.
_ANNOUNCE_AGAIN = _MAX_KNOWN // 4


class Taint:
    """The latest 256 credentials of a run. Never shows or pickles one. Threads may share it."""

    __slots__ = ("_added", "_bodies", "_index", "_known", "_lock", "_of_head", "_of_header")

    def __init__(self) -> None:
        self._known: dict[
            bytes, tuple[str, int]
        ] = {}  # secret -> kind, value of `_added` when last announced
        self._added = 0
        self._index = NeedleIndex()
        self._lock = threading.Lock()
        # Repeated headers and bodies cost one look-up. The caches die with this object, as they hold
        # credentials.
        self._of_header = lru_cache(_MAX_REMEMBERED)(_header_credentials)
        self._of_head = lru_cache(_MAX_KNOWN)(self._head_credentials)
        self._bodies: dict[tuple[bytes, str, str], tuple[Credential, ...]] = {}

    def __repr__(self) -> str:
        return f"<Taint: {len(self._known)} credentials>"

    def __reduce__(self) -> str:
        raise TypeError("a Taint holds credentials and cannot be pickled")

    def learn(self, request: WireRequest) -> list[Credential]:
        """Remember the credentials of `request` that have at least 12 bytes. Never raises.

        Returns those that other processes of this run do not know, or may soon have evicted.
        """
        with self._lock:
            credentials = self._credentials(request)
        return self.add(credentials)

    def learn_proxy_auth(self, pair: str) -> None:
        """Remember the `user:password` that clients send to this proxy, mostly in CONNECT requests."""
        value = b"Basic " + base64.b64encode(pair.encode())
        self.learn(WireRequest("CONNECT", "https", "", 0, "/", ((b"proxy-authorization", value),), b""))

    def add(self, credentials: Iterable[Credential]) -> list[Credential]:
        """Remember credentials, as `learn` does."""
        with self._lock:
            return [
                credential
                for credential in credentials
                if len(credential.secret) >= SHORTEST and self._remember(*credential)
            ]

    def known(self) -> list[Credential]:
        """All remembered credentials, for another process of this run."""
        with self._lock:
            return [Credential(kind, secret) for secret, (kind, _) in self._known.items()]

    def found_in(self, *blobs: bytes) -> str | None:
        """The kind of a known credential that occurs in `blobs`, plain or encoded, or None."""
        with self._lock:
            return next((kind for blob in blobs if (kind := self._index.find(blob))), None)

    def _remember(self, kind: str, secret: bytes) -> bool:
        """Add a credential, or move it to the end of the queue. Returns whether to announce it."""
        before = self._known.pop(secret, None)
        if before is not None and self._added - before[1] < _ANNOUNCE_AGAIN:
            self._known[secret] = before
            return False
        self._known[secret] = (before[0] if before is not None else kind, self._added)
        if before is not None:
            return True
        self._added += 1
        for form in encoded_forms(secret[-_CORE:]):
            self._index.add(form, kind)
        if len(self._known) > _MAX_KNOWN:
            oldest = next(iter(self._known))
            evicted_kind, _ = self._known.pop(oldest)
            for form in encoded_forms(oldest[-_CORE:]):
                self._index.remove(form, evicted_kind)
        return True

    def _credentials(self, request: WireRequest) -> tuple[Credential, ...]:
        credentials = self._of_head(request.headers, request.host, request.target)
        return (
            credentials + self._of_body(request.body, *body_headers(request.headers))
            if request.body
            else credentials
        )

    def _head_credentials(self, headers: Headers, host: str, target: str) -> tuple[Credential, ...]:
        in_headers = [
            credential
            for name, value in headers
            if len(value) >= SHORTEST and (kind := header_kind(name)) is not None
            for credential in self._of_header(kind, value)
        ]
        return (*in_headers, *url_credentials(host, target))

    def _of_body(self, body: bytes, content_type: str, encoding: str) -> tuple[Credential, ...]:
        # By digest: `lru_cache` would keep the bodies.
        key = (hashlib.sha256(body).digest(), content_type, encoding)
        credentials = self._bodies.get(key)
        if credentials is None:
            credentials = self._bodies[key] = tuple(
                credential
                for credential in body_credentials(body, content_type, encoding)
                if len(credential.secret) >= SHORTEST
            )
            if len(self._bodies) > _MAX_REMEMBERED:
                del self._bodies[next(iter(self._bodies))]
        return credentials


def credentials_of(request: WireRequest) -> tuple[Credential, ...]:
    """The credentials of one request, for `Taint.add`. Never raises."""
    return Taint()._credentials(request)


def _header_credentials(kind: str, value: bytes) -> tuple[Credential, ...]:
    return tuple(header_credentials(kind, value))

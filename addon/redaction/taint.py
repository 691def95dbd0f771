"""The credentials that this run has seen go by, and whether one of them turns up in what would be stored."""

from __future__ import annotations

import base64
import hashlib
import threading
from collections.abc import Iterable, Iterator

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

__all__ = ["SHORTEST", "Taint"]

SHORTEST = 12
"""Bytes; shorter values (`test`, `EMPTY`, `ollama`) are no secrets and occur everywhere."""

_MOST = 256
_MOST_REMEMBERED = 1024
# Of a long credential its end is looked for: the start of a JWT is the same for all, and the rest only costs.
_CORE = 48
# One that is in use is told of again before so many others came that another process might have let go of it.
_AGAIN = _MOST // 4


class Taint:
    """Literal credentials of one run; holds the latest 256 and never shows one. Threads may share it."""

    __slots__ = ("_added", "_bodies", "_headers", "_heads", "_index", "_known", "_lock")

    def __init__(self) -> None:
        self._known: dict[bytes, tuple[str, int]] = {}  # kind, and how many came before it was last told of
        self._added = 0
        self._index = NeedleIndex()
        self._lock = threading.Lock()
        # What was found in what was seen before, so that a repeat costs a look-up: by all that stands before a
        # body (with how that is to be read), by header, by body.
        self._heads: dict[tuple[Headers, str, str], tuple[tuple[Credential, ...], tuple[str, str]]] = {}
        self._headers: dict[tuple[str, bytes], tuple[Credential, ...]] = {}
        self._bodies: dict[tuple[bytes, str, str], tuple[Credential, ...]] = {}

    def __repr__(self) -> str:
        return f"<Taint: {len(self._known)} credentials>"

    def __reduce__(self) -> str:
        raise TypeError("credentials are not to be pickled")

    def learn(self, request: WireRequest) -> list[Credential]:
        """Remembers the credentials of `request` (12 bytes and more); those that others do not know of, or will
        soon have forgotten. Never raises.
        """
        with self._lock:
            return [
                found
                for found in self._credentials(request)
                if len(found.secret) >= SHORTEST and self._remember(*found)
            ]

    def learn_proxy_auth(self, pair: str) -> None:
        """Remembers the `user:password` that clients send to this proxy, mostly where no request is: in CONNECT."""
        value = b"Basic " + base64.b64encode(pair.encode())
        self.learn(WireRequest("CONNECT", "https", "", 0, "/", ((b"proxy-authorization", value),), b""))

    def add(self, credentials: Iterable[Credential]) -> None:
        """Remembers what another process of this run has learned."""
        with self._lock:
            for found in credentials:
                self._remember(*found)

    def known(self) -> list[Credential]:
        """All that are remembered, for another process of this run."""
        with self._lock:
            return [Credential(kind, secret) for secret, (kind, _) in self._known.items()]

    def found_in(self, *blobs: bytes) -> str | None:
        """The kind of a known credential that occurs in `blobs`, plain or encoded; None where none does."""
        with self._lock:
            return next((kind for blob in blobs if (kind := self._index.find(blob))), None)

    def _remember(self, kind: str, secret: bytes) -> bool:
        """Whether others are to be told."""
        # A repeat moves to the end, so that the key in use outlives those that come and go.
        before = self._known.pop(secret, None)
        if before is not None and self._added - before[1] < _AGAIN:
            self._known[secret] = before
            return False
        self._known[secret] = (before[0] if before is not None else kind, self._added)
        if before is not None:
            return True
        self._added += 1
        for form in encoded_forms(secret[-_CORE:]):
            self._index.add(form, kind)
        if len(self._known) > _MOST:
            oldest = next(iter(self._known))
            gone, _ = self._known.pop(oldest)
            for form in encoded_forms(oldest[-_CORE:]):
                self._index.remove(form, gone)
        return True

    def _credentials(self, request: WireRequest) -> Iterable[Credential]:
        head = (request.headers, request.host, request.target)
        found = self._heads.get(head)
        if found is None:
            found = self._heads[head] = (tuple(self._of_head(request)), body_headers(request))
            if len(self._heads) > _MOST:
                del self._heads[next(iter(self._heads))]
        credentials, about = found
        return credentials + self._of_body(request.body, about) if request.body else credentials

    def _of_head(self, request: WireRequest) -> Iterator[Credential]:
        for name, value in request.headers:
            kind = header_kind(name)
            if kind is not None and len(value) >= SHORTEST:
                found = self._headers.get((kind, value))
                if found is None:
                    found = self._headers[kind, value] = tuple(header_credentials(kind, value))
                yield from found
        while len(self._headers) > _MOST_REMEMBERED:
            del self._headers[next(iter(self._headers))]
        yield from url_credentials(request)

    def _of_body(self, body: bytes, about: tuple[str, str]) -> tuple[Credential, ...]:
        key = (hashlib.sha256(body).digest(), *about)
        found = self._bodies.get(key)
        if found is None:
            found = tuple(found for found in body_credentials(body, *about) if len(found.secret) >= SHORTEST)
            self._bodies[key] = found
            if len(self._bodies) > _MOST_REMEMBERED:
                del self._bodies[next(iter(self._bodies))]
        return found

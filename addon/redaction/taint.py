"""The credentials that this run has seen go by, and whether one of them turns up in what would be stored."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator

from addon.redaction.credentials_seen import (
    Credential,
    body_credentials,
    body_headers,
    header_credentials,
    header_kind,
    url_credentials,
)
from addon.redaction.encoded_forms import encoded_forms
from addon.redaction.needle_index import NeedleIndex
from addon.wire import WireRequest

__all__ = ["SHORTEST", "Taint"]

SHORTEST = 12
"""Bytes; shorter values (`test`, `EMPTY`, `ollama`) are no secrets and occur everywhere."""

_MOST = 256
_MOST_REMEMBERED = 1024
# Of a long credential its end is looked for: the start of a JWT is the same for all, and the rest only costs.
_CORE = 48


class Taint:
    """Literal credentials of one run; holds the latest 256 and never shows one. Threads may share it."""

    __slots__ = ("_bodies", "_headers", "_index", "_known", "_lock")

    def __init__(self) -> None:
        self._known: dict[bytes, str] = {}
        self._index = NeedleIndex()
        self._lock = threading.Lock()
        # What was taken from headers and bodies that were seen before, so that a repeat costs a look-up.
        self._headers: dict[tuple[str, bytes], tuple[Credential, ...]] = {}
        self._bodies: dict[tuple[bytes, str, str], tuple[Credential, ...]] = {}

    def __repr__(self) -> str:
        return f"<Taint: {len(self._known)} credentials>"

    def __reduce__(self) -> str:
        raise TypeError("credentials are not to be pickled")

    def learn(self, request: WireRequest) -> None:
        """Remembers the credentials of `request` (12 bytes and more). Never raises."""
        with self._lock:
            for kind, secret in self._credentials(request):
                if len(secret) >= SHORTEST:
                    self._remember(kind, secret)

    def found_in(self, *blobs: bytes) -> str | None:
        """The kind of a known credential that occurs in `blobs`, plain or encoded; None where none does."""
        with self._lock:
            return next((kind for blob in blobs if (kind := self._index.find(blob))), None)

    def _remember(self, kind: str, secret: bytes) -> None:
        # A repeat moves to the end, so that the key in use outlives those that come and go.
        before = self._known.pop(secret, None)
        self._known[secret] = before or kind
        if before is not None:
            return
        for form in encoded_forms(secret[-_CORE:]):
            self._index.add(form, kind)
        if len(self._known) > _MOST:
            oldest = next(iter(self._known))
            gone = self._known.pop(oldest)
            for form in encoded_forms(oldest[-_CORE:]):
                self._index.remove(form, gone)

    def _credentials(self, request: WireRequest) -> Iterator[Credential]:
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
        if request.body:
            yield from self._of_body(request)

    def _of_body(self, request: WireRequest) -> tuple[Credential, ...]:
        about = body_headers(request)
        key = (hashlib.sha256(request.body).digest(), *about)
        found = self._bodies.get(key)
        if found is None:
            found = tuple(
                found for found in body_credentials(request.body, *about) if len(found.secret) >= SHORTEST
            )
            self._bodies[key] = found
            if len(self._bodies) > _MOST_REMEMBERED:
                del self._bodies[next(iter(self._bodies))]
        return found

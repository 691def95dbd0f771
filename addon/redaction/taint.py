"""Remembers the credentials that this run has seen, and recognises them in what is to be stored."""

from __future__ import annotations

import base64
import hashlib
import re
import threading
import weakref
from collections.abc import Iterable
from functools import lru_cache
from itertools import chain

from addon.messages import WireRequest
from addon.redaction.credential_places import header_kind
from addon.redaction.credentials_seen import (
    Credential,
    body_credentials,
    body_encoding,
    header_credentials,
    url_credentials,
)
from addon.redaction.inner_texts import inner_texts
from addon.redaction.needle_index import NeedleIndex, encoded_forms
from addon.redaction.plain_text import squeezed, windows
from cache_store.entry import Headers

__all__ = ["MOST_OF_REQUEST", "Taint", "credentials_of"]

# Bytes. Shorter values (`test`, `EMPTY`, `ollama`) are not secrets and occur everywhere.
_SHORTEST = 8
# So do words and numbers, if they are short.
_LONG = 12
_WORDS = re.compile(rb"[A-Za-z]+(?:[-_. ][A-Za-z]+)*|[0-9]+")
_MAX_KNOWN = 256
_MAX_REMEMBERED = 1024
MOST_OF_REQUEST = 1000
"""Looking for more credentials would hold up others. Nothing is stored while such a request is in flight."""
_ELSEWHERE = -1  # the id of no request
# A credential in use is announced again before another process can have evicted it.
_ANNOUNCE_AGAIN = _MAX_KNOWN // 4


class Taint:
    """The latest 256 credentials of a run, and all those of requests in flight.

    A request is in flight as long as its WireRequest exists. Never shows or pickles a credential. Threads may share
    it.
    """

    __slots__ = (
        "_added",
        "_bodies",
        "_crowded",
        "_in_flight",
        "_index",
        "_known",
        "_lock",
        "_most",
        "_of_head",
        "_of_header",
        "_own",
    )

    def __init__(self, most: int = _MAX_KNOWN) -> None:
        self._most = most
        self._known: dict[
            bytes, tuple[str, int]
        ] = {}  # secret -> kind, value of `_added` when last announced
        self._added = 0
        self._index = NeedleIndex()
        self._lock = threading.Lock()
        self._in_flight: dict[int, tuple[weakref.ref[WireRequest], tuple[Credential, ...]]] = {}
        self._crowded: set[int] = set()  # ids of such requests
        self._own: WireRequest | None = None
        # Repeated headers and bodies cost one look-up. The caches die with this object, as they hold
        # credentials.
        self._of_header = lru_cache(_MAX_REMEMBERED)(_header_credentials)
        self._of_head = lru_cache(_MAX_KNOWN)(self._head_credentials)
        self._bodies: dict[tuple[bytes, str], tuple[Credential, ...]] = {}

    def __repr__(self) -> str:
        return f"<Taint: {len(self._known)} credentials>"

    def __reduce__(self) -> str:
        raise TypeError("a Taint holds credentials and cannot be pickled")

    def learn(self, request: WireRequest) -> list[Credential]:
        """Remember the credentials of `request`. Never raises.

        Returns those that other processes of this run do not know, or may soon have evicted.
        """
        return self.add(self._credentials(request), request)

    def learn_proxy_auth(self, pair: str) -> None:
        """Remember the `user:password` that clients send to this proxy, mostly in CONNECT requests."""
        value = b"Basic " + base64.b64encode(pair.encode())
        # Kept for as long as the proxy runs: CONNECT requests are not learned from.
        self._own = WireRequest("CONNECT", "https", "", 0, "/", ((b"proxy-authorization", value),), b"")
        self.learn(self._own)

    def add(self, credentials: Iterable[Credential], request: WireRequest | None = None) -> list[Credential]:
        """Remember credentials, as `learn` does: those of `request`, or of another process of this run."""
        distinctive = tuple(filter(_is_distinctive, credentials))
        with self._lock:
            if distinctive and request is not None:
                at, in_flight, crowded = id(request), self._in_flight, self._crowded

                def forget(_: object) -> None:
                    in_flight.pop(at, None)
                    crowded.discard(at)

                in_flight[at] = (weakref.ref(request, forget), distinctive)
                if len(distinctive) > MOST_OF_REQUEST:
                    crowded.add(at)
                    distinctive = distinctive[:MOST_OF_REQUEST]
            new = [one for one in distinctive if self._remember(*one)]
            self._evict()
            return new

    def crowd(self, is_crowded: bool) -> None:
        """Note that another process of this run has, or no longer has, a request with too many credentials."""
        (self._crowded.add if is_crowded else self._crowded.discard)(_ELSEWHERE)

    def known(self) -> list[Credential]:
        """All remembered credentials, for another process of this run."""
        with self._lock:
            return [Credential(kind, secret) for secret, (kind, _) in self._known.items()]

    def found_in(self, *blobs: bytes) -> str | None:
        """The kind of a known credential that occurs in `blobs`, plain or encoded, or None.

        While a request with too many credentials is in flight, every blob counts as having one.
        """
        if self._crowded:
            return "too-many"
        for blob in blobs if self._known else ():
            for window in windows(blob):
                # As it is, too: what looks like an escape may be the start of a credential.
                for text in chain((window, squeezed(window)), inner_texts(window)):
                    # Held for one text only: `learn` in the event loop waits for it.
                    with self._lock:
                        kind = self._index.find(text)
                    if kind is not None:
                        return kind
        return None

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
        for form in encoded_forms(secret):
            self._index.add(form, kind)
        return True

    def _evict(self) -> None:
        """Forget the oldest credentials above the limit, except those of requests in flight."""
        excess = len(self._known) - self._most
        if excess <= 0:
            return
        in_flight = list(self._in_flight.values())
        held = {credential.secret for _, credentials in in_flight for credential in credentials}
        for secret in [secret for secret in self._known if secret not in held][:excess]:
            kind, _ = self._known.pop(secret)
            for form in encoded_forms(secret):
                self._index.remove(form, kind)

    def _credentials(self, request: WireRequest) -> tuple[Credential, ...]:
        credentials = self._of_head(request.headers, request.host, request.target)
        if not request.body:
            return credentials
        return credentials + self._of_body(request.body, body_encoding(request.headers))

    def _head_credentials(self, headers: Headers, host: str, target: str) -> tuple[Credential, ...]:
        in_headers = [
            credential
            for name, value in headers
            if len(value) >= _SHORTEST and (kind := header_kind(name)) is not None
            for credential in self._of_header(kind, value)
        ]
        return (*in_headers, *url_credentials(host, target))

    def _of_body(self, body: bytes, encoding: str) -> tuple[Credential, ...]:
        # By digest: `lru_cache` would keep the bodies.
        key = (hashlib.sha256(body).digest(), encoding)
        credentials = self._bodies.get(key)
        if credentials is None:
            credentials = tuple(filter(_is_distinctive, body_credentials(body, encoding)))
            with self._lock:
                self._bodies[key] = credentials
                if len(self._bodies) > _MAX_REMEMBERED:
                    del self._bodies[next(iter(self._bodies))]
        return credentials


def credentials_of(request: WireRequest) -> tuple[Credential, ...]:
    """The credentials of one request, for `Taint.add`. Never raises."""
    return Taint()._credentials(request)


def _is_distinctive(credential: Credential) -> bool:
    """Whether a credential occurs in an answer only if the answer repeats it."""
    secret = credential.secret
    return len(secret) >= _LONG or (len(secret) >= _SHORTEST and _WORDS.fullmatch(secret) is None)


def _header_credentials(kind: str, value: bytes) -> tuple[Credential, ...]:
    return tuple(header_credentials(kind, value))

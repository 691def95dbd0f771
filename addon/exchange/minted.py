"""Remembers which answer minted an id, such as that of an upload.

A provider mints a new id in every recording, so the id says nothing about a later request that uses it. The key of
the request whose answer minted it does, together with a digest of that answer. Ids are kept in memory only: an
upload's id is a capability.

The ids of uploads are noted at once. All others are looked for in the stored answers when somebody asks, so that a
hit does not pay for them: until then only the keys of the answers are noted.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from hashlib import sha256
from itertools import takewhile

from addon.redaction.upload_urls import URL_HEADERS, starting_key, upload_id
from cache_store.entry import Headers

__all__ = ["MARK", "Answered", "Minted", "digest_of", "uploads_in"]

MARK = "minted-"
"""How the rule of an id that follows a conversation begins."""

_MOST = 50_000
_MOST_ANSWERS = 10_000


class Answered:
    """The keys of the latest answers that a run stored or served, in order. A place counts every answer, from 0."""

    def __init__(self) -> None:
        self._place: OrderedDict[str, int] = OrderedDict()
        self._next = 0

    def note(self, key: str) -> None:
        """Remember the answer under `key`; a second note of it changes nothing."""
        if key in self._place:
            return
        self._place[key] = self._next
        self._next += 1
        if len(self._place) > _MOST_ANSWERS:
            self._place.popitem(last=False)

    def since(self, place: int) -> tuple[int, list[str]]:
        """The place after the last answer, and the keys from `place` on."""
        new = takewhile(lambda item: item[1] >= place, reversed(self._place.items()))
        return self._next, [key for key, _ in new][::-1]


class Minted:
    """The latest ids of one run, bounded in number."""

    def __init__(self) -> None:
        self._by_id: OrderedDict[str, tuple[str, str]] = OrderedDict()

    def note(self, identifier: str, key: str, digest: str) -> None:
        """Remember that `identifier` was minted by the answer with this digest to the request with `key`."""
        self._by_id[identifier] = (key, digest)
        self._by_id.move_to_end(identifier)
        if len(self._by_id) > _MOST:
            self._by_id.popitem(last=False)

    def find(self, identifier: str) -> tuple[str, str] | None:
        """The key and the digest that `identifier` was noted with; None if it is unknown."""
        return self._by_id.get(identifier)


def digest_of(body: bytes) -> str:
    """32 hex digits (128 bits) that stand for an answer."""
    return sha256(body).hexdigest()[:32]


def uploads_in(headers: Headers, key: str) -> Iterator[tuple[str, str]]:
    """Each upload id in an answer's headers, with the key of the request that started the upload.

    That is `key`, the key of the answer's request, unless the id is a stand-in that names another one.
    """
    for name, value in headers:
        if name.lower() in URL_HEADERS and (identifier := upload_id(value.decode("latin-1"))):
            yield identifier, starting_key(identifier) or key

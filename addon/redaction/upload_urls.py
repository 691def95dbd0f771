"""URLs of resumable uploads (google-genai, Google Cloud Storage): capabilities that must not be stored.

Whoever has such a URL may upload. What is stored is the same URL with a stand-in for its `upload_id` that names the
request that started the upload, so that a replayed client can take its next step.
"""

from __future__ import annotations

import re
from urllib.parse import quote, unquote, urlsplit

from addon.redaction.credentials_seen import has_secret_query
from addon.redaction.redact import minted
from cache_store.entry import Headers

__all__ = [
    "URL_HEADERS",
    "has_upload_url",
    "is_stand_in",
    "starting_key",
    "upload_id",
    "with_stand_ins",
    "without_foreign_urls",
]

URL_HEADERS = frozenset({b"x-goog-upload-url", b"x-goog-upload-control-url", b"location"})
"""The headers in which an answer names an upload's URL."""

_NAME = "upload_id"
_STAND_IN = re.compile(r"⟦minted:([A-Za-z0-9.@-]{4,200})⟧")


def upload_id(url: str) -> str:
    """The decoded `upload_id` of a URL or a request's target; '' if there is none, or more than one."""
    if _NAME not in url:
        return ""
    ids = [unquote(value) for name, value, _ in _pairs(url) if name == _NAME]
    return ids[0] if len(ids) == 1 else ""


def starting_key(identifier: str) -> str:
    """The key of the request that started the upload, if `identifier` is a stand-in; '' otherwise."""
    match = _STAND_IN.fullmatch(identifier)
    return match[1] if match else ""


def is_stand_in(url: str) -> bool:
    """Whether the only capability in a URL is a stand-in, so that it may be stored."""
    path, _, _ = url.partition("?")
    others = "&".join(pair for name, _, pair in _pairs(url) if name != _NAME)
    return bool(starting_key(upload_id(url))) and not has_secret_query(f"{path}?{others}")


def with_stand_ins(headers: Headers, key: str) -> Headers:
    """An answer's headers as they may be stored; `key` is that of the request that started the upload."""
    return tuple(
        (name, _stand_in_url(value, key) if name.lower() in URL_HEADERS else value) for name, value in headers
    )


def has_upload_url(headers: Headers) -> bool:
    """Whether an answer's headers name the URL of an upload."""
    return any(name.lower() in URL_HEADERS and _NAME.encode() in value for name, value in headers)


def without_foreign_urls(headers: Headers, host: str) -> Headers:
    """The headers without the URLs of uploads that would send the client to another host than `host`.

    An entry may have been imported, and the client sends its file to this URL.
    """
    return tuple(
        (name, value)
        for name, value in headers
        if name.lower() not in URL_HEADERS
        or not upload_id(value.decode("latin-1"))
        or _host(value) == host.lower()
    )


def _host(url: bytes) -> str:
    try:
        return urlsplit(url.decode("latin-1")).hostname or ""
    except ValueError:
        return ""


def _stand_in_url(value: bytes, key: str) -> bytes:
    """The URL with a stand-in for its `upload_id` and without other credentials; any other value as it is."""
    url = value.decode("latin-1")
    if not upload_id(url):
        return value
    stand_in = f"{_NAME}={quote(minted(key), safe=':')}"
    pairs = [
        stand_in if name == _NAME else pair
        for name, _, pair in _pairs(url)
        if name == _NAME or not has_secret_query(f"?{pair}")
    ]
    return f"{url.partition('?')[0]}?{'&'.join(pairs)}".encode("latin-1")


def _pairs(url: str) -> list[tuple[str, str, str]]:
    """Decoded name, encoded value, and the pair as it is, for each query parameter."""
    query = url.partition("?")[2].partition("#")[0]
    pairs = [(pair.partition("="), pair) for pair in query.split("&") if pair]
    return [(unquote(name), value, pair) for (name, _, value), pair in pairs]

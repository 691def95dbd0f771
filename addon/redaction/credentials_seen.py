"""The literal credentials of a request: in headers, URL and body."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes

from addon.redaction import shapes
from addon.redaction.credential_places import BODY_FIELDS, CREDENTIAL_HEADERS, looks_like_credential
from cache_store.answers.content_coding import BadCoding, decode
from cache_store.entry import Headers

__all__ = [
    "Credential",
    "body_credentials",
    "body_headers",
    "has_secret_query",
    "header_credentials",
    "header_kind",
    "url_credentials",
]


class Credential(NamedTuple):
    """A kind (`authorization`, `client-secret`) and the literal bytes."""

    kind: str
    secret: bytes


_UNKNOWN = "unknown"
# Named like secrets, but servers echo them on purpose.
_NOT_SECRET = frozenset({"idempotency-key", "x-idempotency-key", "sec-websocket-key"})
_LONGEST_NAME = 128
_SIGV4_KEY_ID = re.compile(rb"Credential=([A-Za-z0-9]{12,128})/")
_SECRET_QUERY = re.compile(
    r"(?:x-(?:amz|goog)-)?(?:key|api[_-]?key|subscription-key|sig|signature|credential|security-token|upload_id|code|"
    r"(?:access_|auth_|id_|refresh_|session_|security_)?token|(?:client_)?secret|passwd|password|auth|jwt|authorization)",
    re.IGNORECASE,
)
_USERINFO = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://([^/?#@]*)@")
_QUOTED = re.compile(rb'"([A-Za-z_-]{4,40})"\s*:\s*"((?:[^"\\]|\\.){12,16384})"')
# Every name in the table ends in one of these. A body without any of them is not parsed.
_ENDINGS = tuple(
    f'{word}"'.encode()
    for word in sorted({name.lower().replace("-", "_").rpartition("_")[2] for name in BODY_FIELDS})
)
_SHORT_ENDINGS = tuple(end for end in _ENDINGS if not any(end != o and end.endswith(o) for o in _ENDINGS))
_PART = re.compile(
    rb'name="?([A-Za-z_-]{4,40})"?[^\r\n]{0,1024}\r\n(?:[^\r\n]{1,1024}\r\n){0,8}+\r\n([^\r\n]{12,16384})\r\n'
)
_BODY_HEADERS = (b"content-type", b"content-encoding")
_MAX_DECODED = 64 * 1024 * 1024


@lru_cache(maxsize=1024)
def _kind_of(name: bytes) -> str | None:
    text = name.decode("latin-1").lower()
    if text in _NOT_SECRET:
        return None
    if text in ("cookie", "proxy-authorization") or text in (place.pattern for place in CREDENTIAL_HEADERS):
        return text
    return text if looks_like_credential(text) else _UNKNOWN


def header_kind(name: bytes) -> str | None:
    """The kind of credential in a header of this name: `unknown` if it may hold one, None if it never does."""
    return _kind_of(name) if len(name) <= _LONGEST_NAME else _UNKNOWN


def header_credentials(kind: str, value: bytes) -> Iterator[Credential]:
    """The credentials in a header's value, without their scheme. Basic credentials are also decoded (RFC 7617)."""
    if kind == _UNKNOWN:
        yield from (Credential(kind, value[start:end]) for kind, start, end in shapes.find(value))
        return
    if kind == "cookie":
        yield from (Credential(kind, pair.partition(b"=")[2].strip()) for pair in value.split(b";"))
        return
    scheme, _, rest = value.strip().partition(b" ")
    if scheme.upper().startswith(b"AWS4-"):
        # A signature is valid for one request only. The key's id stays valid.
        yield from (Credential("aws-key-id", key_id) for key_id in _SIGV4_KEY_ID.findall(value))
        return
    yield Credential(kind, rest.strip() or scheme)
    if scheme.lower() == b"basic":
        yield from _basic(kind, rest)


def _basic(kind: str, encoded: bytes) -> Iterator[Credential]:
    try:
        user, _, password = base64.b64decode(encoded.strip() + b"==").partition(b":")
    except (binascii.Error, ValueError):
        return
    yield Credential(kind, user)
    yield Credential(kind, password)


def _query_pairs(target: str) -> Iterator[tuple[str, str]]:
    query = target.partition("?")[2]
    for pair in query.split("&") if query else ():
        name, _, value = pair.partition("=")
        yield unquote_to_bytes(name[:128]).decode("latin-1"), value


def has_secret_query(url: str) -> bool:
    """Whether a URL contains user information or a query parameter that grants access (a signed URL)."""
    return bool(_USERINFO.match(url)) or any(
        value and _SECRET_QUERY.fullmatch(name) for name, value in _query_pairs(url)
    )


def url_credentials(host: str, target: str) -> Iterator[Credential]:
    """The credentials in a request's host and target: user information and query parameters."""
    for userinfo in (_USERINFO.match(target), re.match(r"(.*)@", host, re.DOTALL)):
        for part in userinfo[1].split(":", 1) if userinfo else ():
            yield Credential("userinfo", unquote_to_bytes(part))
    for name, value in _query_pairs(target):
        if value and _SECRET_QUERY.fullmatch(name):
            literal = unquote_to_bytes(value)
            # `X-Amz-Credential` is `<key id>/<date>/<region>/…`.
            yield Credential(
                "query", literal.partition(b"/")[0] if name.lower().endswith("credential") else literal
            )


def body_headers(headers: Headers) -> tuple[str, str]:
    """The content-type and content-encoding, in lower case, '' if absent."""
    values = {name: value for raw, value in headers if (name := raw.lower()) in _BODY_HEADERS}
    return (
        values.get(b"content-type", b"").decode("latin-1").lower(),
        values.get(b"content-encoding", b"").decode("latin-1").lower(),
    )


def body_credentials(body: bytes, content_type: str, encoding: str) -> Iterator[Credential]:
    """The credentials in a JSON, form or multipart body, in members whose names are in `BODY_FIELDS`."""
    if encoding:
        try:
            body = decode(body, encoding, _MAX_DECODED)
        except BadCoding:
            return
    if "form-urlencoded" in content_type:
        for pair in body.split(b"&"):
            name, _, value = pair.partition(b"=")
            yield _credential(unquote_to_bytes(name[:256]), unquote_to_bytes(value.replace(b"+", b" ")))
    elif content_type.startswith("multipart/"):
        yield from (_credential(name, value) for name, value in _PART.findall(body))
    else:
        yield from _json_credentials(body)


def _credential(name: bytes, value: bytes) -> Credential:
    kind = BODY_FIELDS.get(name.decode("latin-1"), "")
    return Credential(kind, value if kind else b"")


def _json_credentials(body: bytes) -> Iterator[Credential]:
    lower = body.lower()
    if not any(ending in lower for ending in _SHORT_ENDINGS) and b"\\u00" not in body:
        return
    credentials: list[Credential] = []

    def collect(members: dict[str, Any]) -> None:
        if not BODY_FIELDS.keys().isdisjoint(members):
            credentials.extend(
                Credential(BODY_FIELDS[name], value.encode("utf-8", "surrogatepass"))
                for name, value in members.items()
                if name in BODY_FIELDS and isinstance(value, str)
            )

    try:
        json.loads(body, object_hook=collect)
    except (ValueError, RecursionError):
        # Not JSON as a whole: JSON lines, or truncated.
        credentials = [_credential(name, value) for name, value in _QUOTED.findall(body)]
    yield from credentials

"""The literal credentials of a request: in headers, URL and body."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Generator, Iterator
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes

from addon.redaction import header_parameters, shapes, url_secrets
from addon.redaction.credential_places import UNKNOWN, header_kind
from addon.redaction.member_names import credential_kind
from addon.redaction.members import may_name_one, sightings
from addon.redaction.nested_json import may_name_one_inside, secrets_inside
from addon.redaction.plain_text import readable, windows
from addon.redaction.text_members import members_in
from cache_store.answers.content_coding import BadCoding, decode
from cache_store.entry import Headers

__all__ = [
    "Credential",
    "body_credentials",
    "body_encoding",
    "has_secret_query",
    "header_credentials",
    "url_credentials",
]


class Credential(NamedTuple):
    """A kind (`authorization`, `client-secret`) and the literal bytes."""

    kind: str
    secret: bytes


_SIGV4_KEY_ID = re.compile(rb"Credential=([A-Za-z0-9]{12,128})/")
_SECRET_QUERY = re.compile(
    r"(?:x-(?:amz|goog)-)?(?:key|api[_-]?key|subscription-key|sig|signature|credential|security-token|upload_id|code|"
    r"(?:access_|auth_|id_|refresh_|session_|security_)?token|(?:client_)?secret|passwd|password|auth|jwt|authorization)",
    re.IGNORECASE,
)
_BACKSLASH = ord("\\")
_SHORT_QUERY = frozenset({"pass", "sk", "ak"})
_BEARER = re.compile(rb'(?i)(?<![\w-])bearer[ \t]+"?([^",\s]+)')
# https://platform.openai.com/docs/guides/realtime-websocket: how browsers send the key.
# Deepgram has `token` or `bearer` and then the key: https://developers.deepgram.com/docs/using-the-sec-websocket-protocol
_SUBPROTOCOL = re.compile(
    rb"(?:openai-insecure-api-key\.|(?i:(?:^|,)\s*(?:[a-z]+[-_])?(?:key|token|bearer|secret|jwt)\s*,\s*))([^,\s]+)"
)
_STAND_IN = "⟦minted:".encode()
_USERINFO = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://([^/?#@]*)@")
_SEPARATORS = re.compile("[&;]")
# Parameters of a scheme that grant access; others name a realm, a user, an algorithm.
_PARAMETER = re.compile(
    rb'(?i)(?:^|[\s,])(?:\w{0,32}(?:token|signature|secret|key|password)|credential|response|mac)="?([^",\s]+)'
)
_MAX_TEXT = 512 * 1024  # searched at either end of a body that does not parse
_MAX_PAIR, _MAX_PAIRS = 4096, 10_000
_ENCODING = b"content-encoding"
_MAX_DECODED = 64 * 1024 * 1024


def header_credentials(kind: str, value: bytes) -> Iterator[Credential]:
    """The credentials in a header's value, without their scheme. Basic credentials are also decoded (RFC 7617)."""
    yield from _inside(value)
    if kind == UNKNOWN:
        found = (*shapes.find(value), *header_parameters.find(value))
        yield from (Credential(kind, value[start:end]) for kind, start, end in found)
        return
    if kind == "cookie":
        yield from (Credential(kind, pair.partition(b"=")[2].strip(b' \t"')) for pair in value.split(b";"))
        return
    scheme, _, rest = value.strip().partition(b" ")
    if scheme.upper().startswith(b"AWS4-"):
        # A signature is valid for one request only. The key's id stays valid.
        yield from (Credential("aws-key-id", key_id) for key_id in _SIGV4_KEY_ID.findall(value))
        return
    secret = rest.strip() or scheme
    yield Credential(kind, secret)
    yield from (Credential(kind, token) for token in _BEARER.findall(value) if token != secret)
    # `Token token="…"`, `Digest response="…"`
    yield from (Credential(kind, parameter) for parameter in _PARAMETER.findall(value))
    if scheme.lower() == b"basic":
        yield from _basic(kind, rest)


def _inside(value: bytes) -> Iterator[Credential]:
    """The credentials in a header's value that is JSON (`x-portkey-config`), a URL, or a list of subprotocols."""
    if b":" in value or b"%" in value:
        for kind, start, end in url_secrets.find(value):
            yield from _parts(kind, value[start:end])
    if value.lstrip()[:1] in (b"{", b"["):
        yield from _json_credentials(value)
    yield from (Credential("api-key", key) for key in _SUBPROTOCOL.findall(value))


def _basic(kind: str, encoded: bytes) -> Iterator[Credential]:
    try:
        user, _, password = base64.b64decode(encoded.strip() + b"==").partition(b":")
    except (binascii.Error, ValueError):
        return
    yield Credential(kind, user)
    yield Credential(kind, password)


def _query_pairs(target: str) -> Iterator[tuple[str, str]]:
    query = target.partition("?")[2]
    for pair in _SEPARATORS.split(query) if query else ():
        name, _, value = pair.partition("=")
        yield unquote_to_bytes(name[:128]).decode("latin-1"), value


def has_secret_query(url: str) -> bool:
    """Whether a URL contains user information, a secret, or a parameter that grants access (a signed URL)."""
    return (
        bool(_USERINFO.match(url))
        or any(value and _SECRET_QUERY.fullmatch(name) for name, value in _query_pairs(url))
        or url_secrets.has_secret(url)
    )


def url_credentials(host: str, target: str) -> Iterator[Credential]:
    """The credentials in a request's host and target: user information and query parameters."""
    for userinfo in (_USERINFO.match(target), re.match(r"(.*)@", host, re.DOTALL)):
        for part in userinfo[1].split(":", 1) if userinfo else ():
            yield Credential("userinfo", unquote_to_bytes(part.encode("utf-8", "surrogatepass")))
    for name, value in _query_pairs(target):
        literal = unquote_to_bytes(value.encode("utf-8", "surrogatepass"))
        if literal.startswith(_STAND_IN):
            continue
        if b"=" in literal or b"@" in literal or b"%" in literal:
            for kind, start, end in (*url_secrets.find(literal), *url_secrets.in_query(literal)):
                yield from _parts(kind, literal[start:end])
        if value and (
            _SECRET_QUERY.fullmatch(name)
            or name.lower() in _SHORT_QUERY
            or credential_kind(name, literal.decode("latin-1"))
        ):
            # `X-Amz-Credential` is `<key id>/<date>/<region>/…`.
            is_signer = name.lower().endswith("credential")
            yield Credential("query", literal.partition(b"/")[0] if is_signer else literal)
    path = target.partition("?")[0].encode("utf-8", "surrogatepass")
    for _, start, end in (*url_secrets.in_path(path), *url_secrets.in_query(path)):
        yield from _parts("path", path[start:end])


def body_encoding(headers: Headers) -> str:
    """The content-encoding in lower case, repeated headers joined by commas, '' if absent."""
    return ", ".join(
        [value.decode("latin-1").lower() for name, value in headers if name.lower() == _ENCODING]
    )


def body_credentials(body: bytes, encoding: str) -> Iterator[Credential]:
    """The credentials in a body: in members and fields by their names, and in URLs.

    A body is read as what it looks like. Its content-type may be wrong, and then someone else reads it right.
    """
    if encoding:
        try:
            body = decode(body, encoding, _MAX_DECODED)
        except BadCoding:
            return
    text = _utf8(body)
    is_json = text[:64].lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"[")
    if not is_json or not (yield from _json_credentials(text)):
        yield from _text_credentials(text)
    for window in windows(text):
        # Searching for one byte, or from the end, is faster than searching for several from the start.
        escapes = _BACKSLASH in window and max(window.rfind(b"\\/"), window.rfind(b"\\u00")) >= 0
        plain = readable(window) if escapes else window
        for kind, start, end in url_secrets.find(plain):
            yield from _parts(kind, plain[start:end])


def _utf8(body: bytes) -> bytes:
    encoding = json.detect_encoding(body[:4])
    try:
        return body if encoding == "utf-8" else body.decode(encoding).encode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return body


def _parts(kind: str, secret: bytes) -> Iterator[Credential]:
    """A credential of a URL, and what stands around its colon: `user:password`, `123456:token-of-a-bot`."""
    whole = unquote_to_bytes(secret)
    yield Credential(kind, whole)
    if kind != "query" and b":" in whole:
        yield from (Credential(kind, part) for part in whole.split(b":", 1))


def _json_credentials(text: bytes) -> Generator[Credential, None, bool]:
    """The credentials in a JSON text. Returns whether it is one."""
    is_nested = may_name_one_inside(text)
    if not is_nested and not may_name_one(text):
        return True
    duplicates: list[Any] = []

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        value = dict(pairs)
        if len(value) != len(pairs):
            # All of them: one reader takes the first of two equal names, another the last.
            duplicates.extend({name: member} for name, member in pairs)
        return value

    try:
        value = json.loads(text.removeprefix(b"\xef\xbb\xbf"), object_pairs_hook=members)
    except (ValueError, RecursionError):
        return False
    for holder, place, name, kind in sightings([value, *duplicates]):
        member = holder[place]
        if isinstance(member, str):
            secret = member.encode("utf-8", "surrogatepass")
            yield Credential(kind, secret)
            if kind == "header":
                yield from header_credentials(header_kind(name.encode("utf-8", "replace")) or kind, secret)
    if is_nested and isinstance(value, dict | list):
        for kind, secret_text in secrets_inside(value):
            yield Credential(kind, secret_text.encode("utf-8", "surrogatepass"))
    return True


def _text_credentials(text: bytes) -> Iterator[Credential]:
    """The credentials in a body that is not JSON as a whole. Of a long one, only its ends are searched."""
    for piece in [text] if len(text) <= 2 * _MAX_TEXT else [text[:_MAX_TEXT], text[-_MAX_TEXT:]]:
        for kind, start, end in members_in(piece):
            yield Credential(kind, piece[start:end])
        if b"\n" not in piece[:_MAX_PAIR]:
            yield from _form_credentials(piece)


def _form_credentials(text: bytes) -> Iterator[Credential]:
    for pair in text.split(b"&", _MAX_PAIRS):
        name, _, value = pair.replace(b"+", b" ").partition(b"=")
        secret = unquote_to_bytes(value)
        if kind := credential_kind(unquote_to_bytes(name[:256]).decode("latin-1"), secret.decode("latin-1")):
            yield Credential(kind, secret)
        # JSON in a field
        elif secret.startswith((b"{", b"[")):
            yield from (Credential(inner, secret[start:end]) for inner, start, end in members_in(secret))

"""The normal form of a request's body, chosen by its content-type.

JSON becomes a Document. Every other body becomes a small object with a `kind`, so that bodies of two kinds never
look alike: form, multipart, text, bytes, or digest (for text and bytes too long to be saved). A body that would
take too long to read is identified by its bytes, and its member `limit` says which limit it exceeds.
"""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Any
from urllib.parse import unquote_to_bytes

from addon.identity.canonical_json import Document, NotCanonical, parse
from addon.identity.header_form import KeptHeaders, media_type, value_of
from addon.identity.multipart_form import Part, boundary_of, parts_of
from addon.redaction.redact import hides_secrets, redact_bytes
from cache_store.answers.content_coding import BadCoding, decode

__all__ = ["Body", "decoded_body", "normal_body"]

type Body = Document | dict[str, Any] | None

# The most bytes of text or binary data that are saved; longer data is saved as its size and SHA-256.
_INLINE = 64 * 1024

_MAX_DECODED = 64 * 1024 * 1024
_MAX_JSON = 64 * 1024 * 1024
# Members and items, at least: a reader takes up to 0.5 s and 0.2 GB for so many.
_MAX_VALUES = 2_000_000
_MAX_PAIRS = 10_000
_JSON = re.compile(r"(?:[\w.+-]+/[\w.+-]+\+json|(?:application|text)/json)?")
_FORM = "application/x-www-form-urlencoded"


def decoded_body(body: bytes, encoding: str) -> bytes | None:
    """The body without its content-encoding; None if it cannot be decoded or decodes to more than 64 MiB."""
    try:
        return decode(body, encoding, _MAX_DECODED) if encoding else body
    except BadCoding:
        return None


def normal_body(body: bytes, kept: KeptHeaders, *, is_decoded: bool) -> Body:
    """The normal form of `body`. `is_decoded` is false if a content-encoding could not be undone."""
    if not body:
        return None
    content_type = value_of(kept, b"content-type")
    kind = media_type(content_type)
    # The bytes of an upload are the file, whatever its content-type (google-genai sends application/json).
    is_file = "upload" in value_of(kept, b"x-goog-upload-command")
    read: Body = None
    limit = ""
    if is_decoded and not is_file:
        if _JSON.fullmatch(kind):
            limit = _json_limit(body)
            read = None if limit else _json(body)
        elif kind == _FORM:
            limit = f"more than {_MAX_PAIRS:,} pairs" if body.count(b"&") >= _MAX_PAIRS else ""
            read = None if limit else _form(body)
        elif kind.startswith("multipart/"):
            read = _multipart(body, content_type)
    if read is not None:
        return read
    raw = _raw_body(body) | ({"limit": limit} if limit else {})
    # A reader of the saved request might be able to decode what we could not, and find a secret in it.
    return raw if is_decoded or raw["kind"] == "text" else _digest(body)


def _json_limit(body: bytes) -> str:
    """Which limit a JSON text exceeds; '' if none."""
    if len(body) > _MAX_JSON:
        return f"longer than {_MAX_JSON // 1024**2} MiB"
    # Brackets and commas inside of texts count too, which at worst costs a miss.
    if len(body) > _MAX_VALUES and sum(map(body.count, (b",", b"{", b"["))) > _MAX_VALUES:
        return f"more than {_MAX_VALUES:,} values"
    return ""


def _json(body: bytes) -> Document | None:
    try:
        return parse(body)
    except NotCanonical:
        return None


def _form(body: bytes) -> dict[str, Any] | None:
    """Pairs in order (WHATWG URL, 5.1): `a` becomes `["a", null]`, and `a=` becomes `["a", ""]`."""
    # curl sends JSON under this type unless told otherwise.
    if body[:1] in (b"{", b"["):
        return None
    try:
        pairs = [
            [_unquoted(name), _unquoted(value) if equals else None]
            for name, equals, value in (part.partition(b"=") for part in body.split(b"&"))
        ]
    except UnicodeDecodeError:
        return None
    return {"kind": "form", "pairs": pairs}


def _unquoted(text: bytes) -> str:
    return unquote_to_bytes(text.replace(b"+", b" ")).decode()


def _multipart(body: bytes, content_type: str) -> dict[str, Any] | None:
    boundary = boundary_of(content_type)
    parts = parts_of(body, boundary) if boundary else None
    return None if parts is None else {"kind": "multipart", "parts": [_saved_part(part) for part in parts]}


def _saved_part(part: Part) -> dict[str, Any]:
    saved: dict[str, Any] = {"name": part.name, "filename": part.filename, "content_type": part.content_type}
    if part.headers:
        saved["headers"] = [list(header) for header in part.headers]
    raw = _raw_body(part.content)
    kind = raw.pop("kind")
    return saved | ({kind: raw["value"]} if kind == "text" else raw)


def _raw_body(data: bytes) -> dict[str, Any]:
    """A body as its bytes: text unchanged (it is redacted later, with all other text), other data redacted."""
    if len(data) <= _INLINE and not hides_secrets(data):
        try:
            return {"kind": "text", "value": data.decode()}
        except UnicodeDecodeError:
            redacted = redact_bytes(data, members=True)
            return {"kind": "bytes", "base64": base64.b64encode(redacted).decode()}
    return _digest(data)


def _digest(data: bytes) -> dict[str, Any]:
    data = redact_bytes(data)
    return {"kind": "digest", "sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}

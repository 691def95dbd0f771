"""The saved form of a request, which is exactly what its key is computed from.

It is one JSON object in UTF-8. JSON delimits its parts, so two different requests cannot have the same form, and
anyone who has a saved request can compute its key.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from addon.identity.canonical_json import MAX_DEPTH, Document, NotCanonical, Number, parse, written
from addon.identity.ignoring import ignore_headers, ignore_query
from addon.identity.rules import IdentityRules
from cache_store.errors import CorruptEntry

__all__ = [
    "VOLATILE",
    "dump_content",
    "dump_head",
    "dump_header_pairs",
    "dump_saved",
    "key_of",
    "parse_saved",
    "read_head",
]

_KEY_PREFIX = "pp2-"
"""The version of keys. Any change to what is hashed needs a new one."""

_VOLATILE_PREFIX = "pp2v-"

_HASHER = hashlib.sha256(b"provider-proxy request identity 2\0")
# The saved object and its `body` enclose the request's own body.
_MAX_DEPTH = MAX_DEPTH + 2
VOLATILE = "volatile"
"""A member of the head that says that volatile values are replaced."""
_VOLATILE_START = b'{"volatile":'
_HEAD = ("method", "scheme", "host", "port", "path", "query", "headers", "credential")
_MARKERS = "cache_control"
_ENCODE = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":")).encode


def key_of(saved: bytes) -> str:
    """The key of a saved form: `pp2-` and 64 hex digits; `pp2v-` if values in it are bound by volatile rules."""
    hasher = _HASHER.copy()
    hasher.update(saved)
    prefix = _VOLATILE_PREFIX if saved.startswith(_VOLATILE_START) else _KEY_PREFIX
    return prefix + hasher.hexdigest()


def parse_saved(request_json: bytes) -> Document:
    """The JSON of a saved request. Raises CorruptEntry if it is not JSON."""
    try:
        return parse(request_json, _MAX_DEPTH)
    except NotCanonical as error:
        raise CorruptEntry("a saved request is not valid JSON") from error


def dump_saved(head: dict[str, Any], markers: list[Any], body: Document | dict[str, Any] | None) -> bytes:
    """The saved form: `dump_head` followed by `dump_content`."""
    return dump_head(head) + dump_content(markers, body)


def dump_head(head: dict[str, Any]) -> bytes:
    """The first part of the saved form. A member `volatile` of the head stands first."""
    return _ENCODE({name: head[name] for name in (VOLATILE, *_HEAD) if name in head})[:-1].encode()


def dump_header_pairs(pairs: list[list[str]]) -> bytes:
    """The headers as `dump_head` writes them."""
    return _ENCODE(pairs).encode()


def dump_content(markers: list[Any], body: Document | dict[str, Any] | None) -> bytes:
    """The second part of the saved form. `markers` are the `cache_control` markers taken out of the body."""
    start = b',"%s":%s' % (_MARKERS.encode(), written(markers)) if markers else b""
    if isinstance(body, Document):
        return b'%s,"body":{"kind":"json","value":%s}}' % (start, body.dump())
    return b'%s,"body":%s}' % (start, written(body))


def read_head(saved: Any, rules: IdentityRules) -> tuple[dict[str, Any], list[Any], dict[str, Any] | None]:
    """The head (with ignore rules applied), markers and body of a parsed saved form.

    Raises CorruptEntry if it is not a saved form.
    """
    if not isinstance(saved, dict) or saved.keys() - {_MARKERS, VOLATILE} != {*_HEAD, "body"}:
        raise CorruptEntry("a saved request lacks the expected members")
    texts = [saved[name] for name in ("method", "scheme", "host", "path")]
    query, headers, markers, body = saved["query"], saved["headers"], saved.get(_MARKERS, []), saved["body"]
    is_valid = (
        all(_is_text(text) for text in texts)
        and type(saved["port"]) is int
        and type(saved["credential"]) is bool
        and saved.get(VOLATILE, True) is True
        and _are_pairs(query)
        and _are_pairs(headers)
        and isinstance(markers, list)
        and all(isinstance(m, dict) and all(map(_is_text, m.values())) for m in markers)
        and (body is None or (isinstance(body, dict) and _is_body(body)))
    )
    if not is_valid:
        raise CorruptEntry("a saved request has a member of the wrong type")
    head = {name: saved[name] for name in (VOLATILE, *_HEAD) if name in saved}
    head |= {"query": ignore_query(query, rules), "headers": ignore_headers(headers, rules)}
    return head, markers, body


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _are_pairs(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(pair, list)
        and len(pair) == 2
        and _is_text(pair[0])
        and (pair[1] is None or _is_text(pair[1]))
        for pair in value
    )


_BODY_MEMBERS = {
    "json": {"kind", "value"},
    "text": {"kind", "value"},
    "bytes": {"kind", "base64"},
    "digest": {"kind", "sha256", "size"},
    "form": {"kind", "pairs"},
    "multipart": {"kind", "parts"},
}


# Only these may say which limit the body exceeds.
_AS_BYTES = ("text", "bytes", "digest")


def _is_body(body: dict[str, Any]) -> bool:
    kind = body.get("kind")
    members = body.keys() - {"limit"} if kind in _AS_BYTES else body.keys()
    if not isinstance(kind, str) or members != _BODY_MEMBERS.get(kind):
        return False
    return kind == "json" or not _has_number(body)


def _has_number(value: Any) -> bool:
    """Whether `value` contains a long or fractional number, which no body of ours but JSON does."""
    if isinstance(value, dict | list):
        return any(map(_has_number, value.values() if isinstance(value, dict) else value))
    return isinstance(value, Number)

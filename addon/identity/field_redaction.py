"""Replaces credentials in a request's body: by shape in any text, and by name in members that hold them.

A replaced value keeps a hash of itself, so that two values remain two requests.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from addon.identity.canonical_json import Number, written
from addon.identity.denylist import Verdict, header_verdict
from addon.redaction.credential_places import looks_like_credential
from addon.redaction.member_names import credential_kind, is_redacted
from addon.redaction.members import sightings
from addon.redaction.redact import Redaction, redact_text, redacted

__all__ = ["has_name", "redact_members", "redact_other", "redact_tree", "with_redactions"]

_IN_CLEAR = frozenset({Verdict.CLEAR, Verdict.SET})
# Hashed before a number, because 1 differs from "1". No text contains this byte in UTF-8.
_NOT_TEXT = b"\xff"
_COLON = ord(":")


def redact_tree(value: Any, redact: Callable[[str], str] = redact_text) -> Any:
    """A JSON value with secret shapes replaced in every text, names included.

    `redact` redacts one text. Two different names never become equal.
    """
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, list):
        return [redact_tree(item, redact) for item in value]
    if isinstance(value, dict):
        return type(value)((redact(name), redact_tree(member, redact)) for name, member in value.items())
    return value


def has_name(found: list[Redaction], saved: bytes) -> bool:
    """Whether one of the texts to redact in `saved` (canonical JSON) is a member's name."""
    return any(saved[redaction.end] == _COLON for redaction in found)


def with_redactions(found: list[Redaction], saved: bytes) -> bytes:
    """`saved` (canonical JSON) with the redacted texts in their places."""
    pieces: list[bytes] = []
    at = 0
    for start, end, _, safe in found:
        pieces += (saved[at:start], written(safe))
        at = end
    return b"".join((*pieces, saved[at:]))


def redact_members(body: Any) -> bool:
    """Replace the values of members that hold credentials, in place. Returns whether there were any."""
    changed = False
    for holder, place, name, kind in sightings(body):
        if value := _header_bytes(name, holder[place]) if kind == "header" else _as_bytes(holder[place]):
            holder[place] = redacted(kind, value)
            changed = True
    return changed


def _header_bytes(name: str, value: Any) -> bytes:
    """What is hashed of the value of an MCP server's header; b"" if the header is known to be harmless."""
    verdict, _ = header_verdict(name.encode("utf-8", "surrogatepass"), is_provider=False)
    if verdict in _IN_CLEAR:
        return b""
    return _NOT_TEXT + written(value) if isinstance(value, dict | list) else _as_bytes(value)


def _as_bytes(value: Any) -> bytes:
    """What is hashed of a member's value; b"" if it needs no redaction."""
    if isinstance(value, str):
        return b"" if is_redacted(value) else value.encode()
    is_number = isinstance(value, int | Number) and not isinstance(value, bool)
    return _NOT_TEXT + written(value) if is_number else b""


def redact_other(body: dict[str, Any], *, is_saved: bool = False) -> dict[str, Any]:
    """A body that is not JSON, in its saved form, with shapes and credential fields replaced.

    `is_saved` if the body comes from a saved request.
    """
    if body["kind"] == "text":
        return body | {"value": redact_text(body["value"], members=True, is_saved=is_saved)}
    if body["kind"] == "form":
        return body | {"pairs": [_pair(name, value, is_saved) for name, value in body["pairs"]]}
    if body["kind"] == "multipart":
        return body | {"parts": [_part(part, is_saved) for part in body["parts"]]}
    return body


def _pair(name: str, value: str | None, is_saved: bool) -> list[str | None]:
    return [
        redact_text(name, is_saved=is_saved),
        value if value is None else _field(name, value, is_saved),
    ]


def _part(part: dict[str, Any], is_saved: bool) -> dict[str, Any]:
    name = part["name"] or ""
    redact = partial(redact_text, is_saved=is_saved)
    safe = {key: redact_tree(value, redact) for key, value in part.items() if key != "text"}
    if "headers" in safe:
        safe["headers"] = [[header, _header(header, value)] for header, value in safe["headers"]]
    if "text" in part:
        return safe | {"text": _field(name, part["text"], is_saved)}
    if "base64" in safe:
        return safe | {"base64": _field(name, safe["base64"], is_saved)}
    return safe


def _header(name: str, value: str) -> str:
    verdict, _ = header_verdict(name.encode(), is_provider=False)
    is_clear = verdict is not Verdict.CREDENTIAL and not looks_like_credential(name)
    return value if is_clear or not value or is_redacted(value) else redacted("header", value.encode())


def _field(name: str, value: str, is_saved: bool) -> str:
    kind = credential_kind(name, value) or ("field" if value and looks_like_credential(name) else None)
    if kind and not (is_saved and is_redacted(value)):
        return redacted(kind, value.encode("utf-8", "surrogatepass"))
    return redact_text(value, members=True, is_saved=is_saved)

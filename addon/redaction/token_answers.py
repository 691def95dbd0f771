"""Recognises answers that hand out credentials, by the names of their members, never by generated text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from cache_store.answers.abridged import abridged_json

__all__ = ["carries_credentials"]

# Normalised name (lower case, no `_` or `-`) -> kind. `token` is missing because logprobs have one.
_MEMBERS = {
    "accesstoken": "access-token",  # RFC 6749 5.1; AWS SSO has accessToken
    "refreshtoken": "refresh-token",
    "idtoken": "id-token",
    "clientsecret": "client-secret",  # RFC 7591; OpenAI realtime sessions: {"client_secret": {"value": "ek_…"}}
    "secretaccesskey": "secret-access-key",  # AWS STS, SSO and instance metadata
    "sessiontoken": "session-token",
    "securitytoken": "security-token",
    "privatekey": "private-key",
    "privatekeydata": "private-key",  # Google IAM service account keys
    "ephemeralkey": "ephemeral-key",
}
# Members that a model wrote, or that the answer repeats from the request.
_GENERATED = frozenset({"input", "arguments", "args", "parameters", "properties"})
_ENDINGS = (b'token"', b'secret"', b'key"', b'keydata"', b'key_data"')
_LONGEST_ENDING = max(map(len, _ENDINGS))
_STEP = 256 * 1024  # bytes lowered at a time
_XML = re.compile(rb"(?i)<(?:[\w.-]{1,64}:)?([\w-]{4,40})(?:\s[^<>]{0,1024})?>\s*[^<\s]")
_SEPARATORS = str.maketrans("", "", "_-")
_MAX_DEPTH = 12


def carries_credentials(body: bytes, media_type: str) -> str | None:
    """The kind of credential that an answer of this media type hands out, or None. Never raises.

    Reads JSON, XML and forms. A body that starts like JSON or XML is read as such, whatever its media type.
    """
    kind = media_type.partition(";")[0].strip().lower()
    start = body[:64].lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    if "json" in kind or start in (b"{", b"["):
        return _in_json(body)
    if "xml" in kind or start == b"<":
        return _first(match[1].decode() for match in _XML.finditer(body))
    if kind == "application/x-www-form-urlencoded" or (kind == "text/plain" and b"=" in body[:64]):
        return _first(pair.partition(b"=")[0].decode("latin-1") for pair in body.split(b"&"))
    return None


def _first(names: Iterator[str]) -> str | None:
    return next(
        (_MEMBERS[name] for raw in names if (name := raw.translate(_SEPARATORS).lower()) in _MEMBERS), None
    )


def _in_json(body: bytes) -> str | None:
    if not _may_name_one(body) and b"\\u00" not in body:
        return None
    try:
        value = json.loads(abridged_json(body))
    except (ValueError, RecursionError):
        return None
    return _in_value(value, _MAX_DEPTH)


def _may_name_one(body: bytes) -> bool:
    for at in range(0, len(body), _STEP):
        lower = body[at : at + _STEP + _LONGEST_ENDING].lower()
        if any(ending in lower for ending in _ENDINGS):
            return True
    return False


def _in_value(value: Any, depth: int) -> str | None:
    if depth == 0:
        return None
    if isinstance(value, list):
        return next((kind for item in value if (kind := _in_value(item, depth - 1))), None)
    if not isinstance(value, dict):
        return None
    for name, member in value.items():
        if name in _GENERATED:
            continue
        known = _MEMBERS.get(name.translate(_SEPARATORS).lower()) if len(name) <= 40 else None
        if known and _holds_text(member):
            return known
        if kind := _in_value(member, depth - 1):
            return kind
    return None


def _holds_text(member: Any) -> bool:
    return bool(member) and (
        isinstance(member, str) or (isinstance(member, dict) and _holds_text(member.get("value")))
    )

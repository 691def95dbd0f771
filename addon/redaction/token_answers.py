"""Recognises answers that hand out credentials, by the names of their members, never by generated text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from io import BytesIO
from typing import Any

from addon.redaction.member_names import credential_kind
from addon.redaction.members import may_name_one
from cache_store.answers.abridged import abridged_json

__all__ = ["carries_credentials"]

# Members that a model wrote, or that the answer repeats from the request.
_GENERATED = frozenset({"input", "arguments", "args", "parameters", "properties"})
_XML = re.compile(rb"<(?:[\w.-]{1,64}:)?([\w-]{2,64})(?:\s[^<>]{0,1024})?>\s*([^<\s][^<]{0,8192}+)")
# Beside these, `token` is a piece of generated text.
_OF_LOGPROBS = frozenset({"logprob", "logProbability", "log_probability", "top_logprobs"})
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
        return _first(match.groups() for match in _XML.finditer(body))
    if kind == "application/x-www-form-urlencoded" or (kind == "text/plain" and b"=" in body[:64]):
        return _first(pair.split(b"=", 1) for pair in body.split(b"&") if b"=" in pair)
    return None


def _first(pairs: Iterable[Sequence[bytes]]) -> str | None:
    kinds = (credential_kind(name.decode("latin-1"), value.decode("latin-1")) for name, value in pairs)
    return next((kind for kind in kinds if kind), None)


def _in_json(body: bytes) -> str | None:
    if not may_name_one(body):
        return None
    try:
        value = json.loads(abridged_json(body))
    except (ValueError, RecursionError):
        return next((kind for line in BytesIO(body) if (kind := _in_line(line))), None)
    return _in_value(value, _MAX_DEPTH)


def _in_line(line: bytes) -> str | None:
    try:
        return _in_value(json.loads(line), _MAX_DEPTH)
    except (ValueError, RecursionError):
        return None


def _in_value(value: Any, depth: int) -> str | None:
    if depth == 0:
        return None
    if isinstance(value, list):
        return next((kind for item in value if (kind := _in_value(item, depth - 1))), None)
    if not isinstance(value, dict):
        return None
    for name, member in value.items():
        if name in _GENERATED or (name == "token" and not _OF_LOGPROBS.isdisjoint(value)):
            continue
        text = member.get("value") if isinstance(member, dict) else member
        if isinstance(text, str) and text and (kind := credential_kind(name, text)):
            return kind
        if kind := _in_value(member, depth - 1):
            return kind
    return None

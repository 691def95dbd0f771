"""Recognises answers that hand out credentials, by the names of their members, never by generated text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from io import BytesIO
from typing import Any

from addon.redaction.member_names import credential_kind, is_credential_header
from addon.redaction.members import Sighting, may_name_one, sightings
from cache_store.answers.abridged import abridged_json
from cache_store.answers.media import SESSION

__all__ = ["carries_credentials"]

# Members that a model wrote, or that the answer repeats from the request.
_GENERATED = frozenset({"input", "arguments", "args", "parameters", "properties"})
_XML = re.compile(rb"<(?:[\w.-]{1,64}:)?([\w-]{2,64})(?:\s[^<>]{0,1024})?>\s*([^<\s][^<]{0,8192}+)")
# In an answer this signs a thought.
_SIGNATURE = "sig"
_BARE = frozenset({"key", "keys"})
_BARE_KEY = re.compile(r"[A-Za-z0-9_+=-]{20,}")


def carries_credentials(body: bytes, media_type: str) -> str | None:
    """The kind of credential that an answer of this media type hands out, or None. Never raises.

    Reads JSON, recorded WebSocket sessions, events, XML and forms. A body that starts like JSON or XML is read as
    such, whatever its media type.
    """
    kind = media_type.partition(";")[0].strip().lower()
    start = body[:64].lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    if kind == SESSION:
        return _in_json(body) or _in_text_frames(body)
    if "json" in kind or start in (b"{", b"["):
        return _in_json(body)
    if kind == "text/event-stream":
        return _in_lines(body) if may_name_one(body) else None
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
        # JSON lines
        return _in_lines(body)
    return _in_value(value)


def _in_text_frames(body: bytes) -> str | None:
    """What the frames of a session hand out that are kept as texts: the names in them are escaped, or shortened."""
    try:
        frames = json.loads(body)["frames"]
        texts = [str(frame["text"]) for frame in frames if isinstance(frame, dict) and "text" in frame]
    except (ValueError, LookupError, TypeError, RecursionError):
        return None  # it cannot be replayed either
    return next((kind for text in texts if (kind := _in_json(text.encode("utf-8", "replace")))), None)


def _in_lines(body: bytes) -> str | None:
    return next((kind for line in BytesIO(body) if may_name_one(line) and (kind := _in_line(line))), None)


def _in_line(line: bytes) -> str | None:
    try:
        return _in_value(json.loads(line.removeprefix(b"data:")))
    except (ValueError, RecursionError):
        return None


def _in_value(value: Any) -> str | None:
    return next((one.kind for one in sightings(value, leaving_out=_GENERATED) if _is_handed_out(one)), None)


def _is_handed_out(sighting: Sighting) -> bool:
    value = sighting.holder[sighting.place]
    if sighting.name.lower() == _SIGNATURE:
        return False
    if not isinstance(value, str) or (sighting.kind == "header" and not is_credential_header(sighting.name)):
        return False
    # A bare `key` is mostly the key of an object in a store.
    return sighting.name.lower() not in _BARE or _BARE_KEY.fullmatch(value) is not None

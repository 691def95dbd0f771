"""Tells the kind of a body from its content-type, and from its first bytes if the type says little."""

from __future__ import annotations

import enum
import re

from cache_store.entry import Headers

__all__ = ["SESSION", "Kind", "essence_of", "kind_of"]

SESSION = "application/vnd.provider-proxy.websocket+json"
"""The media type of a recorded WebSocket session."""


class Kind(enum.Enum):
    """How a body is to be read."""

    EVENTS = enum.auto()
    FRAMES = enum.auto()
    LINES = enum.auto()
    JSON = enum.auto()
    HTML = enum.auto()
    PICTURE = enum.auto()  # or a PDF
    SOUND = enum.auto()  # or video
    BINARY = enum.auto()
    TEXT = enum.auto()


_LINES = re.compile(
    r"application/(?:x-)?(?:ndjson|jsonl|jsonlines|json-lines|json-stream|json-seq)$|application/stream\+json$"
)
_BINARY = re.compile(
    r"application/(?:octet-stream|zip|gzip|x-tar|x-gzip|x-protobuf|protobuf)$|binary/|font/|model/"
)
_MARKUP = re.compile(
    rb"\s*(?:<\?xml[^>]{0,200}>\s*)?(?:<!--.{0,400}?-->\s*)?<(?:!doctype\s+html|html|head)\b",
    re.IGNORECASE | re.DOTALL,
)
_BOM = b"\xef\xbb\xbf"
_EVENT_START = re.compile(rb"(?::[^\r\n]*[\r\n]+)*(?:data|event): ?")
_START = 2048  # bytes of a body that are looked at


def essence_of(headers: Headers) -> str:
    """The media type in lower case, without parameters; '' if there is none."""
    for name, value in headers:
        if name.lower() == b"content-type":
            return value.decode("latin-1").partition(";")[0].strip().lower()
    return ""


def kind_of(essence: str, body: bytes) -> Kind:
    """The kind of a body that is not empty."""
    start = body[:_START].removeprefix(_BOM)
    if essence in ("text/html", "application/xhtml+xml") or _MARKUP.match(start):
        return Kind.HTML
    if essence == "text/event-stream":
        return Kind.EVENTS
    if essence == "application/vnd.amazon.eventstream":
        return Kind.FRAMES
    if _LINES.match(essence):
        return Kind.LINES
    if essence in ("application/json", "text/json") or essence.endswith("+json"):
        # Some gateways label a stream so, and the SDKs read it anyway: they do not look at the type.
        return Kind.EVENTS if _EVENT_START.match(start) else Kind.JSON
    if essence.startswith("image/") or essence == "application/pdf":
        return Kind.PICTURE
    if essence.startswith(("audio/", "video/")):
        return Kind.SOUND
    return _kind_by_start(start, Kind.BINARY if _BINARY.match(essence) else Kind.TEXT)


def _kind_by_start(start: bytes, otherwise: Kind) -> Kind:
    """The kind of a body whose type does not tell its shape: files are often sent as octet-stream or text."""
    if start.lstrip().startswith(b"{"):
        return Kind.JSON
    if otherwise is Kind.TEXT and _EVENT_START.match(start):
        return Kind.EVENTS
    return otherwise

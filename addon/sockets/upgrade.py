"""Reads the request that opens a WebSocket (RFC 6455, 4.1), and makes from it the requests that are identified.

Sessions have the scheme `ws` or `wss` in their identity, so that no plain HTTP request has the key of one.
"""

from __future__ import annotations

import base64
import enum
import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from addon.messages import WireRequest
from cache_store.entry import Headers, header_value

__all__ = [
    "Kind",
    "accept_for",
    "frame_request",
    "kind_of_session",
    "offered",
    "session_request",
    "turn_request",
]

_ACCEPT = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, 1.3
_HANDSHAKE = re.compile(
    rb"sec-websocket-.*|connection|upgrade|content-(?:length|type|encoding)", re.IGNORECASE
)
_JSON = (b"content-type", b"application/json")
_BETA = b"openai-beta"
# The beta that a client of the Responses API names when it opens a WebSocket.
_WEBSOCKET_BETA = "responses_websockets="
# Subprotocols by which browsers send a credential, such as OpenAI's `openai-insecure-api-key.…`.
_CREDENTIAL = re.compile(r"key|token|bearer|secret|jwt", re.IGNORECASE)
# Two subprotocols in a row, the second of which is the credential, as `token, …` of Deepgram.
# https://developers.deepgram.com/docs/using-the-sec-websocket-protocol
_NAMES_NEXT = re.compile(r"(?:[a-z]+[-_])?(?:key|token|bearer|secret|jwt)", re.IGNORECASE)


class Kind(enum.Enum):
    """How the sessions of an endpoint are handled."""

    RESPONSES = "responses"
    """Each `response.create` is a request of OpenAI's Responses API."""
    SESSION = "session"
    """The session is one recording."""
    SOUND = "sound"
    """It carries sound in both directions and is not recorded."""


def kind_of_session(request: WireRequest) -> Kind:
    """The kind of an upgrade request, by its path."""
    path = request.target.partition("?")[0].rstrip("/")
    if path.endswith("/responses"):
        return Kind.RESPONSES
    return Kind.SOUND if "BidiGenerateContent" in path else Kind.SESSION


def accept_for(key: str) -> str:
    """The `Sec-WebSocket-Accept` that answers a `Sec-WebSocket-Key`."""
    digest = hashlib.sha1(key.encode("latin-1", "replace") + _ACCEPT, usedforsecurity=False).digest()
    return base64.b64encode(digest).decode()


def offered(headers: Headers) -> list[str]:
    """The subprotocols that a client offers, without those that are credentials."""
    names = [item.strip() for item in header_value(headers, b"sec-websocket-protocol").split(",")]
    return [
        name
        for before, name in zip(("", *names), names, strict=False)
        if name and not _CREDENTIAL.search(name) and not _NAMES_NEXT.fullmatch(before)
    ]


def session_request(upgrade: WireRequest, frames: Sequence[Any]) -> WireRequest:
    """The request that stands for a session whose client began with `frames`, in their redacted form."""
    body = {"protocols": offered(upgrade.headers), "frames": list(frames)}
    return _with_body(upgrade, json.dumps(body).encode())


def frame_request(upgrade: WireRequest, text: str) -> WireRequest:
    """The request that stands for one frame of a client."""
    return _with_body(upgrade, text.encode("utf-8", "replace"))


def turn_request(upgrade: WireRequest, body: bytes) -> WireRequest:
    """The POST that would ask the same as a `response.create`."""
    scheme = "https" if upgrade.scheme in ("https", "wss") else "http"
    return replace(upgrade, method="POST", scheme=scheme, headers=_plain_headers(upgrade.headers), body=body)


def _with_body(upgrade: WireRequest, body: bytes) -> WireRequest:
    scheme = "wss" if upgrade.scheme in ("https", "wss") else "ws"
    return replace(upgrade, scheme=scheme, headers=_plain_headers(upgrade.headers), body=body)


def _plain_headers(headers: Headers) -> Headers:
    """The headers without what only opens a WebSocket, and with the type of a JSON body."""
    kept = []
    for name, value in headers:
        if _HANDSHAKE.fullmatch(name):
            continue
        if name.lower() == _BETA:
            items = [item.strip() for item in value.decode("latin-1").split(",")]
            items = [item for item in items if item and not item.startswith(_WEBSOCKET_BETA)]
            if not items:
                continue
            value = ", ".join(items).encode("latin-1")
        kept.append((name, value))
    return (*kept, _JSON)

"""OpenAI's Responses API over a WebSocket: its frames are the events of a stream, and its requests are POSTs.

Sources: OpenAI's guide "WebSocket mode", and openai-python, `types/responses/responses_client_event.py`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from addon.sockets.frames import json_object
from cache_store.answers.media import Kind, essence_of, kind_of
from cache_store.answers.sse import parse
from cache_store.entry import Headers

__all__ = [
    "ACKNOWLEDGEMENTS",
    "CREATE",
    "STREAM",
    "error_body",
    "error_event",
    "events_in",
    "is_last",
    "lane_of",
    "previous_of",
    "request_body",
    "response_id",
    "stream_of",
    "with_lane",
    "without_lane",
]

CREATE = "response.create"
ACKNOWLEDGEMENTS = frozenset({"response.processed"})
"""Frames of a client that ask for nothing."""
STREAM: Headers = ((b"content-type", b"text/event-stream; charset=utf-8"),)
"""The headers of an answer that is a stream of events."""

_LANE = "stream_id"
_LAST = frozenset(
    {"response.completed", "response.incomplete", "response.failed", "response.cancelled", "error"}
)
_DONE = "[DONE]"


def lane_of(frame: dict[str, Any]) -> str:
    """The lane of a frame: one socket may carry several responses at a time."""
    lane = frame.get(_LANE)
    return lane if isinstance(lane, str) else ""


def previous_of(create: dict[str, Any]) -> str:
    """The id of the response that a `response.create` goes on from; '' for none."""
    previous = create.get("previous_response_id")
    return previous if isinstance(previous, str) else ""


def request_body(create: dict[str, Any], previous: tuple[str, str] | None) -> bytes:
    """The body of the POST that asks the same as this `response.create`.

    A later turn sends its new items only. `previous` is the key and the digest of the answer that it goes on from,
    if that is known; they belong to the question.
    """
    body = {name: value for name, value in create.items() if name not in ("type", _LANE)}
    body["stream"] = True
    if previous is not None:
        body["previous_answer"] = list(previous)  # a member `key` would count as a credential
    return json.dumps(body).encode()


def is_last(event: dict[str, Any]) -> bool:
    """Whether this event ends a response."""
    return event.get("type") in _LAST


def response_id(events: Sequence[str]) -> str:
    """The id of the response that these events tell; '' if they name none."""
    for text in reversed(events):
        response = (json_object(text) or {}).get("response")
        if isinstance(response, dict) and isinstance(response.get("id"), str):
            return str(response["id"])
    return ""


def stream_of(events: Sequence[str]) -> bytes:
    """The events as the body of a streamed answer, as HTTP has them."""
    parts = []
    for text in events:
        kind = (json_object(text) or {}).get("type", "")
        # A frame may be written over several lines, and each must begin with the field's name.
        lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        data = "\n".join(f"data: {line}" for line in lines)
        parts.append(f"event: {kind}\n{data}\n\n" if isinstance(kind, str) and kind else f"{data}\n\n")
    return "".join(parts).encode("utf-8", "replace")


def events_in(status: int, headers: Headers, body: bytes) -> list[str]:
    """The frames that tell the client a recorded answer, which may have come over HTTP."""
    if kind_of(essence_of(headers), body) is Kind.EVENTS:
        return [event.data for event in parse(body).events if event.data != _DONE]
    error = json_object(body.decode("utf-8", "replace")) or {}
    details = error.get("error", error)
    return [json.dumps({"type": "error", "status": status, "error": details})]


def error_event(status: int, body: bytes, message: str = "") -> str:
    """The event that tells a client of an error; `body` is that of the HTTP answer which would tell it.

    `message` is told where the body tells nothing.
    """
    value = json_object(body.decode("utf-8", "replace")) or {}
    details = value.get("error")
    if not isinstance(details, dict):
        details = {"type": "server_error", "code": None, "message": message or f"status {status}"}
    return json.dumps({"type": "error", "status": status, "error": details})


def error_body(event: dict[str, Any]) -> bytes:
    """The body of the HTTP answer that tells the same as an `error` event."""
    return json.dumps({"error": event.get("error")}).encode()


def with_lane(event: str, lane: str) -> str:
    """The event as it is told in a lane."""
    value = json_object(event) if lane else None
    return event if value is None else json.dumps({**value, _LANE: lane})


def without_lane(event: dict[str, Any], text: str) -> str:
    """The event `text`, parsed as `event`, as it would be told without lanes."""
    if _LANE not in event:
        return text
    return json.dumps({name: item for name, item in event.items() if name != _LANE})

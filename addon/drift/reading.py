"""Reads an answer for a comparison: its documents, and what a program looks at in them.

A stream is read by its events; text and tool calls are joined. Where each dialect says why it ended:

    OpenAI chat, Mistral, Groq   `choices[].finish_reason`
    OpenAI Responses             `status` and `incomplete_details.reason` of the response
    Anthropic                    `stop_reason`, streamed in `delta`
    Gemini                       `candidates[].finishReason`
    Bedrock Converse             `stopReason`, in a frame of its own
    Cohere                       `finish_reason`, streamed in `delta`
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from addon.drift.shape import Shape, shape_of
from cache_store.answers import bounded_json, eventstream, sse
from cache_store.answers.media import Kind, essence_of, kind_of
from cache_store.answers.text import Spoken, spoken
from cache_store.answers.usage import model_of
from cache_store.entry import Headers, header_value

__all__ = ["Finish", "Reading", "pointer_of_name"]

_DONE = "[DONE]"
_PINGS = frozenset({"ping", "keepalive", "keep-alive"})
_STREAMS = frozenset({Kind.EVENTS, Kind.FRAMES, Kind.LINES})
_FINISHES = ("finish_reason", "finishReason", "stop_reason", "stopReason")


@dataclass(frozen=True, slots=True)
class Finish:
    """Why an answer, or one of several choices, ended, and the place that says so."""

    place: str
    reason: str


@dataclass(frozen=True)
class Reading:
    """An answer. `body` is decoded. A body that is not JSON, and no stream of JSON, has no documents."""

    status: int
    headers: Headers
    body: bytes

    @cached_property
    def media_type(self) -> str:
        """The content-type header in lower case, with its parameters."""
        return header_value(self.headers, b"content-type").lower()

    @cached_property
    def essence(self) -> str:
        """The media type without parameters."""
        return essence_of(self.headers)

    @cached_property
    def is_stream(self) -> bool:
        """Whether it is a sequence of documents."""
        return bool(self.body) and kind_of(self.essence, self.body) in _STREAMS

    @cached_property
    def documents(self) -> list[tuple[str, Any]]:
        """Its JSON documents, each with the kind of its event; '' for a document without one."""
        return [(kind, value) for kind, value in _documents(self) if kind not in _PINGS]

    @cached_property
    def shape(self) -> Shape:
        """Its shape."""
        return shape_of(self.documents)

    @cached_property
    def said(self) -> Spoken:
        """Its text and its tool calls, joined if they were streamed."""
        return (
            spoken(self.body, self.media_type or ("application/json" if self.documents else "")) or Spoken()
        )

    @cached_property
    def model(self) -> str:
        """The model that it names; '' for none."""
        return model_of(self.body, self.media_type) or ""

    @cached_property
    def model_place(self) -> str:
        """Where it names it."""
        names = ("model", "modelVersion")
        return next(
            (place for place, name, value in self._members() if name in names and value == self.model),
            "/model",
        )

    @cached_property
    def finishes(self) -> dict[str, Finish]:
        """Why it ended, by the choice that ended; the last one said counts."""
        found: dict[str, Finish] = {}
        for kind, document in self.documents:
            for choice, pointer, reason in _finishes(document):
                found[choice] = Finish(f"event {kind} {pointer}" if kind else pointer, reason)
        return found

    def _members(self) -> Iterator[tuple[str, str, Any]]:
        """Members near the top of the documents: place, name, value."""
        for kind, document in self.documents:
            before = f"event {kind} " if kind else ""
            for name, value in document.items() if isinstance(document, dict) else ():
                yield f"{before}/{name}", name, value
                for inner, item in value.items() if isinstance(value, dict) else ():
                    yield f"{before}/{name}/{inner}", inner, item


def pointer_of_name(reading: Reading, name: str) -> str:
    """The place at which an answer names a tool that it calls."""
    for kind, document in reading.documents:
        pointer = _pointer_of(document, name)
        if pointer is not None:
            return f"event {kind} {pointer}" if kind else pointer
    return ""


def _pointer_of(value: Any, wanted: str, pointer: str = "") -> str | None:
    if isinstance(value, dict):
        if value.get("name") == wanted:
            return f"{pointer}/name"
        items = [(name.replace("~", "~0").replace("/", "~1"), member) for name, member in value.items()]
    elif isinstance(value, list):
        items = [(str(number), item) for number, item in enumerate(value)]
    else:
        return None
    found = (
        _pointer_of(item, wanted, f"{pointer}/{step}")
        for step, item in items
        if isinstance(item, dict | list)
    )
    return next((one for one in found if one is not None), None)


def _documents(reading: Reading) -> Iterator[tuple[str, Any]]:
    match kind_of(reading.essence, reading.body) if reading.body else None:
        case Kind.EVENTS:
            yield from _of_events(reading.body)
        case Kind.FRAMES:
            yield from _of_frames(reading.body)
        case Kind.LINES:
            lines = map(_json, reading.body.splitlines())
            yield from ((_kind("", value), value) for value in lines if value is not None)
        case Kind.JSON:
            value = _json(reading.body)
            # Gemini's stream without `alt=sse` is one array.
            values = value if isinstance(value, list) else [] if value is None else [value]
            yield from (("", item) for item in values)


def _of_events(body: bytes) -> Iterator[tuple[str, Any]]:
    for event in sse.parse(body).events:
        if event.data.startswith(_DONE):
            yield _DONE, None
        elif (value := _json(event.data)) is not None:
            yield _kind(event.name, value), value


def _of_frames(body: bytes) -> Iterator[tuple[str, Any]]:
    try:
        frames = eventstream.frames(body)
    except ValueError:
        return
    for frame in frames:
        name = frame.headers.get(":event-type") or frame.headers.get(":exception-type") or ""
        value = _json(frame.payload)
        inner = value.get("bytes") if isinstance(value, dict) else None
        if isinstance(inner, str):  # a model's own event, of `invoke-with-response-stream`
            try:
                value = _json(base64.b64decode(inner))
            except ValueError:
                continue
        if value is not None:
            yield _kind(str(name), value), value


def _kind(name: str, value: Any) -> str:
    for member in ("type", "event_type"):
        if isinstance(value, dict) and isinstance(kind := value.get(member), str):
            return kind[:80]
    return name[:80]


def _json(text: str | bytes) -> Any:
    """The JSON value; None if there is none."""
    try:
        return bounded_json.loads(text)
    except ValueError:
        return None


def _finishes(document: Any) -> Iterator[tuple[str, str, str]]:
    """Of one document: the choice that ended, the place, and the reason."""
    if not isinstance(document, dict):
        return
    for list_name in ("choices", "candidates"):
        items = document.get(list_name)
        for number, item in enumerate(items if isinstance(items, list) else ()):
            if isinstance(item, dict):
                choice = str(item.get("index", number))
                yield from ((choice, f"/{list_name}/{number}{place}", why) for place, why in _named(item))
    yield from (("", place, why) for place, why in _named(document))
    for name in ("delta", "message", "response"):
        inner = document.get(name)
        if isinstance(inner, dict):
            yield from (("", f"/{name}{place}", why) for place, why in _named(inner))
            if inner.get("object") == "response":
                yield from (("", f"/{name}{place}", why) for place, why in _status(inner))
    if document.get("object") == "response":
        yield from (("", place, why) for place, why in _status(document))


def _named(item: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for name in _FINISHES:
        if isinstance(reason := item.get(name), str) and reason:
            yield f"/{name}", reason


def _status(response: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """A response of OpenAI's: its status, or why it is incomplete."""
    if isinstance(status := response.get("status"), str):
        yield "/status", status
    details = response.get("incomplete_details")
    if isinstance(details, dict) and isinstance(reason := details.get("reason"), str):
        yield "/incomplete_details/reason", reason

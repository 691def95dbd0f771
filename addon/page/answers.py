"""Reads an answer as people read it: the turns of a whole one, or of a stream, whose pieces are put together.

`cache_store.answers.text` reads the same formats for text and calls alone; this also reads thinking and media.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

from addon.page.blocks import Media, Part, Turn, argument_text, as_dict, as_text, parts_of
from addon.page.conversation import message_parts
from cache_store.answers import bounded_json, eventstream, sse
from cache_store.answers.media import Kind, essence_of, kind_of
from cache_store.entry import Headers

__all__ = ["StreamEvent", "events_of", "turns_of_answer"]

type StreamEvent = tuple[str, str]
"""An event's name, or the type that its data states, and its data."""


def turns_of_answer(headers: Headers, body: bytes, media: list[Media]) -> list[Turn]:
    """The turns of an answer; its media are added to `media`. Never raises."""
    if not body:
        return []
    essence = essence_of(headers)
    kind = kind_of(essence, body)
    if kind in (Kind.EVENTS, Kind.FRAMES, Kind.LINES):
        turns = _Stream(media).turns(data for _, data in events_of(headers, body))
        return turns or [Turn("answer", [Part("text", body.decode("utf-8", "replace"))])]
    if kind is Kind.SOUND or (kind is Kind.PICTURE and essence.startswith("image/")):
        media.append(Media(essence, base64.b64encode(body).decode()))
        found = "audio" if kind is Kind.SOUND else "image"
        return [Turn("answer", [Part(found, media=len(media) - 1, media_type=essence)])]
    if kind in (Kind.BINARY, Kind.PICTURE):
        return [Turn("answer", [Part("file", f"{len(body)} bytes", media_type=essence)])]
    try:
        document = bounded_json.loads(body)
    except ValueError:
        return [Turn("answer", [Part("text", body.decode("utf-8", "replace"))])]
    whole = list(_whole(document, media))
    return whole or [Turn("answer", [Part("data", argument_text(document))])]


def events_of(headers: Headers, body: bytes) -> list[StreamEvent]:
    """The events of a streamed answer; [] for any other. Never raises."""
    kind = kind_of(essence_of(headers), body) if body else Kind.BINARY
    if kind is Kind.EVENTS:
        return [(event.name or _type_in(event.data), event.data) for event in sse.parse(body).events]
    if kind is Kind.LINES:
        lines = [line for line in body.decode("utf-8", "replace").splitlines() if line.strip()]
        return [(_type_in(line), line) for line in lines]
    if kind is not Kind.FRAMES:
        return []
    try:
        frames = eventstream.frames(body)
    except ValueError:
        return []
    return [
        (str(frame.headers.get(":event-type", "")), frame.payload.decode("utf-8", "replace"))
        for frame in frames
    ]


def _type_in(data: str) -> str:
    """The type that an event's data states near its start: a full parse of each would take long."""
    start = data[:200]
    _, found, rest = start.partition('"type":')
    return rest.strip().removeprefix('"').partition('"')[0] if found and rest.lstrip().startswith('"') else ""


def _whole(document: Any, media: list[Media]) -> Iterator[Turn]:
    if isinstance(document, list):  # Gemini's stream as a JSON array
        yield from _Stream(media).documents(document)
        return
    document = as_dict(document)
    if "candidates" in as_dict(document.get("response")):  # Code Assist
        document = document["response"]
    if document.get("error"):
        yield Turn("error", [Part("error", _error_in(document["error"]))])
    for choice in _dicts(document.get("choices")):
        message = as_dict(choice.get("message"))
        parts = message_parts(message, media) if message else parts_of(choice.get("text"), media)
        yield Turn(as_text(message.get("role")) or "assistant", parts)
    for candidate in _dicts(document.get("candidates")):
        content = as_dict(candidate.get("content"))
        yield Turn(as_text(content.get("role")) or "model", parts_of(content.get("parts"), media))
    output = document.get("output")
    if isinstance(output, list):
        parts = [part for item in _dicts(output) for part in _output_item(item, media)]
        yield Turn("assistant", parts)
    message = as_dict(as_dict(output).get("message")) or as_dict(document.get("message"))
    if message:
        yield Turn(as_text(message.get("role")) or "assistant", message_parts(message, media))
    if isinstance(document.get("content"), list):
        yield Turn(as_text(document.get("role")) or "assistant", parts_of(document["content"], media))
    pictures = [item for item in _dicts(document.get("data")) if as_text(item.get("b64_json"))]
    if pictures:
        yield Turn("answer", [_picture(item["b64_json"], media) for item in pictures])


def _output_item(item: dict[str, Any], media: list[Media]) -> list[Part]:
    """The parts of one item of a Responses output."""
    if item.get("type") == "message":
        return parts_of(item.get("content"), media)
    return parts_of(item, media)


def _error_in(error: Any) -> str:
    return as_text(as_dict(error).get("message")) or as_text(error) or argument_text(error)


def _picture(data: str, media: list[Media]) -> Part:
    media.append(Media("image/png", data))
    return Part("image", media=len(media) - 1, media_type="image/png")


class _Stream:
    """Puts the pieces of a stream together. A piece belongs to the part with the same place."""

    def __init__(self, media: list[Media]) -> None:
        self._media = media
        self._turns: dict[object, Turn] = {}
        self._parts: dict[object, Part] = {}
        self._texts: dict[object, list[str]] = {}
        self._final: list[Turn] = []

    def turns(self, events: Iterator[str]) -> list[Turn]:
        """The turns of a stream, given the data of its events."""
        return self.documents(_parsed(events))

    def documents(self, documents: Any) -> list[Turn]:
        """The turns of a stream, given its parsed events."""
        for document in documents:
            if isinstance(document, dict):
                self._take(document)
        for place, pieces in self._texts.items():
            part = self._parts[place]
            part.text = "".join(pieces)
            if part.kind == "call":
                part.text = argument_text(part.text)
            elif part.kind == "audio" and part.text:
                self._media.append(Media(part.media_type, part.text))
                part.text, part.media = part.name, len(self._media) - 1
                part.name = ""
        return self._final or list(self._turns.values())

    def _add(self, role: str, turn: object, place: object, kind: str, text: str, name: str = "") -> Part:
        place = (turn, place)
        part = self._parts.get(place)
        if part is None:
            part = self._parts[place] = Part(kind, name=name)
            self._turns.setdefault(turn, Turn(role)).parts.append(part)
            self._texts[place] = []
        if text:
            self._texts[place].append(text)
        part.name = part.name or name
        return part

    def _take(self, document: dict[str, Any]) -> None:
        inner = as_dict(document.get("response"))
        kind = as_text(document.get("type"))
        if inner and kind in ("response.completed", "response.incomplete", "response.failed"):
            self._final = [turn for turn in _whole(inner, self._media) if turn.parts]
        elif "candidates" in inner or "candidates" in document:
            self._gemini(inner if "candidates" in inner else document)
        elif isinstance(document.get("choices"), list):
            self._chat(document["choices"])
        elif document.get("error"):
            self._add("error", "error", len(self._parts), "error", _error_in(document["error"]))
        elif "start" in document or "content_block" in document:
            self._begin(document)
        elif "delta" in document:
            self._delta(document, kind)
        elif as_dict(document.get("message")).get("content") and "done" in document:  # Ollama
            self._add("assistant", 0, "text", "text", as_text(document["message"]["content"]))

    def _chat(self, choices: Any) -> None:
        for choice in _dicts(choices):
            at = str(choice.get("index"))
            delta = as_dict(choice.get("delta"))
            for name in ("reasoning_content", "reasoning"):
                if as_text(delta.get(name)):
                    self._add("assistant", at, "thinking", "thinking", delta[name])
            text = as_text(delta.get("content")) or as_text(choice.get("text"))
            if text:
                self._add("assistant", at, "text", "text", text)
            if as_text(delta.get("refusal")):
                self._add("assistant", at, "refusal", "refusal", delta["refusal"])
            for call in _dicts(delta.get("tool_calls")):
                function = as_dict(call.get("function"))
                place = str(call.get("index", call.get("id")))
                name = as_text(function.get("name"))
                self._add("assistant", at, place, "call", as_text(function.get("arguments")), name)
            sound = as_dict(delta.get("audio"))
            if sound:
                part = self._add("assistant", at, "audio", "audio", as_text(sound.get("data")))
                part.media_type = "audio/L16"
                part.name += as_text(sound.get("transcript"))

    def _gemini(self, document: dict[str, Any]) -> None:
        for candidate in _dicts(document["candidates"]):
            at = str(candidate.get("index", 0))
            for block in _dicts(as_dict(candidate.get("content")).get("parts")):
                if isinstance(block.get("text"), str):
                    kind = "thinking" if block.get("thought") is True else "text"
                    self._add("model", at, kind, kind, block["text"])
                else:
                    turn = self._turns.setdefault(at, Turn("model"))
                    turn.parts += parts_of(block, self._media)

    def _begin(self, document: dict[str, Any]) -> None:
        place = str(document.get("index", document.get("contentBlockIndex")))
        block = as_dict(document.get("content_block")) or as_dict(document.get("start"))
        call = as_dict(block.get("toolUse")) or block
        kind = as_text(block.get("type"))
        if "toolUse" in block or kind.endswith("tool_use"):
            given = call.get("input")
            self._add(
                "assistant",
                0,
                place,
                "call",
                argument_text(given) if given else "",
                as_text(call.get("name")),
            )
        elif kind in ("text", "thinking"):
            self._add("assistant", 0, place, kind, as_text(block.get(kind)))
        elif kind:
            turn = self._turns.setdefault(0, Turn("assistant"))
            turn.parts += parts_of(block, self._media)

    def _delta(self, document: dict[str, Any], kind: str) -> None:
        place = str(document.get("index", document.get("contentBlockIndex", document.get("output_index"))))
        raw = document["delta"]
        if isinstance(raw, str):  # Responses, whose last event repeats everything
            if kind.endswith("arguments.delta"):
                self._add("assistant", 0, place, "call", raw)
            elif "reasoning" in kind:
                self._add("assistant", 0, place, "thinking", raw)
            elif kind.endswith("text.delta"):
                self._add("assistant", 0, place, "text", raw)
            return
        delta = as_dict(raw)
        message = as_dict(delta.get("message"))  # Cohere
        content, call = as_dict(message.get("content")), as_dict(message.get("tool_calls"))
        thought = as_text(delta.get("thinking")) or as_text(
            as_dict(delta.get("reasoningContent")).get("text")
        )
        text = as_text(delta.get("text")) or as_text(content.get("text"))
        more = as_text(delta.get("partial_json")) or as_text(as_dict(delta.get("toolUse")).get("input"))
        function = as_dict(call.get("function"))
        if thought or as_text(content.get("thinking")):
            self._add("assistant", 0, place, "thinking", thought or content["thinking"])
        if text:
            self._add("assistant", 0, place, "text", text)
        if more:
            self._add("assistant", 0, place, "call", more)
        if function:
            name = as_text(function.get("name"))
            self._add("assistant", 0, f"call {place}", "call", as_text(function.get("arguments")), name)


def _parsed(events: Iterator[str]) -> Iterator[Any]:
    for data in events:
        try:
            value = bounded_json.loads(data)
        except ValueError:
            continue
        yield from value if isinstance(value, list) else [value]


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []

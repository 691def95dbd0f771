"""Reads the text and the tool calls of an answer, whole or assembled from a stream.

Where each provider puts the text, whole (W) and streamed (S); tool calls are beside it:

    OpenAI chat       W `choices[].message`     S `choices[].delta`
    OpenAI Responses  W `output[]`              S the last event's `response`
    Anthropic         W `content[]`             S `content_block_start`, `content_block_delta`
    Gemini            W `candidates[].content`  S the same; Code Assist wraps chunks in `response`
    Bedrock Converse  W `output.message`        S `contentBlockStart`, `contentBlockDelta` frames
    Cohere v2         W `message.content[]`     S `content-delta`, `tool-call-start`, `tool-call-delta`
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from cache_store.answers import bounded_json, eventstream, sse

__all__ = ["Spoken", "ToolCall", "spoken"]


@dataclass(slots=True)
class ToolCall:
    """A tool call: the tool's name, and the arguments as JSON text."""

    name: str
    arguments: str = ""


@dataclass(slots=True)
class Spoken:
    """The text and the tool calls of an answer. Texts of several choices follow one another."""

    text: str = ""
    calls: list[ToolCall] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """For JSON: `text`, and `calls` if there are any."""
        calls = [{"name": call.name, "arguments": call.arguments} for call in self.calls]
        return {"text": self.text, **({"calls": calls} if calls else {})}


def spoken(body: bytes, media_type: str) -> Spoken | None:
    """The text and the tool calls in `body`; None if its format is unknown. Never raises."""
    said = Spoken()
    by_place: dict[object, ToolCall] = {}
    known = False
    for document in _documents(body, media_type):
        if isinstance(document, dict):
            known |= _take(document, said, by_place)
    return said if known else None


def _documents(body: bytes, media_type: str) -> Iterator[Any]:
    texts: list[bytes | str]
    if "event-stream" in media_type:
        texts = [event.data for event in sse.parse(body).events]
    elif "vnd.amazon.eventstream" in media_type:
        try:
            texts = [frame.payload for frame in eventstream.frames(body)]
        except ValueError:
            texts = []
    else:
        texts = [body]
    for text in texts:
        try:
            value = bounded_json.loads(text)
        except ValueError:
            continue
        yield from value if isinstance(value, list) else [value]


def _take(document: dict[str, Any], said: Spoken, by_place: dict[object, ToolCall]) -> bool:
    """Add the content of one document to `said`; whether its format is known."""
    inner = document.get("response")
    if isinstance(inner, dict):
        if document.get("type") in ("response.completed", "response.incomplete"):
            return _responses(inner, said)
        if "candidates" in inner:
            document = inner
    for name, read in _READERS.items():
        if name in document:
            return read(document, said, by_place)
    return False


def _chat(document: dict[str, Any], said: Spoken, by_place: dict[object, ToolCall]) -> bool:
    for choice in _dicts(document["choices"]):
        message = _dict(choice.get("message")) or _dict(choice.get("delta"))
        said.text += _text(message.get("content")) or _text(choice.get("text"))
        for call in _dicts(message.get("tool_calls")):
            function = _dict(call.get("function"))
            place = (choice.get("index"), call.get("index", call.get("id")))
            _add_call(said, by_place, place, _text(function.get("name")), _text(function.get("arguments")))
    return True


def _responses(document: dict[str, Any], said: Spoken, _: dict[object, ToolCall] | None = None) -> bool:
    for item in _dicts(document.get("output")):
        if item.get("type") == "function_call":
            said.calls.append(ToolCall(_text(item.get("name")), _text(item.get("arguments"))))
        for part in _dicts(item.get("content")):
            said.text += _text(part.get("text"))
    return True


def _blocks(document: dict[str, Any], said: Spoken, by_place: dict[object, ToolCall]) -> bool:
    for block in _dicts(document["content"]):
        _block(block, said, by_place, object())
    return True


def _block(block: dict[str, Any], said: Spoken, by_place: dict[object, ToolCall], place: object) -> None:
    """Add one block of a message: Anthropic's `tool_use`, Bedrock's `toolUse`, Gemini's `functionCall`, or text."""
    said.text += _text(block.get("text"))
    call = _dict(block.get("toolUse")) or _dict(block.get("functionCall"))
    if block.get("type") == "tool_use":
        call = block
    if call:
        given = call.get("input", call.get("args"))
        _add_call(said, by_place, place, _text(call.get("name")), _arguments(given) if given else "")


def _delta(document: dict[str, Any], said: Spoken, by_place: dict[object, ToolCall]) -> bool:
    delta = _dict(document["delta"])
    if document["delta"] and not delta:
        return False  # a Responses delta; the last event has it whole
    place = document.get("index", document.get("contentBlockIndex"))
    message = _dict(delta.get("message"))
    said.text += _text(delta.get("text")) + _text(_dict(message.get("content")).get("text"))
    if function := _dict(_dict(message.get("tool_calls")).get("function")):
        _add_call(
            said, by_place, place, _text(function.get("name")), _arguments(function.get("arguments", ""))
        )
    more = _text(delta.get("partial_json")) or _text(_dict(delta.get("toolUse")).get("input"))
    if more:
        _add_call(said, by_place, place, "", more)
    return True


def _start(document: dict[str, Any], said: Spoken, by_place: dict[object, ToolCall]) -> bool:
    place = document.get("index", document.get("contentBlockIndex"))
    block = _dict(document.get("content_block")) or _dict(document.get("start"))
    _block(block, said, by_place, place)
    return True


def _candidates(document: dict[str, Any], said: Spoken, by_place: dict[object, ToolCall]) -> bool:
    for candidate in _dicts(document["candidates"]):
        for part in _dicts(_dict(candidate.get("content")).get("parts")):
            if not part.get("thought"):
                _block(part, said, by_place, object())
    return True


def _message(document: dict[str, Any], said: Spoken, by_place: dict[object, ToolCall]) -> bool:
    message = _dict(_dict(document.get("output")).get("message")) or _dict(document.get("message"))
    for block in _dicts(message.get("content")):
        _block(block, said, by_place, object())
    said.text += _text(message.get("content"))
    for call in _dicts(message.get("tool_calls")):
        function = _dict(call.get("function"))
        _add_call(
            said, by_place, object(), _text(function.get("name")), _arguments(function.get("arguments", ""))
        )
    return bool(message)


def _output(document: dict[str, Any], said: Spoken, by_place: dict[object, ToolCall]) -> bool:
    if isinstance(document["output"], list):
        return _responses(document, said)
    return _message(document, said, by_place)


_READERS = {
    "choices": _chat,
    "candidates": _candidates,
    "output": _output,
    "content_block": _start,
    "start": _start,
    "delta": _delta,
    "content": _blocks,
    "message": _message,
}


def _add_call(said: Spoken, by_place: dict[object, ToolCall], place: object, name: str, more: str) -> None:
    call = by_place.get(place)
    if call is None:
        call = by_place[place] = ToolCall(name)
        said.calls.append(call)
    call.arguments += more


def _arguments(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""

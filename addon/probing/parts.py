"""Finds the parts of an answer that can be altered: texts, tool calls, why it ended, and what was used.

The pointers name a part as the whole answer of the dialect has it, also where a stream says it in pieces. Where
each dialect puts its parts:

    OpenAI chat       `choices[].message`, streamed `choices[].delta`
    OpenAI Responses  `output[]`; streamed in deltas, and again in `.done` events and the last `response`
    Anthropic         `content[]`; streamed in `content_block_…` events
    Gemini            `candidates[].content.parts[]`, in every chunk
    Bedrock Converse  `output.message.content[]`; streamed in frames with a `contentBlockIndex`
    Cohere v2         `message`; streamed in `content-…` and `tool-call-…` events
    Ollama            `message`, in every line
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from addon.volatile.documents import Documents, documents_of
from cache_store.answers.bounded_json import loads
from cache_store.entry import Headers

__all__ = ["Call", "Parts", "Place", "Text", "parts_of", "value_at"]

_LARGEST = 4 * 1024 * 1024  # bytes of a body
_MOST_DOCUMENTS = 20_000
_DEEPEST = 4
# How each name of the reason why an answer ended says that it reached its limit.
_LIMITS = {
    "finish_reason": "length",
    "done_reason": "length",
    "stop_reason": "max_tokens",
    "finishReason": "MAX_TOKENS",
    "stopReason": "max_tokens",
}
_USAGES = frozenset({"usage", "usageMetadata"})


class Place(NamedTuple):
    """A value in an answer: the number of its document, and the path to it in there."""

    document: int
    path: tuple[str | int, ...]


@dataclass(slots=True)
class Text:
    """A text of an answer. `pieces` say it once, in order; each of `copies` says the whole again."""

    pointer: str
    pieces: list[Place] = field(default_factory=list)
    copies: list[Place] = field(default_factory=list)


@dataclass(slots=True)
class Call:
    """A tool call. `objects` hold its arguments as an object, `arguments` say them as JSON text.

    `elements` are items of lists that are the call, and `documents` those of a stream that speak of it alone.
    `family` is the pointer without the number; the documents of a stream count its blocks in the member `counter`.
    """

    pointer: str
    family: str
    number: int
    arguments: Text
    objects: list[Place] = field(default_factory=list)
    elements: list[Place] = field(default_factory=list)
    documents: list[int] = field(default_factory=list)
    counter: str = ""


class Parts:
    """The parts of one answer, by pointer. `values` are the JSON values of its documents, None for other ones.

    `ends` are the reasons why it ended, each with what it says at a limit. `responses` are objects of the Responses
    API that are completed.
    """

    def __init__(self, documents: Documents) -> None:
        self.documents = documents
        self.values = [_read(text) for text in documents.texts]
        self.texts: dict[str, Text] = {}
        self.calls: dict[str, Call] = {}
        self.ends: list[tuple[Place, str]] = []
        self.responses: list[Place] = []
        self.usages: list[Place] = []

    def text(self, pointer: str) -> Text:
        """The text at `pointer`, found for the first time or not."""
        return self.texts.setdefault(pointer, Text(pointer))

    def call(self, family: str, number: int, arguments: str) -> Call:
        """The call with this number; `arguments` is the rest of the pointer to its arguments."""
        pointer = f"{family}/{number}"
        if pointer not in self.calls:
            self.calls[pointer] = Call(pointer, family, number, Text(pointer + arguments))
        return self.calls[pointer]

    def said(self, text: Text) -> str:
        """The whole of a text."""
        return "".join(value_at(self.values, place) for place in text.pieces)


def parts_of(headers: Headers, body: bytes) -> Parts | None:
    """The parts of an answer without a content-encoding; None if it is not text, or too large. Never raises."""
    if len(body) > _LARGEST:
        return None
    documents = documents_of(headers, body)
    if documents is None or len(documents.texts) > _MOST_DOCUMENTS:
        return None
    parts = Parts(documents)
    for number, value in enumerate(parts.values):
        if isinstance(value, list):
            for index, item in _objects(value):
                _take(parts, Place(number, (index,)), item)
        elif isinstance(value, dict):
            inner = value.get("response")
            if isinstance(inner, dict) and "candidates" in inner:
                _take(parts, Place(number, ("response",)), inner)
            else:
                _take(parts, Place(number, ()), value)
    _settle(parts)
    return parts


def value_at(values: list[Any], place: Place) -> Any:
    """The value at a place."""
    value = values[place.document]
    for token in place.path:
        value = value[token]
    return value


def _settle(parts: Parts) -> None:
    """Forget the texts that are said in two ways."""
    texts = [*parts.texts.values(), *(call.arguments for call in parts.calls.values())]
    for text in texts:
        if not text.pieces and text.copies:
            text.pieces.append(text.copies.pop(0))
        whole = parts.said(text)
        if any(value_at(parts.values, copy) != whole for copy in text.copies):
            text.pieces, text.copies = [], []


def _take(parts: Parts, at: Place, value: dict[str, Any]) -> None:
    """Add the parts of one object of the answer."""
    kind = value.get("type")
    kind = kind if isinstance(kind, str) else ""
    _usages(parts, at, value)
    for starts, read in _EVENTS:
        if kind.startswith(starts):
            read(parts, at, value, kind)
            return
    for member, form, read_object in _OBJECTS:
        if isinstance(value.get(member), form):
            read_object(parts, at, value)
            return
    _converse_frame(parts, at, value)


# -- OpenAI chat, Mistral, Cohere's whole answer, Ollama ------------------------


def _chat(parts: Parts, at: Place, value: dict[str, Any]) -> None:
    for index, choice in _objects(value["choices"]):
        here = _at(at, "choices", index)
        pointer = f"/choices/{_number(choice.get('index'), index)}"
        for holder in ("message", "delta"):
            if isinstance(choice.get(holder), dict):
                _message(parts, _at(here, holder), choice[holder], f"{pointer}/message")
        if isinstance(choice.get("text"), str):
            parts.text(f"{pointer}/text").pieces.append(_at(here, "text"))
        _end(parts, here, choice)


def _only_message(parts: Parts, at: Place, value: dict[str, Any]) -> None:
    _message(parts, _at(at, "message"), value["message"], "/message")
    _end(parts, at, value)


def _message(parts: Parts, at: Place, message: dict[str, Any], pointer: str) -> None:
    content = message.get("content")
    if isinstance(content, str):
        parts.text(f"{pointer}/content").pieces.append(_at(at, "content"))
    for index, part in _objects(content):
        if isinstance(part.get("text"), str):
            parts.text(f"{pointer}/content/{index}/text").pieces.append(_at(at, "content", index, "text"))
    for index, item in _objects(message.get("tool_calls")):
        number = _number(item.get("index"), index)
        call = parts.call(f"{pointer}/tool_calls", number, "/function/arguments")
        call.elements.append(_at(at, "tool_calls", index))
        function = _at(at, "tool_calls", index, "function", "arguments")
        _arguments(call, function, _object(item.get("function")).get("arguments"))


# -- OpenAI Responses -------------------------------------------------------------


def _response(parts: Parts, at: Place, response: dict[str, Any]) -> None:
    for index, item in _objects(response.get("output")):
        _item(parts, _at(at, "output", index), item, index)
        if item.get("type") == "function_call":
            _function_call(parts, index).elements.append(_at(at, "output", index))
    if response.get("status") == "completed":
        parts.responses.append(at)


def _item(parts: Parts, at: Place, item: dict[str, Any], index: int) -> None:
    if item.get("type") == "function_call":
        if item.get("arguments"):
            _copy(_function_call(parts, index).arguments, _at(at, "arguments"), item["arguments"])
        return
    for number, part in _objects(item.get("content")):
        text = part.get("text")
        if part.get("type") == "output_text":
            _copy(
                parts.text(f"/output/{index}/content/{number}/text"), _at(at, "content", number, "text"), text
            )


def _responses_event(parts: Parts, at: Place, value: dict[str, Any], kind: str) -> None:
    if isinstance(value.get("response"), dict):
        _response(parts, _at(at, "response"), value["response"])
        return
    index = _number(value.get("output_index"), 0)
    pointer = f"/output/{index}/content/{_number(value.get('content_index'), 0)}/text"
    item = _object(value.get("item"))
    if kind == "response.output_text.delta":
        _piece(parts.text(pointer), _at(at, "delta"), value.get("delta"))
    elif kind == "response.output_text.done":
        _copy(parts.text(pointer), _at(at, "text"), value.get("text"))
    elif kind == "response.content_part.done":
        part = _object(value.get("part"))
        if part.get("type") == "output_text":
            _copy(parts.text(pointer), _at(at, "part", "text"), part.get("text"))
    elif item:
        _item(parts, _at(at, "item"), item, index)
    if item.get("type") == "function_call" or kind.startswith("response.function_call_arguments."):
        call = _function_call(parts, index)
        call.counter = "output_index"
        call.documents.append(at.document)
        if kind.endswith("arguments.delta"):
            _piece(call.arguments, _at(at, "delta"), value.get("delta"))
        elif kind.endswith("arguments.done"):
            _copy(call.arguments, _at(at, "arguments"), value.get("arguments"))


def _function_call(parts: Parts, index: int) -> Call:
    return parts.call("/output", index, "/arguments")


def _piece(text: Text, place: Place, said: Any) -> None:
    if isinstance(said, str):
        text.pieces.append(place)


def _copy(text: Text, place: Place, said: Any) -> None:
    if isinstance(said, str):
        text.copies.append(place)


# -- Anthropic, and Bedrock Converse -----------------------------------------------


def _anthropic(parts: Parts, at: Place, value: dict[str, Any]) -> None:
    _blocks(parts, _at(at, "content"), value["content"], "/content")
    _end(parts, at, value)


def _converse(parts: Parts, at: Place, value: dict[str, Any]) -> None:
    content = _object(value["output"].get("message")).get("content")
    _blocks(parts, _at(at, "output", "message", "content"), content, "/output/message/content")
    _end(parts, at, value)


def _blocks(parts: Parts, at: Place, blocks: Any, family: str) -> None:
    for index, block in _objects(blocks):
        _block(parts, _at(at, index), block, family, index)
        if block.get("type") == "tool_use" or isinstance(block.get("toolUse"), dict):
            _tool_use(parts, family, index).elements.append(_at(at, index))


def _block(parts: Parts, at: Place, block: dict[str, Any], family: str, index: int) -> None:
    if isinstance(block.get("text"), str):
        parts.text(f"{family}/{index}/text").pieces.append(_at(at, "text"))
    elif block.get("type") == "tool_use":
        _arguments(_tool_use(parts, family, index), _at(at, "input"), block.get("input"))
    elif isinstance(block.get("toolUse"), dict):
        given = _at(at, "toolUse", "input")
        _arguments(_tool_use(parts, family, index), given, block["toolUse"].get("input"))


def _tool_use(parts: Parts, family: str, index: int) -> Call:
    inner = "/input" if family == "/content" else "/toolUse/input"
    return parts.call(family, index, inner)


def _messages_event(parts: Parts, at: Place, value: dict[str, Any], kind: str) -> None:
    index = _number(value.get("index"), 0)
    if kind == "content_block_start":
        _block(parts, _at(at, "content_block"), _object(value.get("content_block")), "/content", index)
    delta = _object(value.get("delta"))
    if kind == "message_delta":
        _end(parts, _at(at, "delta"), delta)
    elif isinstance(delta.get("text"), str):
        parts.text(f"/content/{index}/text").pieces.append(_at(at, "delta", "text"))
    call = parts.calls.get(f"/content/{index}")
    if call is not None and kind.startswith("content_block_"):
        call.counter = "index"
        call.documents.append(at.document)
        _arguments(call, _at(at, "delta", "partial_json"), delta.get("partial_json"))


def _converse_frame(parts: Parts, at: Place, value: dict[str, Any]) -> None:
    _end(parts, at, value)
    index = value.get("contentBlockIndex")
    if not isinstance(index, int):
        return
    family = "/output/message/content"
    for member in ("start", "delta"):
        _block(parts, _at(at, member), _object(value.get(member)), family, index)
    call = parts.calls.get(f"{family}/{index}")
    if call is not None:
        call.counter = "contentBlockIndex"
        call.documents.append(at.document)


# -- Cohere's stream ----------------------------------------------------------------


def _cohere_event(parts: Parts, at: Place, value: dict[str, Any], kind: str) -> None:
    index = _number(value.get("index"), 0)
    delta = _object(value.get("delta"))
    _end(parts, _at(at, "delta"), delta)
    message = _object(delta.get("message"))
    content, calls = _object(message.get("content")), _object(message.get("tool_calls"))
    if isinstance(content.get("text"), str):
        place = _at(at, "delta", "message", "content", "text")
        parts.text(f"/message/content/{index}/text").pieces.append(place)
    if kind.startswith("tool-call-"):
        call = parts.call("/message/tool_calls", index, "/function/arguments")
        call.documents.append(at.document)
        place = _at(at, "delta", "message", "tool_calls", "function", "arguments")
        _arguments(call, place, _object(calls.get("function")).get("arguments"))


# -- Gemini -------------------------------------------------------------------------


def _gemini(parts: Parts, at: Place, value: dict[str, Any]) -> None:
    # Each chunk counts its parts from 0.
    chunk = f"/{at.document}" if parts.documents.is_stream else "".join(f"/{token}" for token in at.path)
    for index, candidate in _objects(value["candidates"]):
        here = _at(at, "candidates", index)
        pointer = f"/candidates/{_number(candidate.get('index'), index)}/content/parts"
        for number, part in _objects(_object(candidate.get("content")).get("parts")):
            place = _at(here, "content", "parts", number)
            if isinstance(part.get("text"), str) and not part.get("thought"):
                parts.text(f"{pointer}/*/text").pieces.append(_at(place, "text"))
            elif isinstance(part.get("functionCall"), dict):
                call = parts.call(chunk + pointer, number, "/functionCall/args")
                call.elements.append(place)
                _arguments(call, _at(place, "functionCall", "args"), part["functionCall"].get("args"))
        _end(parts, here, candidate)


# -- for all --------------------------------------------------------------------------


def _arguments(call: Call, place: Place, given: Any) -> None:
    if isinstance(given, str):
        call.arguments.pieces.append(place)
    elif isinstance(given, dict) and given:
        call.objects.append(place)


def _end(parts: Parts, at: Place, value: dict[str, Any]) -> None:
    for name, limit in _LIMITS.items():
        said = value.get(name)
        if isinstance(said, str) and said:
            # Cohere writes its reasons in capitals.
            shown = "MAX_TOKENS" if name == "finish_reason" and said.isupper() else limit
            parts.ends.append((_at(at, name), shown))


def _usages(parts: Parts, at: Place, value: dict[str, Any]) -> None:
    for name, inner in value.items():
        if isinstance(inner, dict):
            if name in _USAGES:
                parts.usages.append(_at(at, name))
            elif len(at.path) < _DEEPEST:
                _usages(parts, _at(at, name), inner)


def _read(text: str) -> Any:
    try:
        return loads(text)
    except ValueError:
        return None


def _objects(value: Any) -> Iterator[tuple[int, dict[str, Any]]]:
    if isinstance(value, list):
        yield from ((index, item) for index, item in enumerate(value) if isinstance(item, dict))


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _number(value: Any, otherwise: int) -> int:
    return value if type(value) is int else otherwise


def _at(place: Place, *tokens: str | int) -> Place:
    return Place(place.document, (*place.path, *tokens))


def _transcript(parts: Parts, at: Place, _: dict[str, Any]) -> None:
    parts.text("/text").pieces.append(_at(at, "text"))


# How the type of an event begins, and what reads such events.
_EVENTS: tuple[tuple[tuple[str, ...], Callable[[Parts, Place, dict[str, Any], str], None]], ...] = (
    (("response.",), _responses_event),
    (("content_block_", "message_"), _messages_event),
    (("content-", "tool-call-", "message-"), _cohere_event),
)
# A member of another object, its type, and what reads such objects; the first one counts.
_OBJECTS: tuple[tuple[str, type, Callable[[Parts, Place, dict[str, Any]], None]], ...] = (
    ("choices", list, _chat),
    ("candidates", list, _gemini),
    ("output", list, _response),
    ("content", list, _anthropic),
    ("output", dict, _converse),
    ("message", dict, _only_message),
    ("text", str, _transcript),
)

"""Reads the conversation of a saved request as people read it, for the APIs that have one.

    OpenAI chat       `messages[]`: `content`, `tool_calls`, `reasoning_content`
    OpenAI Responses  `instructions`, `input`: a text, messages, or items such as `function_call`
    Anthropic         `system`, `messages[]` of blocks
    Gemini            `systemInstruction`, `contents[]` of parts; Code Assist wraps them in `request`
    Bedrock Converse  `system`, `messages[]` of blocks without `type`
    others            a prompt, or every field

A message of wrong types is shown as JSON.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from addon.page.blocks import Media, Part, Turn, as_dict, as_text, parts_of

__all__ = ["message_parts", "offered_tools", "turns_of_request"]

_PROMPTS = ("prompt", "query", "inputText", "inputs", "texts", "text", "message")
_ITEM_ROLES = {"function_call_output": "tool", "custom_tool_call_output": "tool"}


def turns_of_request(body: Any, media: list[Media]) -> list[Turn]:
    """The turns of a request, given the `body` of its saved form. Its media are added to `media`. Never raises."""
    body = as_dict(body)
    kind = body.get("kind")
    if kind == "json":
        return list(_of_json(body.get("value"), media))
    if kind == "multipart" and isinstance(body.get("parts"), list):
        return [Turn("form", [part for item in body["parts"] for part in _field(item)])]
    if kind == "form" and isinstance(body.get("pairs"), list):
        pairs = [pair for pair in body["pairs"] if isinstance(pair, list) and len(pair) == 2]
        return [Turn("form", [Part("text", as_text(value), as_text(name)) for name, value in pairs])]
    if kind == "text":
        return [Turn("request", [Part("text", as_text(body.get("value")))])]
    return [Turn("request", [Part("data", _dumped(body))])] if body else []


def message_parts(message: dict[str, Any], media: list[Media]) -> list[Part]:
    """The parts of one message: its thinking, its content, its tool calls."""
    parts: list[Part] = []
    for name in ("reasoning_content", "reasoning"):
        if as_text(message.get(name)):
            parts.append(Part("thinking", message[name]))
            break
    content = parts_of(message.get("content"), media)
    if message.get("role") == "tool" or "tool_call_id" in message:
        text = "\n".join(part.text for part in content if part.media < 0)
        name = as_text(message.get("name")) or as_text(message.get("tool_call_id"))
        content = [Part("result", text, name), *(part for part in content if part.media >= 0)]
    parts += content
    if as_text(message.get("refusal")):
        parts.append(Part("refusal", message["refusal"]))
    calls = message.get("tool_calls")
    parts += parts_of(calls, media) if isinstance(calls, list) else []
    if isinstance(message.get("function_call"), dict):
        parts += parts_of({"type": "function_call", **message["function_call"]}, media)
    if as_dict(message.get("audio")).get("data"):
        parts += parts_of({"audio": message["audio"]}, media)
    return parts


def offered_tools(body: Any) -> list[str]:
    """The names of the tools that a saved request offers."""
    value = as_dict(as_dict(body).get("value"))
    inner = as_dict(value.get("request")) or value
    listed = inner.get("tools") or as_dict(inner.get("toolConfig")).get("tools")
    names = []
    for tool in listed if isinstance(listed, list) else ():
        tool = as_dict(tool)
        declared = tool.get("functionDeclarations") or tool.get("function_declarations")
        for item in declared if isinstance(declared, list) else (tool,):
            item = (
                as_dict(as_dict(item).get("function"))
                or as_dict(as_dict(item).get("toolSpec"))
                or as_dict(item)
            )
            names.append(as_text(item.get("name")) or as_text(item.get("type")) or "?")
    return names


def _of_json(value: Any, media: list[Media]) -> Iterator[Turn]:
    document = as_dict(value)
    if isinstance(as_dict(document.get("request")).get("contents"), list):
        document = document["request"]
    for name in ("instructions", "system", "systemInstruction", "system_instruction"):
        given = document.get(name)
        if given:
            given = as_dict(given).get("parts", given)
            yield Turn("system", parts_of(given, media))
    messages = next(
        (
            document[name]
            for name in ("messages", "input", "contents")
            if isinstance(document.get(name), list)
        ),
        None,
    )
    if messages is not None:
        yield from _messages(messages, media)
    elif as_text(document.get("input")):
        yield Turn("user", [Part("text", document["input"])])
    else:
        prompt = next((document[name] for name in _PROMPTS if document.get(name)), None)
        if prompt is not None:
            yield Turn("user", parts_of(prompt, media))
        elif value is not None:
            yield Turn("request", [Part("data", _dumped(value))])


def _messages(messages: list[Any], media: list[Media]) -> Iterator[Turn]:
    for message in messages:
        if isinstance(message, str):
            yield Turn("user", [Part("text", message)])
        elif not isinstance(message, dict):
            yield Turn("?", [Part("data", _dumped(message))])
        elif message.get("type", "message") == "message":
            role = as_text(message.get("role")) or "user"
            if isinstance(message.get("parts"), list):
                yield Turn(role, parts_of(message["parts"], media))
            else:
                yield Turn(role, message_parts(message, media))
        else:
            kind = as_text(message.get("type"))
            role = "user" if kind.startswith("input_") else _ITEM_ROLES.get(kind, "assistant")
            yield Turn(role, parts_of(message, media))


def _field(item: Any) -> Iterator[Part]:
    """One field of a multipart form."""
    item = as_dict(item)
    name = " ".join(filter(None, (as_text(item.get("name")), as_text(item.get("filename")))))
    if isinstance(item.get("text"), str):
        yield Part("text", item["text"], name)
    else:
        size = item.get("size")
        said = f"{size} bytes" if isinstance(size, int) else "bytes"
        yield Part("file", said, name, media_type=as_text(item.get("content_type")))


def _dumped(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2, check_circular=False)

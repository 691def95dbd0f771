"""Reads one piece of a message, in any provider's form: text, thinking, a tool call or its result, media, a file.

Where a block is of no known form it is shown as JSON, so that nothing is left out.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any, NamedTuple

__all__ = ["Media", "Part", "Turn", "argument_text", "as_dict", "as_text", "parts_of"]

_DATA_URI = re.compile(r"data:([\w.+-]+/[\w.+-]+)?(?:;[\w.+=-]+)*;base64,", re.IGNORECASE)
_TEXTS = frozenset({"text", "input_text", "output_text", "summary_text", "reasoning_text", "thinking_text"})
_SOUNDS = {"mp3": "audio/mpeg", "pcm16": "audio/L16"}


class Media(NamedTuple):
    """A picture or a sound inside a message: its media type as stated, and its base64 text."""

    media_type: str
    data: str


@dataclass(slots=True)
class Part:
    """One piece of a turn.

    `kind` is `text`, `thinking`, `refusal`, `call`, `result`, `image`, `audio`, `file`, `error` or `data` (JSON).
    `name` is the tool's name, the file's or the block's type. `media` is the number of its media, -1 for none, and
    `url` the address of media that lie elsewhere, which are never loaded.
    """

    kind: str
    text: str = ""
    name: str = ""
    media: int = -1
    media_type: str = ""
    url: str = ""


@dataclass(slots=True)
class Turn:
    """What one role says in a row. `role` is as the request or the answer names it."""

    role: str
    parts: list[Part] = field(default_factory=list)


def as_dict(value: Any) -> dict[str, Any]:
    """`value` if it is a JSON object, otherwise an empty one."""
    return value if isinstance(value, dict) else {}


def as_text(value: Any) -> str:
    """`value` if it is a text, otherwise ''."""
    return value if isinstance(value, str) else ""


def parts_of(content: Any, media: list[Media]) -> list[Part]:
    """The parts of a message's content: a text, a block, or a list of both. Its media are added to `media`."""
    if content is None or content == "":
        return []
    if isinstance(content, str):
        return [Part("text", content)]
    if isinstance(content, list):
        return [part for item in content for part in parts_of(item, media)]
    if isinstance(content, dict):
        return _block(content, media)
    return [Part("data", _dumped(content))]


def argument_text(value: Any) -> str:
    """A tool call's arguments as indented JSON; text that is not JSON is left as it is."""
    if not isinstance(value, str):
        return "" if value is None else _dumped(value)
    try:
        return _dumped(json.loads(value))
    except (ValueError, RecursionError):
        return value


def _block(block: dict[str, Any], media: list[Media]) -> list[Part]:
    for read in (_thinking, _call, _result, _media, _file, _text):
        found = read(block, media)
        if found:
            return found
    return [Part("data", _dumped(block), as_text(block.get("type")))]


def _thinking(block: dict[str, Any], media: list[Media]) -> list[Part]:
    kind = as_text(block.get("type"))
    inner = as_dict(as_dict(block.get("reasoningContent")).get("reasoningText"))
    if not (kind in ("thinking", "reasoning", "redacted_thinking") or block.get("thought") is True or inner):
        return []
    text = as_text(block.get("thinking")) or as_text(block.get("text")) or as_text(inner.get("text"))
    if not text:
        said = [*parts_of(block.get("summary"), media), *parts_of(block.get("content"), media)]
        text = "\n\n".join(part.text for part in said)
    return [Part("thinking", text, "" if text else "encrypted")]


def _call(block: dict[str, Any], _: list[Media]) -> list[Part]:
    kind = as_text(block.get("type"))
    function = as_dict(block.get("function"))
    call = (
        as_dict(block.get("toolUse"))
        or as_dict(block.get("functionCall"))
        or as_dict(block.get("function_call"))
    )
    if function and "name" in function:
        call = function
    elif kind.endswith("tool_use") or kind in ("function_call", "custom_tool_call", "mcp_call"):
        call = block
    if not call:
        return []
    given = next((call[name] for name in ("input", "args", "arguments") if call.get(name) is not None), None)
    return [Part("call", argument_text(given), as_text(call.get("name")))]


def _result(block: dict[str, Any], media: list[Media]) -> list[Part]:
    kind = as_text(block.get("type"))
    result = as_dict(block.get("toolResult")) or as_dict(block.get("functionResponse"))
    if kind.endswith(("tool_result", "call_output")):
        result = block
    if not result:
        return []
    content = next((result[name] for name in ("content", "output", "response") if name in result), None)
    name = next(
        (as_text(result[name]) for name in ("name", "tool_use_id", "call_id", "toolUseId") if name in result),
        "",
    )
    if not isinstance(content, str | list):
        return [Part("result", argument_text(content), name)]
    inner = parts_of(content, media)
    text = "\n".join(part.text for part in inner if part.media < 0 and part.text)
    return [Part("result", text, name), *(part for part in inner if part.media >= 0 or part.url)]


def _media(block: dict[str, Any], media: list[Media]) -> list[Part]:
    kind = as_text(block.get("type"))
    sound = as_dict(block.get("input_audio")) or as_dict(block.get("audio"))
    if sound and as_text(sound.get("data")):
        stated = as_text(sound.get("format")) or "wav"
        media_type = _SOUNDS.get(stated, f"audio/{stated}")
        return [_added("audio", media_type, as_text(sound["data"]), media, as_text(sound.get("transcript")))]
    address = block.get("image_url")
    if address is not None:
        url = as_text(address) or as_text(as_dict(address).get("url"))
        return [_from_url(url, media)]
    if kind == "image_generation_call" and as_text(block.get("result")):
        return [_added("image", "image/png", block["result"], media)]
    inline = as_dict(block.get("inlineData")) or as_dict(block.get("inline_data"))
    if inline:
        media_type = as_text(inline.get("mimeType")) or as_text(inline.get("mime_type"))
        return [_added(_kind_of(media_type), media_type, as_text(inline.get("data")), media)]
    source = as_dict(block.get("source"))
    picture = as_dict(block.get("image"))
    if picture and not source:  # Bedrock
        data = as_text(as_dict(picture.get("source")).get("bytes"))
        return [_added("image", f"image/{as_text(picture.get('format'))}", data, media)]
    if kind in ("image", "document") and as_text(source.get("data")) and source.get("type") == "base64":
        media_type = as_text(source.get("media_type"))
        name = as_text(block.get("title"))
        return [_added(_kind_of(media_type), media_type, source["data"], media, name=name)]
    if kind == "image" and as_text(source.get("url")):
        return [Part("image", url=source["url"])]
    return []


def _file(block: dict[str, Any], media: list[Media]) -> list[Part]:
    kind = as_text(block.get("type"))
    if kind not in ("file", "input_file"):
        return []
    inner = as_dict(block.get("file")) or block
    name = as_text(inner.get("filename")) or as_text(inner.get("file_id"))
    data = as_text(inner.get("file_data"))
    match = _DATA_URI.match(data)
    if match is None:
        return [Part("file", name=name, url=as_text(inner.get("file_url")))]
    return [_added("file", match[1] or "", data[match.end() :], media, name=name)]


def _text(block: dict[str, Any], _: list[Media]) -> list[Part]:
    kind = as_text(block.get("type"))
    if kind == "refusal" and "refusal" in block:
        return [Part("refusal", as_text(block["refusal"]))]
    if kind and kind not in _TEXTS:
        return []
    return [Part("text", block["text"])] if isinstance(block.get("text"), str) else []


def _from_url(url: str, media: list[Media]) -> Part:
    match = _DATA_URI.match(url)
    if match is None:
        return Part("image", url=url)
    return _added(_kind_of(match[1] or ""), match[1] or "", url[match.end() :], media)


def _added(kind: str, media_type: str, data: str, media: list[Media], text: str = "", name: str = "") -> Part:
    if not data:
        return Part(kind, text, name, media_type=media_type)
    media.append(Media(media_type, data))
    return Part(kind, text, name, len(media) - 1, media_type)


def _kind_of(media_type: str) -> str:
    kind = media_type.partition("/")[0].lower()
    return kind if kind in ("image", "audio") else "file"


def _dumped(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2, check_circular=False)

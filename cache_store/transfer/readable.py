"""Turns bytes into a readable form and back, byte for byte.

JSON becomes JSON and an event stream becomes events if writing them again gives exactly the same bytes. Anything
else becomes lines of text, or base64. A form is one JSON object:

    {"json": value, "style": NAME}, {"events": [...], "style": NAME}, {"text": "…"}, {"lines": [...]} or
    {"base64": "…"}
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from typing import Any

from cache_store.errors import CorruptEntry

__all__ = ["from_readable", "to_readable"]

# How providers write JSON: separators, indent, and whether non-ASCII is escaped; a final newline is a style too.
_LAYOUTS: dict[str, dict[str, Any]] = {
    "compact": {"separators": (",", ":")},
    "spaced": {"separators": (", ", ": ")},
    "indent-2": {"indent": 2},
    "indent-4": {"indent": 4},
}
_STYLES: dict[str, dict[str, Any]] = {
    f"{name}{'-ascii' if ascii_only else ''}": {**layout, "ensure_ascii": ascii_only}
    for name, layout in _LAYOUTS.items()
    for ascii_only in (False, True)
}
_NEWLINE = "-newline"
_EVENT = re.compile(r"(?:event: (?P<event>[^\n\r]*)\n)?data: (?P<data>[^\n\r]*)")


def to_readable(data: bytes) -> dict[str, Any]:
    """The readable form of `data`. Never raises."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode()}
    if text[:1] in ("{", "["):
        styled = _json(text)
        if styled is not None:
            return {"json": styled[0], "style": styled[1]}
    if text.startswith(("data: ", "event: ")) and (events := _events(text)) is not None:
        return events
    return {"lines": text.split("\n")} if "\n" in text else {"text": text}


def from_readable(form: Any) -> bytes:
    """The bytes of a readable form. Raises CorruptEntry if it is not one."""
    try:
        if not isinstance(form, dict):
            raise TypeError("not an object")
        if "base64" in form:
            return base64.b64decode(form["base64"], validate=True)
        return _text_of(form).encode()
    except (TypeError, ValueError, LookupError, AttributeError, RecursionError, binascii.Error) as error:
        raise CorruptEntry("a body in a file has an unknown form") from error


def _text_of(form: dict[str, Any]) -> str:
    if "json" in form:
        return _dump(form["json"], form["style"])
    if "events" in form:
        return "\n\n".join(_event_text(event, form["style"]) for event in form["events"])
    return "\n".join(form["lines"]) if "lines" in form else str(form["text"])


def _json(text: str) -> tuple[Any, str] | None:
    """The value, and the style that writes it unchanged; None if no style does."""
    try:
        value = json.loads(text)
        for style in _STYLES:
            for name in (style, style + _NEWLINE):
                if _dump(value, name) == text:
                    return value, name
    except (ValueError, RecursionError):
        pass
    return None


def _dump(value: Any, style: str) -> str:
    plain = style.removesuffix(_NEWLINE)
    text = json.dumps(value, allow_nan=False, **_STYLES[plain])
    return text + "\n" if style != plain else text


def _events(text: str) -> dict[str, Any] | None:
    blocks = text.split("\n\n")
    style = next((found[1] for block in blocks if (found := _json(_data_of(block))) is not None), "compact")
    events = [_event(block, style) for block in blocks]
    if not any(isinstance(event, dict) for event in events):
        return None
    form = {"events": events, "style": style}
    try:
        return form if _text_of(form) == text else None
    except (ValueError, LookupError, RecursionError):
        return None


def _data_of(block: str) -> str:
    match = _EVENT.fullmatch(block)
    return match["data"] if match else ""


def _event(block: str, style: str) -> Any:
    """An event with its data as JSON if that is in this style; otherwise its text."""
    match = _EVENT.fullmatch(block)
    if match is None or match["data"][:1] not in ("{", "["):
        return block
    try:
        value = json.loads(match["data"])
        if _dump(value, style) != match["data"]:
            return block
    except (ValueError, RecursionError):
        return block
    return {"data": value} if match["event"] is None else {"event": match["event"], "data": value}


def _event_text(event: Any, style: str) -> str:
    if isinstance(event, str):
        return event
    head = f"event: {event['event']}\n" if "event" in event else ""
    return f"{head}data: {_dump(event['data'], style)}"

"""Reads single frames of a session: their type, and whether two of a provider's say the same."""

from __future__ import annotations

import json
from typing import Any

__all__ = ["is_sound", "json_object", "kind_of", "says_same", "without_event_id"]

# What a provider numbers anew in every session. Sources: openai-python, `types/realtime/*_event.py`.
_VARYING = frozenset({"id", "event_id", "expires_at", "created_at", "client_secret", "timestamp"})
# The client events of the Realtime API that carry sound.
_SOUND = frozenset({"input_audio_buffer.append"})


def json_object(text: str) -> dict[str, Any] | None:
    """The JSON object in a frame; None if it holds anything else. Never raises."""
    if not text.lstrip().startswith("{"):
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def kind_of(text: str) -> str:
    """The `type` of a frame that is a JSON object; '' for any other frame."""
    value = json_object(text)
    kind = value.get("type") if value is not None else None
    return kind if isinstance(kind, str) else ""


def is_sound(data: str | bytes) -> bool:
    """Whether a client's message carries sound, or is binary and may be anything."""
    return not isinstance(data, str) or ("input_audio_buffer.append" in data and kind_of(data) in _SOUND)


def without_event_id(text: str) -> str:
    """A client's frame without the `event_id` that it chose: the id only names the frame in error messages."""
    value = json_object(text) if '"event_id"' in text else None
    if value is None or "event_id" not in value:
        return text
    del value["event_id"]
    return json.dumps(value)


def says_same(one: str, other: str) -> bool:
    """Whether two frames of a provider are equal but for ids and times."""
    if one == other:
        return True
    a, b = json_object(one), json_object(other)
    try:
        return a is not None and b is not None and _without_varying(a) == _without_varying(b)
    except RecursionError:
        return False


def _without_varying(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: _without_varying(item)
            for name, item in value.items()
            if not (name in _VARYING or name.endswith("_id"))
        }
    return [_without_varying(item) for item in value] if isinstance(value, list) else value

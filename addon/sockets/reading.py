"""Writes a recorded session as a conversation, for a person."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from addon.sockets.frames import json_object
from addon.sockets.transcript import STILL_OPEN, ClientFrame, Transcript

__all__ = ["conversation", "first_words", "frames_in"]

_DELTA = ".delta"
_SETTINGS = "session.update"
# Members whose text is what a frame says; the others say how.
_SPOKEN = frozenset(
    {"text", "transcript", "instructions", "arguments", "output", "delta", "message", "input"}
)


def conversation(transcript: Transcript) -> Iterator[tuple[str, str]]:
    """What each side said, in order: `client` or `provider`, and a frame's type with what it says."""
    for side, kind, said in frames_in(transcript):
        yield side, "  ".join(filter(None, (kind, said)))


def frames_in(transcript: Transcript) -> Iterator[tuple[str, str, str]]:
    """What each side said, in order: `client` or `provider`, a frame's type, and what it says.

    The parts of a text that was streamed are joined. The last one says how the session ended.
    """
    parts: list[str] = []
    kind = ""
    for frame in transcript.frames:
        value = (
            _value(frame.value) if isinstance(frame, ClientFrame) else json_object(frame.text) or frame.text
        )
        delta = value.get("delta") if isinstance(value, dict) else None
        is_part = (
            not isinstance(frame, ClientFrame) and isinstance(delta, str) and _kind(value).endswith(_DELTA)
        )
        if parts and not (is_part and _kind(value) == kind):
            yield "provider", kind, "".join(parts)
            parts = []
        if is_part:
            kind = _kind(value)
            parts.append(str(delta))
        else:
            yield "client" if isinstance(frame, ClientFrame) else "provider", *_line(value)
    if parts:
        yield "provider", kind, "".join(parts)
    if transcript.code == STILL_OPEN:
        yield "", "", "(this is how sessions begin here; each one is an entry of its own)"
        return
    reason = f" ({transcript.reason})" if transcript.reason else ""
    yield (
        "client" if transcript.closed_by_client else "provider",
        "",
        f"closes with {transcript.code}{reason}",
    )


def first_words(transcript: Transcript) -> str:
    """The first words that the client said to the model, those of its settings if it said nothing else, or ''."""
    settings = ""
    for value in map(_value, transcript.client_values):
        said = " ".join(_spoken(value))
        if said and _kind(value) != _SETTINGS:
            return said
        settings = settings or said
    return settings


def _value(saved: Any) -> Any:
    return saved.get("value", saved) if isinstance(saved, dict) else saved


def _kind(value: Any) -> str:
    kind = value.get("type") if isinstance(value, dict) else ""
    return kind if isinstance(kind, str) else ""


def _line(value: Any) -> tuple[str, str]:
    """A frame's type and what it says."""
    if value is None:
        return "", "(not saved)"
    if not isinstance(value, dict) or not _kind(value):
        return "", value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return _kind(value), " ".join(_spoken(value))


def _spoken(value: Any) -> Iterator[str]:
    """The texts of a frame. Its depth is that of JSON that has been parsed."""
    if isinstance(value, dict):
        for name, item in value.items():
            if isinstance(item, str):
                if name in _SPOKEN:
                    yield item
            else:
                yield from _spoken(item)
    elif isinstance(value, list):
        for item in value:
            yield from _spoken(item)

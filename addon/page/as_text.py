"""Writes turns of a conversation as text, for mitmproxy's own views."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from addon.page.blocks import Part, Turn
from addon.printing import printable_lines

__all__ = ["text_of_turns"]

_LONGEST = 1_000_000
"""The characters that are shown in all."""


def text_of_turns(turns: Sequence[Turn]) -> str:
    """The turns, each under its role. Control characters become escapes."""
    pieces = [f"{turn.role}\n{'\n'.join(_lines(turn.parts))}" for turn in turns]
    text = "\n\n".join(pieces)
    if len(text) > _LONGEST:
        text = f"{text[:_LONGEST]}\n… {len(text) - _LONGEST:,} more characters"
    return printable_lines(text)


def _lines(parts: Sequence[Part]) -> Iterator[str]:
    for part in parts:
        if part.kind == "call":
            yield f"-> {part.name}({part.text})"
        elif part.kind == "result":
            yield f"<- {part.name} {part.text}".rstrip()
        elif part.kind in ("text", "data", "error"):
            yield part.text
        else:
            about = " ".join(filter(None, (part.name, part.media_type, part.url)))
            yield f"[{part.kind}{' ' if about else ''}{about}]{' ' if part.text else ''}{part.text}"

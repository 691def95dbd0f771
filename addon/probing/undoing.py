"""Takes an alteration back out of a later request: the client repeats what it was answered, and the recording has
the recorded value there.

A value is taken back wherever it stands whole: a text, a line of it or a word of four letters or more anywhere, any
other value under its own name. Where that does not lead to a recorded request, it is a miss, and counted as one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, NamedTuple

from addon.messages import WireRequest
from addon.probing.words import WORD
from cache_store.answers.bounded_json import loads
from cache_store.entry import header_value

__all__ = ["Undo", "undo_member", "undo_text", "undone"]

_LARGEST = 8 * 1024 * 1024  # bytes of a request
_MOST_LINES, _MOST_WORDS = 200, 5000  # of one alteration
_SHORTEST_WORD = 4
_SHORTEST_LINE = 8


class Undo(NamedTuple):
    """What one alteration put in the place of what: whole texts, words, and members of objects by name."""

    texts: tuple[tuple[str, str], ...] = ()
    words: tuple[tuple[str, str], ...] = ()
    members: tuple[tuple[str, Any, Any], ...] = ()


def undo_text(altered: str, recorded: str) -> Undo:
    """Takes a text back, its lines and its words. Both have as many of each."""
    pairs = [(altered, recorded), (altered.strip(), recorded.strip())]
    if altered.count("\n") == recorded.count("\n"):
        pairs += zip(altered.split("\n"), recorded.split("\n"), strict=True)
    texts = {new: old for new, old in pairs if new != old}
    words: dict[str, str] = {}
    for new, old in zip(WORD.findall(altered), WORD.findall(recorded), strict=False):
        if len(new) >= _SHORTEST_WORD and new != old and len(words) < _MOST_WORDS:
            words[new] = old
    return Undo(tuple(texts.items())[:_MOST_LINES], tuple(words.items()))


def undo_member(name: str | int, altered: Any, recorded: Any) -> Undo:
    """Takes a value back under its name; one without a name only if it is a text."""
    own = undo_text(altered, recorded) if isinstance(altered, str) and isinstance(recorded, str) else Undo()
    return own._replace(members=((name, altered, recorded),) if isinstance(name, str) else ())


def undone(request: WireRequest, undos: Sequence[Undo]) -> WireRequest:
    """The request with every alteration taken back; the same one if there is none in it."""
    body = request.body
    if not undos or not body or len(body) > _LARGEST or header_value(request.headers, b"content-encoding"):
        return request
    try:
        value = loads(body)
    except ValueError:
        return request
    new = value
    for undo in undos:
        new = _taken_back(new, _undoing(undo))
    return request if new == value else replace(request, body=json.dumps(new).encode())


class _Undoing:
    """An `Undo`, made ready."""

    def __init__(self, undo: Undo) -> None:
        # A short text is taken back only where it is all that is said.
        self.short = {new: old for new, old in undo.texts if len(new) < _SHORTEST_LINE}
        self.wholes: dict[str, str] = {}
        for new, old in undo.texts:
            if len(new) >= _SHORTEST_LINE:
                self.wholes[new] = old
                # Within a JSON text, such as a call's arguments, a text is written with escapes.
                for ascii_only in (False, True):
                    self.wholes.setdefault(_escaped(new, ascii_only), _escaped(old, ascii_only))
        self.words = dict(undo.words)
        self.members = {name: (new, old) for name, new, old in undo.members}
        self.written = [
            (
                re.compile(rf'("{re.escape(name)}"\s*:\s*){re.escape(json.dumps(new))}(?![\w.])'),
                json.dumps(old),
            )
            for name, (new, old) in self.members.items()
        ]

    def text(self, text: str) -> str:
        """A text with the alteration taken back."""
        if text in self.short:
            return self.short[text]
        # In one pass, so that nothing that was taken back is taken for something altered.
        there = sorted((new for new in self.wholes if new in text), key=len, reverse=True)
        pattern = re.compile("|".join((*map(re.escape, there), WORD.pattern))) if there else WORD
        text = pattern.sub(lambda match: self.wholes.get(match[0], self.words.get(match[0], match[0])), text)
        for pattern, old in self.written:
            text = pattern.sub(lambda match, old=old: match[1] + old, text)  # type: ignore[misc]
        return text


@lru_cache(maxsize=64)
def _undoing(undo: Undo) -> _Undoing:
    return _Undoing(undo)


def _taken_back(value: Any, undoing: _Undoing) -> Any:
    if isinstance(value, str):
        return undoing.text(value)
    if isinstance(value, list):
        return [_taken_back(item, undoing) for item in value]
    if isinstance(value, dict):
        return {name: _member(name, item, undoing) for name, item in value.items()}
    return value


def _member(name: str, value: Any, undoing: _Undoing) -> Any:
    new, old = undoing.members.get(name, (None, None))
    if new is not None and type(value) is type(new) and value == new:
        return old
    return _taken_back(value, undoing)


def _escaped(text: str, ascii_only: bool) -> str:
    return json.dumps(text, ensure_ascii=ascii_only)[1:-1]

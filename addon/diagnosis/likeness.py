"""Measures how much two saved requests are alike: is the nearest one near?"""

from __future__ import annotations

import re
from typing import Any

from addon.diagnosis.differences import json_body, shared_messages
from cache_store.nearest.sketch import conversation_of, question_of, words_in

__all__ = ["NEAR", "likeness", "shared_turns"]

NEAR = 0.35
"""From this likeness on, a person would call two requests versions of one another."""

_SAME_START = 0.9
_NUMBERS = re.compile(r"(?<![0-9A-Za-z])(?=[0-9a-fA-F-]*\d)[0-9a-fA-F-]{8,}|\d+")
_SHORT = 400  # characters; a longer text has enough words to be compared by


def likeness(old: dict[str, Any], new: dict[str, Any]) -> float:
    """From 0 (nothing in common) to 1 (the same question), for two parsed saved requests.

    The question decides, because suites send the same system prompt and options with every question. If two
    conversations begin with the same turn, they are alike whatever is asked next.
    """
    a, b = json_body(old), json_body(new)
    if a is None or b is None:
        return _of_texts(_head(old), _head(new))
    alike = _of_texts(question_of(a), question_of(b))
    return max(alike, _SAME_START) if shared_turns(old, new) else alike


def shared_turns(old: dict[str, Any], new: dict[str, Any]) -> int:
    """How many messages both conversations begin with, if there is more than a system prompt among them; else 0."""
    shared = shared_messages(old, new)
    messages = conversation_of(json_body(new))[:shared]
    return shared if any(not _is_system(message) for message in messages) else 0


def _is_system(message: Any) -> bool:
    return isinstance(message, dict) and message.get("role") in ("system", "developer")


def _head(saved: dict[str, Any]) -> str:
    """The text that tells a request without a JSON body from others."""
    path = re.sub(r"/v\d\w*/", "/", str(saved.get("path")))
    return f"{path} {question_of(saved.get('query'))} {question_of(saved.get('body'))}"


def _of_texts(a: str, b: str) -> float:
    """The share of words that two texts have in common (Dice), or for short texts of letters in a row.

    Numbers and ids do not count: they are what a run makes anew.
    """
    a, b = _NUMBERS.sub("0", a), _NUMBERS.sub("0", b)
    if a == b:
        return 1.0
    words = _dice(words_in(a), words_in(b))
    return words if max(len(a), len(b)) > _SHORT else max(words, _dice(_triples(a), _triples(b)))


def _dice(a: set[str], b: set[str]) -> float:
    return 2 * len(a & b) / (len(a) + len(b)) if a and b else 0.0


def _triples(text: str) -> set[str]:
    """Every three letters in a row of the words that count."""
    words = [f" {word} " for word in words_in(text)]
    return {word[at : at + 3] for word in words for at in range(len(word) - 2)}

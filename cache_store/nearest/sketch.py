"""Sketches of requests: a few dozen numbers that similar requests share, so that the nearest is found unread.

There are four kinds of feature. The conversation after each message is a chain of hashes, so that a shared feature
means a shared beginning. Single messages and other top-level members are hashed whole. Word triples of every text
are sampled (bottom-k sampling: Broder 1997), so that a text with one changed word still shares most of them.
Single words of the question are hashed too, because a short text has few triples.
"""

from __future__ import annotations

import heapq
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from itertools import pairwise
from typing import Any
from zlib import crc32

__all__ = ["Sketch", "conversation_of", "question_of", "sketch", "words_in"]

_CONVERSATIONS = ("messages", "input", "contents")
_MAX_JSON = 2**23  # bytes; the sketch of a longer request is made of its label alone
_FIRST, _LAST = 48, 16  # messages whose chain is kept
_ALONE = 16
_MEMBERS = 16
_TEXTS = 8
_TRIPLES = 6
_WORDS = 4000
_MAX_TEXTS = 2000
_SINGLE_WORDS = 24
_QUESTION = 4000  # characters at each end
_WORD = re.compile(r"\w+")
_UNSPACED = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\u0e00-\u0e7f]")
_NO_TEXT = frozenset({"role", "type", "model", "id"})
_PROMPTS = ("input", "prompt", "query", "inputText", "inputs", "texts", "text")
_STOP_WORDS = frozenset(
    re.findall(
        r"\w+",
        """a about am an and any are as at be but by can could did do does for from give had has have he her
        how i if in into is it its make me my no not of on or our please she so tell thank thanks that the
        their them then there these they this to today was we were what when where which who why will with
        would you your""",
    )
)


@dataclass(frozen=True, slots=True)
class Sketch:
    """`chain` holds the features of the conversation's beginnings, the shortest first; `loose` all the others.

    `endpoint` is method and path as shown to users. Features are 63-bit numbers, comparable within one host only.
    """

    host: str
    endpoint: str
    chain: tuple[int, ...] = ()
    loose: tuple[int, ...] = ()


def sketch(label: Mapping[str, str], request_json: bytes) -> Sketch:
    """The sketch of a saved request; made of the label alone if the request does not parse. Never raises."""
    host = label.get("host", "")[:200]
    endpoint = f"{label.get('method', '')} {label.get('path', '')}"[:200]
    body = _body(request_json)
    features = _Features(host)
    model = label.get("model", "")
    try:
        chain = tuple(_chain(features, conversation_of(body)))
        loose = tuple(dict.fromkeys(_loose(features, model, body)))
    except RecursionError:
        chain, loose = (), (features.of("model", model),)
    return Sketch(host, endpoint, chain, loose)


def conversation_of(body: Any) -> list[Any]:
    """The list of messages in a body: `messages`, Responses' `input`, or Gemini's `contents`."""
    for name in _CONVERSATIONS:
        if isinstance(body, dict) and isinstance(body.get(name), list):
            messages: list[Any] = body[name]
            return messages
    return []


def question_of(body: Any) -> str:
    """The text that a request asks about: a user's last message, a prompt, or every text if it has neither.

    A long text is cut to a few thousand characters from its start and its end.
    """
    messages = conversation_of(body)
    users = [
        message for message in messages if isinstance(message, dict) and message.get("role", "user") == "user"
    ]
    holder: Any = users[-1] if users else messages or body
    if holder is body and isinstance(body, dict):
        holder = next((body[name] for name in _PROMPTS if body.get(name)), body)
    text = "\n".join(_texts(holder, without=_NO_TEXT))
    return text if len(text) <= 2 * _QUESTION else f"{text[:_QUESTION]}\n{text[-_QUESTION:]}"


def words_in(text: str) -> set[str]:
    """The distinct words of a text in lower case, without the most common English ones unless no other is left.

    Scripts that are written without spaces are cut into pairs of characters.
    """
    plain = text.encode("utf-8", "replace").decode().casefold()
    found = set(_WORD.findall(plain))
    if not _UNSPACED.search(plain):
        return found - _STOP_WORDS or found
    words: set[str] = set()
    for word in found:
        if len(word) > 1 and _UNSPACED.search(word):
            words.update(map("".join, pairwise(word)))
        else:
            words.add(word)
    return words - _STOP_WORDS or words


class _Features:
    def __init__(self, host: str) -> None:
        self._start = blake2b(host.encode("utf-8", "replace"), digest_size=8)

    def of(self, *parts: str) -> int:
        hashed = self._start.copy()
        for part in parts:
            hashed.update(b"\0" + part.encode("utf-8", "surrogatepass"))
        return int.from_bytes(hashed.digest()) >> 1


def _body(request_json: bytes) -> Any:
    if len(request_json) > _MAX_JSON:
        return None
    try:
        saved = json.loads(request_json, parse_float=str, parse_int=str)
    except (ValueError, RecursionError):
        return None
    body = saved.get("body") if isinstance(saved, dict) else None
    return body.get("value", body) if isinstance(body, dict) else None


def _chain(features: _Features, messages: list[Any]) -> Iterator[int]:
    last = len(messages) - _LAST
    state = 0
    for at, message in enumerate(messages):
        state = features.of("chain", str(state), _dumped(message))
        if at < _FIRST or at >= last:
            yield state


def _loose(features: _Features, model: str, body: Any) -> Iterator[int]:
    yield features.of("model", model)
    messages = conversation_of(body)
    for message in messages[-_ALONE:]:
        yield features.of("message", _dumped(message))
    others = []
    if isinstance(body, dict):
        others = [(name, value) for name, value in body.items() if value is not messages][:_MEMBERS]
        for name, value in others:
            yield features.of("member", name, _dumped(value))
    for holder in [*messages[-_TEXTS:], *(value for _, value in others), body if not others else None]:
        yield from (features.of("words", str(triple)) for triple in _sample(holder))
    words = words_in(question_of(body))
    for word in heapq.nsmallest(_SINGLE_WORDS, words, key=lambda word: crc32(word.encode())):
        yield features.of("word", word)


def _dumped(value: Any) -> str:
    return json.dumps(value, check_circular=False)


def _sample(value: Any) -> list[int]:
    """The smallest hashes of three consecutive words, over every text in `value`."""
    hashes: set[int] = set()
    left = _WORDS
    for text in _texts(value):
        start = text[: left * 16]
        pieces = start.encode().split() if start.isascii() else _encoded_words(start)
        words = list(map(crc32, pieces[:left]))
        left -= len(words)
        triples = set(zip(words, words[1:], words[2:], strict=False))
        hashes |= {(a * 0x9E3779B1 ^ b * 0x85EBCA6B ^ c * 0xC2B2AE35) & 0xFFFFFFFF for a, b, c in triples}
        if left <= 0:
            break
    return heapq.nsmallest(_TRIPLES, hashes)


def _encoded_words(text: str) -> list[bytes]:
    return [word.encode("utf-8", "surrogatepass") for word in text.split()]


def _texts(value: Any, without: frozenset[str] = frozenset()) -> Iterator[str]:
    """Every text in `value`, at most a few thousand, except in members with a name in `without`."""
    stack = [value]
    for _ in range(_MAX_TEXTS):
        if not stack:
            return
        item = stack.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, dict):
            stack.extend(member for name, member in reversed(item.items()) if name not in without)
        elif isinstance(item, list):
            stack.extend(reversed(item[:_MAX_TEXTS]))

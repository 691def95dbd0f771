"""Puts the live values of a request into a recorded answer that repeats the recorded ones.

Only whole tokens are replaced, also where a stream says one in several pieces. An answer in which a value cannot be
replaced safely is refused, and the request is a miss: a short value may mean something else, a signature would no
longer fit its text, and offsets would point elsewhere.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple
from urllib.parse import unquote

from addon.volatile.binding import bare
from addon.volatile.documents import Documents, documents_of
from addon.volatile.json_texts import JsonText, json_texts, quoted, with_replacements
from addon.volatile.pieces import Match, spread
from addon.volatile.tokens import token_pattern
from cache_store.answers.bounded_json import loads
from cache_store.entry import Entry, Headers

__all__ = ["RebindRefused", "Rebound", "neutral_body", "rebind"]

_SHORTEST = 8
# Members that belong to the exact text beside them: signatures and ciphertexts of thinking blocks (Anthropic's,
# Gemini's and OpenAI's API references), and offsets into a text.
_SEALS = frozenset({
    "signature", "thoughtSignature", "thought_signature", "encrypted_content", "encryptedContent",
    "redactedContent", "logprobs", "start_index", "end_index", "startIndex", "endIndex", "start_char", "end_char",
    "text_offset",
})  # fmt: skip
# Members that a stream sends in pieces.
_PIECES = frozenset({
    "content", "text", "delta", "partial_json", "arguments", "thinking", "reasoning", "reasoning_content",
    "refusal", "transcript", "response", "input", "completion", "generated_text", "outputText", "generation",
})  # fmt: skip
_ARGUMENTS = frozenset({"arguments", "partial_json", "input"})
# What points into a text of the answer by position.
_POINTING = frozenset({
    "annotations", "citations", "groundingSupports", "groundingMetadata", "content_filter_offsets", "logprobs",
    "start_index", "end_index", "startIndex", "endIndex", "text_offset",
})  # fmt: skip
_PART = 8  # letters and digits of a value that show where it came from
_INDICES = (
    "type", "index", "output_index", "content_index", "summary_index", "contentBlockIndex", "item_id", "event_type",
)  # fmt: skip
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


class RebindRefused(Exception):
    """The answer repeats a value that cannot be replaced safely."""


class Rebound(NamedTuple):
    """The entry as it is to be served, and how many times a value was replaced in it, by the value's rule."""

    entry: Entry
    by_rule: dict[str, int]


class _Piece(NamedTuple):
    """One text of one document of the body; a document that is not JSON is one piece without a pointer."""

    document: int
    text: JsonText
    is_json: bool


def rebind(entry: Entry, live: Iterable[tuple[str, int, str]]) -> Rebound:
    """`entry` with its bound values replaced by those of `live` (rule, number, value).

    Raises RebindRefused where it repeats one that cannot be replaced.
    """
    values = {n: (rule, value) for rule, n, value in live}
    recorded = {n for _, n, _ in entry.bindings}
    if values.keys() - recorded:
        raise RebindRefused("the recording does not keep the values that it was made with")
    changed: dict[str, tuple[str, str]] = {}
    unclear: set[str] = set()  # recorded values that stand for several live ones
    for rule, n, value in entry.bindings:
        if n in values and changed.setdefault(value, (rule, values[n][1]))[1] != values[n][1]:
            unclear.add(value)
    changed = {old: found for old, found in changed.items() if old != found[1] or old in unclear}
    if not changed:
        return Rebound(entry, {})
    work = _Rebinding(changed, unclear)
    headers = work.headers(entry.headers)
    documents = documents_of(entry.headers, entry.body)
    if documents is None:
        if any(value.encode() in entry.body for value in changed):
            raise RebindRefused("a file repeats a volatile value")
        body = entry.body
    else:
        body = work.body(documents, entry.body)
        again = documents_of(entry.headers, body)
        if again is not None:
            work.check(again, body)
    if not work.by_rule:
        return Rebound(entry, {})
    return Rebound(replace(entry, headers=headers, body=body), work.by_rule)


def neutral_body(entry: Entry) -> bytes:
    """The body with stand-ins for its volatile values: equal for two answers that differ only in these."""
    try:
        return rebind(entry, [(rule, n, f"⟦{rule}#{n}⟧") for rule, n, _ in entry.bindings]).entry.body
    except RebindRefused:
        return entry.body


class _Rebinding:
    """Replaces values (recorded: its rule and the live one) in the parts of an answer, and counts."""

    def __init__(self, changed: Mapping[str, tuple[str, str]], unclear: Collection[str]) -> None:
        self.by_rule: dict[str, int] = {}
        self._changed = changed
        self._unclear = unclear
        # A JSON document within a text writes a value with escapes.
        self._escaped = {_escaped(old): old for old in changed}
        self._pattern = re.compile(token_pattern({*changed, *self._escaped}))

    def headers(self, headers: Headers) -> Headers:
        """The headers with live values."""
        return tuple((name, self._header(value)) for name, value in headers)

    def _header(self, value: bytes) -> bytes:
        text = value.decode("latin-1")
        matches = list(self._matches(text, is_json=False))
        new = with_replacements(text, [*matches])
        if matches and not _HEADER_VALUE.fullmatch(new):
            raise RebindRefused("a header cannot hold the live value")
        return new.encode("latin-1")

    def body(self, documents: Documents, whole: bytes) -> bytes:
        """The body with live values."""
        read = [_read(text) for text in documents.texts]
        replacements: dict[int, list[tuple[int, int, str]]] = {}
        sealed = {
            _place(value) for value in read if documents.is_stream and _place(value) and _is_sealed(value)
        }
        moves = any(len(old) != len(new) for old, (_, new) in self._changed.items())
        has_offsets = moves and any(map(_has_offsets, read))
        for pieces in _channels(documents, read):
            name = pieces[0].text.pointer[-1] if pieces[0].text.pointer else ""
            text = "".join(piece.text.value for piece in pieces)
            matches = list(self._matches(text, is_json=name in _ARGUMENTS))
            if not matches:
                continue
            if has_offsets:
                raise RebindRefused("the answer has offsets into a text whose length would change")
            for piece in pieces:
                value = read[piece.document]
                if piece.is_json and (_place(value) in sealed or _seals(value, piece.text.pointer)):
                    raise RebindRefused("a volatile value stands beside a signature or an offset")
            for piece, new in zip(
                pieces, spread([piece.text.value for piece in pieces], matches), strict=True
            ):
                if new != piece.text.value:
                    if not piece.is_json and ("\n" in new) + ("\r" in new) > ("\n" in piece.text.value) + (
                        "\r" in piece.text.value
                    ):
                        raise RebindRefused("a line cannot hold the live value")
                    written = quoted(new) if piece.is_json else new
                    replacements.setdefault(piece.document, []).append(
                        (piece.text.start, piece.text.end, written)
                    )
        if not replacements:
            return whole
        texts = [
            with_replacements(text, sorted(replacements.get(at, ())))
            for at, text in enumerate(documents.texts)
        ]
        return documents.join(texts)

    def _matches(self, text: str, *, is_json: bool) -> Iterator[Match]:
        for match in self._pattern.finditer(text):
            found = match[0]
            old = found if found in self._changed else self._escaped[found]
            rule, new = self._changed[old]
            if len(old) < _SHORTEST:
                raise RebindRefused(f"the answer repeats a value of fewer than {_SHORTEST} characters")
            if old in self._unclear:
                raise RebindRefused("the answer repeats a value that stands for several of this run")
            self.by_rule[rule] = self.by_rule.get(rule, 0) + 1
            yield Match(match.start(), match.end(), _escaped(new) if is_json or found != old else new)

    def check(self, documents: Documents, body: bytes) -> None:
        """Raise RebindRefused where the new body still repeats a recorded value, in part or in another spelling."""
        whole = body.decode("utf-8", "replace")
        channels = _channels(documents, [_read(text) for text in documents.texts])
        said = "\n".join("".join(piece.text.value for piece in pieces) for pieces in channels)
        bares = [bare(unquote(text)) for text in (whole, said)]
        live = "\n".join(bare(new) for _, new in self._changed.values())
        for old in self._changed:
            if any(part in text for part in _parts(bare(old)) if part not in live for text in bares):
                raise RebindRefused("the answer repeats a part or another spelling of a volatile value")
            if any(encoded in whole or encoded in said for encoded in _in_base64(old)):
                raise RebindRefused("the answer repeats a volatile value in base64")


def _in_base64(value: str) -> list[str]:
    """How base64 of a longer text shows a value that begins at any of three places in a group; no short pieces."""
    data = value.encode()
    shown = [
        b64encode(bytes(before) + data).decode()[first : (before + len(data)) // 3 * 4]
        for before, first in enumerate((0, 2, 3))
    ]
    return [text for text in shown if len(text) >= _SHORTEST]


def _parts(value: str) -> list[str]:
    """What shows that a text speaks of a value: the value, its beginning and its end; none of a short one."""
    ends = [value[:_PART], value[-_PART:]] if len(value) >= 2 * _PART - 2 else []
    return [part for part in (value, *ends) if len(part) >= _PART]


def _has_offsets(value: Any) -> bool:
    """Whether a document points into its own text: citations, annotations and the like."""
    if isinstance(value, dict):
        return any(
            (name in _POINTING and item not in (None, "", [], {})) or _has_offsets(item)
            for name, item in value.items()
        )
    return isinstance(value, list) and any(map(_has_offsets, value))


def _escaped(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)[1:-1]


def _read(text: str) -> Any:
    """The JSON in a document; None if it is not JSON."""
    try:
        return loads(text)
    except ValueError:
        return None


def _channels(documents: Documents, read: list[Any]) -> Iterator[list[_Piece]]:
    """The texts of the documents. Pieces that continue one another are together, in order."""
    channels: dict[Any, list[_Piece]] = {}
    for at, text in enumerate(documents.texts):
        if read[at] is None:
            channels[at] = [_Piece(at, JsonText((), 0, len(text), text), False)]
            continue
        for found in json_texts(text):
            is_piece = documents.is_stream and bool(found.pointer) and found.pointer[-1] in _PIECES
            key = (found.pointer, _indices(read[at], found.pointer)) if is_piece else (at, found.start)
            channels.setdefault(key, []).append(_Piece(at, found, True))
    yield from channels.values()


def _objects_on(value: Any, pointer: tuple[str | int, ...]) -> Iterator[dict[str, Any]]:
    """The objects that hold the value at `pointer`, the outermost first."""
    for token in pointer:
        if isinstance(value, dict):
            yield value
        value = value[token]


def _indices(value: Any, pointer: tuple[str | int, ...]) -> tuple[Any, ...]:
    """Which choice, call or block of a stream the text at `pointer` belongs to."""
    return tuple(
        (name, holder[name])
        for holder in _objects_on(value, pointer)
        for name in _INDICES
        if isinstance(holder.get(name), int | str)
    )


def _place(value: Any) -> tuple[Any, ...]:
    """Which block of a stream an event belongs to; () if it does not say."""
    if not isinstance(value, dict):
        return ()
    return tuple(
        (name, value[name]) for name in _INDICES if name != "type" and isinstance(value.get(name), int)
    )


def _seals(value: Any, pointer: tuple[str | int, ...]) -> bool:
    holders = list(_objects_on(value, pointer))
    return any(holder.get(name) for holder in holders for name in _SEALS) or (
        bool(holders) and _is_sealed(holders[-1])
    )


def _is_sealed(value: Any) -> bool:
    """Whether a member that belongs to an exact text is anywhere in `value`."""
    if isinstance(value, dict):
        return any(
            (name in _SEALS and item not in (None, "", [], {})) or _is_sealed(item)
            for name, item in value.items()
        )
    return isinstance(value, list) and any(map(_is_sealed, value))

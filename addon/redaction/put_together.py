"""The texts of an answer as a client reads them: stream pieces joined, escapes undone.

A model that repeats a secret streams it token by token, one event each, and some servers write `=` as
`\\u003d`. The body then contains the secret nowhere in one piece.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator
from io import BytesIO
from itertools import chain, repeat
from typing import Any

from addon.redaction.plain_text import OVERLAP, readable, windows
from cache_store.answers import eventstream, sse
from cache_store.answers.abridged import abridged_events, abridged_json
from cache_store.answers.media import SESSION, Kind, kind_of

__all__ = ["put_together"]

# Of a longer text the middle stands in the body in one piece. Its ends may belong to pieces before and after.
_LONGEST, _END = 16 * 1024, 8 * 1024
# Beside an `index` of any name, these tell apart streams that take turns.
_STREAM_IDS = frozenset({"item_id", "itemId", "call_id", "message_id", "messageId", "type"})
# Anthropic: SDKs append the deltas of a block to the text that the block started with.
_BLOCK, _DELTA = "content_block", "delta"
_HELD = 64 * 1024  # characters kept of one place
_PLACES = 4096


def put_together(body: bytes, essence: str) -> Iterator[bytes]:
    """The texts of a body of this media type that the body does not contain in one piece. Never raises."""
    for window in windows(body):
        plain = readable(window)
        if plain != window:
            yield plain
    kind = kind_of(essence, body)
    if essence == SESSION:
        yield from _joined(_of_session(body))
    elif kind is Kind.EVENTS:
        yield from _joined(_loaded(event.data) for event in sse.parse(abridged_events(body)).events)
    elif kind is Kind.FRAMES:
        yield from _joined(_of_frames(body))
    elif kind in (Kind.LINES, Kind.JSON):
        if body[:64].lstrip().startswith(b"[") or (kind is Kind.JSON and body.count(b'"text"') > 1):
            yield from _joined([_loaded(body)])
        elif kind is Kind.LINES or b"}\n{" in body:
            yield from _joined(_loaded(line) for line in BytesIO(body))


def _loaded(text: bytes | str) -> Any:
    """The JSON value in `text`. If it is not JSON: a str itself (a stream of plain text), and None for bytes."""
    try:
        return json.loads(abridged_json(text) if isinstance(text, bytes) else text)
    except (ValueError, RecursionError):
        return text if isinstance(text, str) else None


def _of_frames(body: bytes) -> Iterator[Any]:
    try:
        frames = eventstream.frames(body)
    except eventstream.BrokenFrame:
        return
    for frame in frames:
        value = _loaded(frame.payload)
        inner = value.get("bytes") if isinstance(value, dict) else None
        try:
            yield _loaded(base64.b64decode(inner)) if isinstance(inner, str) else value
        except ValueError:
            yield value


def _of_session(body: bytes) -> Iterator[Any]:
    """What the provider says in a recorded WebSocket session, frame by frame."""
    session = _loaded(body)
    frames = session.get("frames") if isinstance(session, dict) else None
    for frame in frames if isinstance(frames, list) else ():
        if isinstance(frame, dict) and "digest" not in frame:
            text = frame.get("text")
            yield _loaded(text) if isinstance(text, str) else frame.get("provider")


def _joined(values: Iterable[Any]) -> Iterator[bytes]:
    """The texts of each place, concatenated. A text that is the same in all values occurs once."""
    held: dict[int, list[str]] = {}
    sizes: dict[int, int] = {}
    for place, text in chain.from_iterable(map(_texts, values)):
        if len(held) > _PLACES:
            yield from map(_whole, held.values())
            held, sizes = {}, {}
        held.setdefault(place, []).append(text)
        sizes[place] = sizes.get(place, 0) + len(text)
        if sizes[place] > _HELD:
            whole = _whole(held[place])
            yield whole
            held[place] = [whole[-OVERLAP:].decode("utf-8", "replace")]
            sizes[place] = 0
    yield from map(_whole, held.values())


def _whole(texts: list[str]) -> bytes:
    return "".join(texts if len(set(texts)) > 1 else texts[:1]).encode("utf-8", "surrogatepass")


def _texts(value: Any) -> Iterator[tuple[int, str]]:
    """The texts in `value`, each with its place: a hash of the names, indexes and ids on the path to it.

    Uses little memory for wide values and long names: an answer may be one list of many millions.
    """
    stack = [iter([(0, value)])]
    while stack:
        for place, item in stack[-1]:
            if isinstance(item, str):
                yield place, item if len(item) <= _LONGEST else f"{item[:_END]}\n{item[-_END:]}"
            elif isinstance(item, list):
                stack.append(zip(repeat(place), item))
                break
            elif isinstance(item, dict):
                stack.append(_members(place, item))
                break
        else:
            stack.pop()


def _members(place: int, members: dict[str, Any]) -> Iterator[tuple[int, Any]]:
    beside = [
        member.removesuffix("_delta").removesuffix("_start") if isinstance(member, str) else member
        for name, member in members.items()
        if isinstance(member, int | str) and (name in _STREAM_IDS or name.lower().endswith("index"))
    ]
    inner = hash((place, *beside)) if beside else place
    texts = ((hash((inner, _DELTA if name == _BLOCK else name)), member) for name, member in members.items())
    if "text" not in members or "type" in members:
        return texts
    # Gemini: some clients join all parts, and some leave out those that are thoughts.
    return chain(texts, [(hash((inner, "text", bool(members.get("thought")))), members["text"])])

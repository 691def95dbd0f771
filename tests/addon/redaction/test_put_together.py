"""An answer's texts as a client reads them."""

from __future__ import annotations

import base64
import json
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest

from addon.redaction.put_together import put_together
from addon.sockets.transcript import CONTENT_TYPE, ClientFrame, Frame, ProviderFrame, Transcript
from tests.cache_store.conformance.provider_answers import frame

SECRET = 'a-secret-that-a-model-repeats-5f3a9c/+="'
PIECES = [SECRET[at : at + 4] for at in range(0, len(SECRET), 4)]
EVENTS, FRAMES = "text/event-stream", "application/vnd.amazon.eventstream"


def events(*values: Any) -> bytes:
    """A stream of JSON events."""
    return b"".join(b"data: %b\n\n" % json.dumps(value).encode() for value in values)


def chat(text: str, index: int = 0) -> dict[str, Any]:
    """A part of a chat."""
    return {"id": "chatcmpl-1", "choices": [{"index": index, "delta": {"content": text}}]}


def block(text: str, kind: str, index: int = 1) -> dict[str, Any]:
    """A part of a message of Anthropic's."""
    return {"type": "content_block_delta", "index": index, "delta": {"type": kind, kind: text}}


def gemini(text: str) -> dict[str, Any]:
    """A part of an answer of Gemini's."""
    return {"candidates": [{"content": {"parts": [{"text": text}], "role": "model"}, "index": 0}]}


STREAMS = {
    "chat": (events(*map(chat, PIECES)), EVENTS),
    "chat as JSON": (events(*map(chat, PIECES)), "application/json"),
    "two choices in turn": (events(*(chat(text, n) for text in PIECES for n in (0, 1))), EVENTS),
    "text of a message": (events(*(block(text, "text") for text in PIECES)), EVENTS),
    "block that starts with text": (
        events({"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": PIECES[0]}},
               {"type": "content_block_delta", "index": 1,
                "delta": {"type": "text_delta", "text": "".join(PIECES[1:])}}), EVENTS),
    "beside thoughts": (events(*({"candidates": [{"content": {"parts": [
        {"thought": True, "text": "Hm"}, {"text": text}]}}]} for text in PIECES)), EVENTS),
    "parts of one answer": (json.dumps({"candidates": [{"content": {"parts": [
        {"text": text} for text in PIECES]}}]}).encode(), "application/json"),
    "parts after a thought": (json.dumps({"candidates": [{"content": {"parts": [
        {"thought": True, "text": PIECES[0]}, {"text": "".join(PIECES[1:])}]}}]}).encode(), "application/json"),
    "thoughts": (events(*(block(text, "thinking") for text in PIECES)), EVENTS),
    "a tool's input": (events(*(block(text, "partial_json") for text in PIECES)), EVENTS),
    "plain events": (b"".join(b"data: %b\n\n" % text.encode() for text in PIECES), EVENTS),
    "gemini": (events(*map(gemini, PIECES)), EVENTS),
    "gemini's array": (json.dumps(list(map(gemini, PIECES))).encode(), "application/json"),
    "parts of one": (
        events({"candidates": [{"content": {"parts": [{"text": text} for text in PIECES]}}]}), EVENTS),
    "lines": (b"".join(json.dumps({"message": {"content": text}}).encode() + b"\n" for text in PIECES),
              "application/x-ndjson"),
    "lines as JSON": (b"".join(json.dumps({"message": {"content": text}}).encode() + b"\n" for text in PIECES),
                      "application/json"),
    "converse": (b"".join(frame("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": text}})
                          for text in PIECES), FRAMES),
    "invoke": (b"".join(frame("chunk", {"bytes": base64.b64encode(json.dumps(block(text, "text")).encode()).decode()})
                        for text in PIECES), FRAMES),
}  # fmt: skip


@pytest.mark.parametrize("name", STREAMS)
def test_pieces_of_a_stream_are_put_together(name: str) -> None:
    """A secret in pieces is found in every dialect, whatever stands between two pieces."""
    body, essence = STREAMS[name]
    assert SECRET.encode() not in body
    assert any(SECRET.encode() in text for text in put_together(body, essence))


@pytest.mark.parametrize("escape", ["\\u00%02x", "\\u00%02X"])
def test_escapes_are_undone(escape: str) -> None:
    """Any ASCII character may be escaped, anywhere in a body."""
    escaped = "".join(escape % ord(character) for character in SECRET)
    for before in (0, 256 * 1024 - 20):
        body = b'{"a": "%b%b"}' % (b"x" * before, escaped.encode())
        assert any(SECRET.encode() in text for text in put_together(body, "application/json"))


@pytest.mark.parametrize("written", [lambda value: json.dumps(value, indent=1), json.dumps, lambda _: SECRET])
def test_frames_of_a_session_are_put_together(written: Callable[[Any], str]) -> None:
    """As JSON, as JSON that is kept as text, and as plain text."""
    frames: list[Frame] = [ClientFrame("0" * 32, None)]
    if written(0) == SECRET:
        frames += map(ProviderFrame, PIECES)
    else:
        values = [{"type": "response.text.delta", "item_id": "i", "delta": piece} for piece in PIECES]
        frames += [ProviderFrame(written(value)) for value in values]
    assert SECRET.encode() in list(put_together(Transcript(tuple(frames)).encode(), CONTENT_TYPE))


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"frames":7}', b'{"frames":[7,{"text":7},{}]}'])
def test_what_is_no_session_has_no_frames(body: bytes) -> None:
    """Whoever wrote it."""
    assert list(put_together(body, CONTENT_TYPE)) == []


def test_what_repeats_in_every_event_is_no_text() -> None:
    """A name that all events have is not taken for many pieces of one."""
    texts = list(put_together(events(*(chat(text) for text in "abc")), EVENTS))
    assert texts.count(b"chatcmpl-1") == 1
    assert b"abc" in texts


LONG = "word " * 80


@pytest.mark.parametrize("around", [LONG, "x" * 40_000], ids=["400 bytes", "40 kB"])
def test_the_ends_of_long_pieces_are_joined(around: str) -> None:
    """A secret may be split between two pieces of any length."""
    half = len(SECRET) // 2
    for make in (chat, gemini):
        pieces = [make(around + SECRET[:half]), make(SECRET[half:] + around)]
        for body, essence in ((events(*pieces), EVENTS), (json.dumps(pieces).encode(), "application/json")):
            assert any(SECRET.encode() in text for text in put_together(body, essence))


def responses(text: str, **where: Any) -> dict[str, Any]:
    """A piece of one item of a Responses stream."""
    return {"type": "response.output_text.delta", "delta": text, **where}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"output_index": 0}, {"output_index": 1}),
        ({"output_index": 0, "content_index": 0}, {"output_index": 0, "content_index": 1}),
        ({"item_id": "a"}, {"item_id": "b"}),
        ({"messageId": "a"}, {"messageId": "b"}),
        ({"contentBlockIndex": 0}, {"contentBlockIndex": 1}),
        ({}, {"type": "response.reasoning_text.delta"}),
    ],
    ids=str,
)
def test_items_that_take_turns_are_told_apart(one: dict[str, Any], other: dict[str, Any]) -> None:
    """Pieces of another item between those of a secret do not hide it."""
    turns = [event for text in PIECES for event in (responses(text, **one), responses("zz", **other))]
    assert any(SECRET.encode() in text for text in put_together(events(*turns), EVENTS))


@pytest.mark.parametrize(
    ("body", "essence"),
    [(b"{", "application/json"), (b"[" * 100_000, "application/json"), (b"data: {\n\n", EVENTS), (b"x" * 50, FRAMES),
     (b'{"a":1}\n{', "application/json"), (b"\xff\n\xfe", "application/x-ndjson"), (b"", EVENTS),
     (frame("chunk", {"bytes": "no base64"}), FRAMES), (frame("chunk", {"bytes": "\u00e9"}), FRAMES)],
)  # fmt: skip
def test_it_never_raises(body: bytes, essence: str) -> None:
    """A broken body has some texts or none."""
    assert SECRET.encode() not in b"".join(put_together(body, essence))


def test_long_streams_take_little_memory() -> None:
    """Texts are released as they come, and a secret at such a place is still in one piece."""
    words = [*(f"w{n} " for n in range(20_000)), *PIECES, *(f"w{n} " for n in range(20_000))]
    body = b"".join(json.dumps({"response": word}).encode() + b"\n" for word in words)
    tracemalloc.start()
    try:
        assert any(SECRET.encode() in text for text in put_together(body, "application/x-ndjson"))
        assert tracemalloc.get_traced_memory()[1] < 4 * 2**20
    finally:
        tracemalloc.stop()
    names = b"".join(json.dumps({f"n{n}": "x" * 200}).encode() + b"\n" for n in range(50_000))
    tracemalloc.start()
    try:
        assert sum(map(len, put_together(names, "application/x-ndjson"))) == 200 * 50_000
        assert tracemalloc.get_traced_memory()[1] < 8 * 2**20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("value", [
    {"n" * 10_000: {str(n): str(n) for n in range(4000)}}, [[{}] * 100_000], [{str(n): str(n) for n in range(100_000)}],
], ids=["a long name", "a long list", "many names"])  # fmt: skip
def test_wide_values_take_little_memory_beside_them(value: Any) -> None:
    """No name is repeated for each member below it, and no list is copied to be walked through."""
    body = json.dumps(value).encode() + b"\n"
    essence = "application/json" if body.startswith(b"[") else "application/x-ndjson"
    tracemalloc.start()
    try:
        read = json.loads(body)
        loaded = tracemalloc.get_traced_memory()[1]
        del read
        tracemalloc.reset_peak()
        assert sum(map(len, put_together(body, essence))) == sum(map(len, _texts_of(value)))
        assert tracemalloc.get_traced_memory()[1] < loaded + 2**20
    finally:
        tracemalloc.stop()


def _texts_of(value: Any) -> list[str]:
    members = value.values() if isinstance(value, dict) else value
    return [value] if isinstance(value, str) else [text for member in members for text in _texts_of(member)]

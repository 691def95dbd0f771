"""Answers as people read them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from addon.page.answers import events_of, turns_of_answer
from addon.page.blocks import Media
from cache_store.answers.text import spoken

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
SSE = ((b"content-type", b"text/event-stream"),)
JSON = ((b"content-type", b"application/json"),)


def _sse(*events: Any) -> bytes:
    return b"".join(b"data: %s\n\n" % json.dumps(event).encode() for event in events)


def _read(headers: Any, body: bytes) -> list[tuple[str, str, str]]:
    turns = turns_of_answer(headers, body, [])
    return [(part.kind, part.name, part.text) for turn in turns for part in turn.parts]


@pytest.mark.parametrize(
    "name",
    ["openai_chat.bin", "openai_responses.bin", "anthropic.bin", "gemini.bin", "bedrock_converse.bin", "cohere.bin",
     "anthropic_tool_use.sse", "openai_chat_tool_call.sse", "mistral_chat.sse", "gemini_cli.sse", "ollama_chat.ndjson",
     "azure_chat_two_choices.sse", "gemini_two_candidates.sse"],
)  # fmt: skip
def test_a_stream_reads_as_its_text_and_calls(name: str) -> None:
    """The same text and calls that `show` prints, for every sample."""
    body = (SAMPLES / "streams" / name).read_bytes()
    media_type = {".ndjson": "application/x-ndjson"}.get(Path(name).suffix, "text/event-stream")
    if name == "bedrock_converse.bin":
        media_type = "application/vnd.amazon.eventstream"
    headers = ((b"content-type", media_type.encode()),)
    found = _read(headers, body)
    said = spoken(body, media_type)
    texts = "".join(text for kind, _, text in found if kind == "text")
    if said is not None and name != "azure_chat_two_choices.sse" and name != "gemini_two_candidates.sse":
        assert texts == said.text
        calls = [(called, json.loads(text)) for kind, called, text in found if kind == "call"]
        assert calls == [(call.name, json.loads(call.arguments or "{}")) for call in said.calls]
    assert found
    assert events_of(headers, body)


@pytest.mark.parametrize(
    "name", ["openai_chat", "openai_response", "anthropic_message", "gemini_generate", "gemini_cli_generate",
             "bedrock_converse", "cohere_chat", "mistral_chat"],
)  # fmt: skip
def test_a_whole_answer_reads_the_same(name: str) -> None:
    """The text that `show` prints."""
    body = (SAMPLES / "objects" / f"{name}.json").read_bytes()
    found = _read(JSON, body)
    said = spoken(body, "application/json")
    assert said is not None
    assert "".join(text for kind, _, text in found if kind == "text") == said.text
    assert [called for kind, called, _ in found if kind == "call"] == [call.name for call in said.calls]


def test_thinking_is_told_apart() -> None:
    """In each stream that has it."""
    chat = _sse({"choices": [{"index": 0, "delta": {"reasoning_content": "h"}}]}, {"choices": [{"index": 0, "delta": {"reasoning_content": "m"}}]},
                {"choices": [{"index": 0, "delta": {"content": "a"}}]})  # fmt: skip
    anthropic = _sse(
        {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "hm"}},
        {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "a"}},
    )
    gemini = _sse({"candidates": [{"content": {"parts": [{"text": "hm", "thought": True}, {"text": "a"}]}}]})
    for body in (chat, anthropic, gemini):
        assert _read(SSE, body) == [("thinking", "", "hm"), ("text", "", "a")]


def test_a_responses_stream_without_its_last_event_is_put_together() -> None:
    """From its deltas."""
    body = _sse(
        {"type": "response.output_text.delta", "output_index": 0, "delta": "a"},
        {"type": "response.output_text.delta", "output_index": 0, "delta": "b"},
        {"type": "response.function_call_arguments.delta", "output_index": 1, "delta": "{}"},
    )
    assert _read(SSE, body) == [("text", "", "ab"), ("call", "", "{}")]


def test_media_of_answers_are_collected() -> None:
    """Bodies that are a picture or a sound, pictures in JSON, and a streamed sound."""
    media: list[Media] = []
    turns_of_answer(((b"content-type", b"audio/mpeg"),), b"abc", media)
    turns_of_answer(((b"content-type", b"image/png"),), b"abc", media)
    turns_of_answer(JSON, b'{"data": [{"b64_json": "AAAA"}]}', media)
    sound = [
        {"choices": [{"index": 0, "delta": {"audio": {"data": part, "transcript": part}}}]}
        for part in ("AA", "BB")
    ]
    (turn,) = turns_of_answer(SSE, _sse(*sound), media)
    assert [(one.media_type, one.data) for one in media] == [
        ("audio/mpeg", "YWJj"), ("image/png", "YWJj"), ("image/png", "AAAA"), ("audio/L16", "AABB"),
    ]  # fmt: skip
    assert (turn.parts[0].text, turn.parts[0].media) == ("AABB", 3)


@pytest.mark.parametrize(
    ("headers", "body", "expected"),
    [
        (JSON, b'{"error": {"message": "no"}}', [("error", "", "no")]),
        (JSON, b'{"a": 1}', [("data", "", '{\n  "a": 1\n}')]),
        (JSON, b"<script>", [("text", "", "<script>")]),
        (SSE, b"data: 5\n\n", [("text", "", "data: 5\n\n")]),
        (SSE, _sse({"choices": 5}, {"candidates": {}}, {"delta": 7}, {"content_block": []}, [1]), None),
        (((b"content-type", b"application/vnd.amazon.eventstream"),), b"\0\0", None),
        (JSON, b"", []),
        (((b"content-type", b"application/zip"),), b"PK", [("file", "", "2 bytes")]),
    ],
)
def test_odd_answers_are_shown(
    headers: Any, body: bytes, expected: list[tuple[str, str, str]] | None
) -> None:
    """Errors, JSON of no known form, damaged streams, wrong types."""
    found = _read(headers, body)
    assert found == expected if expected is not None else found

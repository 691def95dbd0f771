"""What an answer says."""

from __future__ import annotations

import json

import pytest

from cache_store.answers.text import Spoken, ToolCall, spoken

JSON, SSE = "application/json", "text/event-stream"


def _sse(*events: object) -> bytes:
    return "".join(f"data: {json.dumps(event)}\n\n" for event in events).encode()


CASES = {
    "chat": (JSON, json.dumps({"choices": [{"message": {"content": "hi", "tool_calls": [
        {"id": "1", "function": {"name": "f", "arguments": "{}"}}]}}]}).encode(), "hi", ["f({})"]),
    "completion": (JSON, b'{"choices": [{"text": "hi"}]}', "hi", []),
    "chat stream": (SSE, _sse(
        {"choices": [{"index": 0, "delta": {"content": "h"}}]}, {"choices": [{"index": 0, "delta": {"content": "i"}}]},
        {"choices": [{"index": 0, "delta": {"tool_calls": [{"index": 0, "function": {"name": "f", "arguments": "{"}}]}}]},
        {"choices": [{"index": 0, "delta": {"tool_calls": [{"index": 0, "function": {"arguments": "}"}}]}}]},
        {"choices": [], "usage": {}}), "hi", ["f({})"]),
    "responses": (JSON, json.dumps({"output": [{"type": "message", "content": [{"text": "hi"}]}, {
        "type": "function_call", "name": "f", "arguments": "{}"}]}).encode(), "hi", ["f({})"]),
    "responses stream": (SSE, _sse({"type": "response.output_text.delta", "delta": "hi"}, {
        "type": "response.completed", "response": {"output": [{"content": [{"text": "hi"}]}]}}), "hi", []),
    "anthropic": (JSON, json.dumps({"content": [{"type": "text", "text": "hi"}, {
        "type": "tool_use", "name": "f", "input": {"a": 1}}]}).encode(), "hi", ['f({"a": 1})']),
    "anthropic stream": (SSE, _sse(
        {"type": "message_start", "message": {"content": []}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "hi"}},
        {"type": "content_block_start", "index": 1, "content_block": {"type": "tool_use", "name": "f", "input": {}}},
        {"type": "content_block_delta", "index": 1, "delta": {"partial_json": '{"a":'}},
        {"type": "content_block_delta", "index": 1, "delta": {"partial_json": " 1}"}}), "hi", ['f({"a": 1})']),
    "gemini": (JSON, json.dumps({"candidates": [{"content": {"parts": [{"text": "think", "thought": True}, {"text": "hi"}, {
        "functionCall": {"name": "f", "args": {"a": 1}}}]}}]}).encode(), "hi", ['f({"a": 1})']),
    "code assist": (SSE, _sse({"response": {"candidates": [{"content": {"parts": [{"text": "hi"}]}}]}}), "hi", []),
    "converse": (JSON, json.dumps({"output": {"message": {"content": [{"text": "hi"}, {
        "toolUse": {"name": "f", "input": {"a": 1}}}]}}}).encode(), "hi", ['f({"a": 1})']),
    "cohere": (JSON, json.dumps({"message": {"content": [{"type": "text", "text": "hi"}]}}).encode(), "hi", []),
    "cohere stream": (SSE, _sse({"type": "content-delta", "delta": {"message": {"content": {"text": "hi"}}}}), "hi", []),
    "ollama": (JSON, b'{"message": {"role": "assistant", "content": "hi"}}', "hi", []),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_text_and_calls_are_found(case: str) -> None:
    """Whole and streamed, of every family."""
    media_type, body, text, calls = CASES[case]
    said = spoken(body, media_type)
    assert said is not None
    assert said.text == text
    assert [f"{call.name}({call.arguments})" for call in said.calls] == calls


@pytest.mark.parametrize(
    ("body", "media_type"),
    [(b"", JSON), (b"{", JSON), (b"[1, 2]", JSON), (b'{"data": []}', JSON), (b"x", SSE), (b"\0" * 40, "application/vnd.amazon.eventstream"),
     (b"[" * 100_000, JSON)],
)  # fmt: skip
def test_what_is_not_known_says_nothing(body: bytes, media_type: str) -> None:
    """None, whatever the body."""
    assert spoken(body, media_type) is None


@pytest.mark.parametrize(
    "odd", [1, None, "x", [], [1], {}, {"message": 1}, [{"message": {"content": 3, "tool_calls": [1]}}]]
)
@pytest.mark.parametrize(
    "name", ["choices", "candidates", "output", "content", "message", "delta", "start", "response"]
)
def test_odd_members_raise_nothing(name: str, odd: object) -> None:
    """An answer may hold anything anywhere."""
    said = spoken(json.dumps({name: odd}).encode(), JSON)
    assert said is None or said == Spoken(said.text, said.calls)
    assert ToolCall("f") == ToolCall("f", "")


def test_what_was_said_becomes_json() -> None:
    """Without calls there is no member for them."""
    assert Spoken("Hi").as_dict() == {"text": "Hi"}
    called = Spoken("", [ToolCall("search", '{"q":1}')])
    assert called.as_dict() == {"text": "", "calls": [{"name": "search", "arguments": '{"q":1}'}]}

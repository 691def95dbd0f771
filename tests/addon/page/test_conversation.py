"""The conversation of a saved request."""

from __future__ import annotations

from typing import Any

import pytest

from addon.page.conversation import message_parts, offered_tools, turns_of_request

CHAT = {
    "messages": [
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": [{"type": "text", "text": "q"}]},
        {
            "role": "assistant",
            "reasoning_content": "hm",
            "tool_calls": [{"function": {"name": "f", "arguments": "{}"}}],
        },
        {"role": "tool", "tool_call_id": "1", "content": "r"},
    ]
}
RESPONSES = {
    "instructions": "be brief",
    "input": [
        {"role": "user", "content": [{"type": "input_text", "text": "q"}]},
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}], "content": []},
        {"type": "function_call", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "1", "output": "r"},
    ],
}
ANTHROPIC = {
    "system": [{"type": "text", "text": "be brief"}],
    "messages": [
        {"role": "user", "content": "q"},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "hm"},
                {"type": "tool_use", "name": "f", "input": {}},
            ],
        },
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "1", "content": "r"}]},
    ],
}
GEMINI = {
    "systemInstruction": {"parts": [{"text": "be brief"}]},
    "contents": [
        {"role": "user", "parts": [{"text": "q"}]},
        {
            "role": "model",
            "parts": [{"text": "hm", "thought": True}, {"functionCall": {"name": "f", "args": {}}}],
        },
        {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": "r"}}]},
    ],
}
BEDROCK = {
    "system": [{"text": "be brief"}],
    "messages": [
        {"role": "user", "content": [{"text": "q"}]},
        {
            "role": "assistant",
            "content": [
                {"reasoningContent": {"reasoningText": {"text": "hm"}}},
                {"toolUse": {"name": "f", "input": {}}},
            ],
        },
        {"role": "user", "content": [{"toolResult": {"toolUseId": "1", "content": [{"text": "r"}]}}]},
    ],
}


def _read(value: Any) -> list[tuple[str, str, str]]:
    turns = turns_of_request({"kind": "json", "value": value}, [])
    return [(turn.role, part.kind, part.text) for turn in turns for part in turn.parts]


@pytest.mark.parametrize(
    "body", [CHAT, RESPONSES, ANTHROPIC, GEMINI, {"request": GEMINI}, BEDROCK],
    ids=["chat", "responses", "anthropic", "gemini", "code assist", "bedrock"],
)  # fmt: skip
def test_every_api_reads_the_same(body: Any) -> None:
    """The system's words, the question, thinking, a call and its result."""
    found = _read(body)
    assert [(kind, text) for _, kind, text in found] == [
        ("text", "be brief"), ("text", "q"), ("thinking", "hm"), ("call", "{}"), ("result", "r"),
    ]  # fmt: skip
    assert [role for role, _, _ in found[:2]] == ["system", "user"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"input": "q"}, [("user", "text", "q")]),
        ({"prompt": "q"}, [("user", "text", "q")]),
        ({"texts": ["a", "b"]}, [("user", "text", "a"), ("user", "text", "b")]),
        ({"a": 1}, [("request", "data", '{\n  "a": 1\n}')]),
        ({"messages": [1, "two", {"role": 5, "content": {"type": []}}]},
         [("?", "data", "1"), ("user", "text", "two"), ("user", "data", '{\n  "type": []\n}')]),
        (None, []),
    ],
)  # fmt: skip
def test_other_bodies_are_shown_whole(value: Any, expected: list[tuple[str, str, str]]) -> None:
    """A prompt as a user's words, anything else as JSON."""
    assert _read(value) == expected


def test_bodies_that_are_not_json() -> None:
    """Forms by field, files by name, text as it is."""
    form = {"kind": "form", "pairs": [["a", "1"], ["b", None], 7]}
    assert [(p.name, p.text) for p in turns_of_request(form, [])[0].parts] == [("a", "1"), ("b", "")]
    parts = [
        {"name": "file", "filename": "a.wav", "content_type": "audio/wav", "sha256": "0", "size": 5},
        {"name": "model", "text": "m"},
        3,
    ]
    found = turns_of_request({"kind": "multipart", "parts": parts}, [])[0].parts
    assert [(p.kind, p.name, p.text) for p in found][:2] == [
        ("file", "file a.wav", "5 bytes"),
        ("text", "model", "m"),
    ]
    assert turns_of_request({"kind": "text", "value": "hi"}, [])[0].parts[0].text == "hi"
    assert turns_of_request({"kind": "digest", "sha256": "0", "size": 5}, [])[0].parts[0].kind == "data"
    assert turns_of_request(None, []) == []


def test_offered_tools_have_names() -> None:
    """In each provider's form."""
    chat = [{"type": "function", "function": {"name": "a"}}, {"type": "web_search"}, {"name": "b"}]
    assert offered_tools({"value": {"tools": chat}}) == ["a", "web_search", "b"]
    assert offered_tools({"value": {"tools": [{"functionDeclarations": [{"name": "c"}]}]}}) == ["c"]
    assert offered_tools({"value": {"toolConfig": {"tools": [{"toolSpec": {"name": "d"}}]}}}) == ["d"]
    assert offered_tools({"value": {"tools": 5}}) == []


def test_a_message_may_have_a_sound() -> None:
    """An answer of OpenAI's audio models."""
    found = message_parts(
        {"role": "assistant", "content": None, "audio": {"data": "AAAA", "transcript": "hi"}}, []
    )
    assert [(part.kind, part.text) for part in found] == [("audio", "hi")]

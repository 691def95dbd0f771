"""What a saved request asks: the model, the endpoint, the stable prefix."""

from dataclasses import replace
from typing import Any

import pytest

from cache_store.conformance.requests import ask_of, models_of
from tests.cache_store.conformance.recorded import anthropic_entry, entry, messages


@pytest.mark.parametrize(
    "name",
    [
        "system",
        "instructions",
        "preamble",
        "systemInstruction",
        "system_instruction",
        "tools",
        "functions",
        "toolConfig",
        "previous_response_id",
        "conversation",
        "cachedContent",
        "chat_history",
        "context",
    ],
)
def test_what_stands_before_the_last_message_is_part_of_the_prefix(name: str) -> None:
    """Two requests that differ in it have different prefixes; a field that only shapes the answer is none."""

    def prefix(**more: Any) -> str | None:
        ask = ask_of(anthropic_entry("a", 0, 1.0, **more))
        assert ask is not None
        return ask.prefix_sha256

    assert prefix(**{name: "one"}) != prefix(**{name: "two"})
    assert prefix(max_tokens=1) == prefix(max_tokens=2)


@pytest.mark.parametrize("name", ["messages", "contents", "input"])
def test_all_messages_but_the_last_are_part_of_the_prefix(name: str) -> None:
    """The history counts under each of its names, its last element does not."""

    def prefix(*history: str) -> str | None:
        one = entry("h", "/v1/responses", {"model": "m", name: list(history)}, ("", b""))
        ask = ask_of(one)
        assert ask is not None
        return ask.prefix_sha256

    assert prefix("a", "b") == prefix("a", "c")
    assert prefix("a", "b") != prefix("x", "b")


def test_a_query_and_a_final_slash_do_not_hide_an_endpoint() -> None:
    """The path alone says what an entry is."""
    for path in ("/v1/messages?beta=true", "/v1/messages/"):
        ask = ask_of(entry("h", path, messages("a", model="m"), ("", b"")))
        assert ask is not None
        assert ask.path == "/v1/messages"


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        ("/model/anthropic.claude-x-v2%3A0/converse", None, ("anthropic.claude-x-v2:0",)),
        (
            "/model/arn%3Aaws%3Abedrock%3Aus%3A1%3Ainference-profile%2Fp/invoke",
            None,
            ("arn:aws:bedrock:us:1:inference-profile/p",),
        ),
        ("/openai/deployments/mine/chat/completions", {"model": "gpt-4o"}, ("mine", "gpt-4o")),
        ("/v1beta/models/gemini-2.5-pro:generateContent", {}, ("gemini-2.5-pro",)),
        ("/v1/projects/p/locations/l/publishers/anthropic/models/claude-s@1:rawPredict", {}, ("claude-s@1",)),
        ("/v1/chat/completions", {"model": "models/gemini-2.5-pro"}, ("gemini-2.5-pro",)),
        ("/v1/chat/completions", {"model": 5}, ()),
        ("/v1/chat/completions", None, ()),
    ],
)
def test_the_model_of_a_request(path: str, body: dict[str, Any] | None, expected: tuple[str, ...]) -> None:
    """Bedrock, Azure, Gemini and Vertex name the model in the path, the others in the body."""
    assert models_of(path, body) == expected


@pytest.mark.parametrize("data", [b"[" * 100_000, b'{"path": "/v1/messages", "x": NaN}', b"\xff", b"5"])
def test_a_hostile_saved_request_is_as_good_as_none(data: bytes) -> None:
    """What cannot be read leaves the label to say what the entry was."""
    ask = ask_of(replace(anthropic_entry("a", 0, 1.0), request_json=data))
    assert ask is not None
    assert (ask.host, ask.models, ask.prefix_sha256) == ("api.anthropic.com", ("claude-sonnet-4-6",), None)

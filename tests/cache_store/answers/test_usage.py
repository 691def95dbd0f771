"""The raw usage object and the model of an answer, for each provider, whole and streamed."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cache_store.answers.usage import model_of, tokens_of, usage_of
from tests.cache_store.conformance import provider_answers as shaped

ANTHROPIC = {
    "input_tokens": 40,
    "output_tokens": 96,
    "cache_read_input_tokens": 3800,
    "cache_creation_input_tokens": 0,
    "cache_creation": {"ephemeral_5m_input_tokens": 0},
}
OPENAI = {"prompt_tokens": 9, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 4}}
RESPONSES = {"input_tokens": 9, "output_tokens": 2, "input_tokens_details": {"cached_tokens": 4}}
GEMINI = {"promptTokenCount": 9, "candidatesTokenCount": 2, "cachedContentTokenCount": 4}
BEDROCK = {"inputTokens": 9, "outputTokens": 2, "cacheReadInputTokens": 4, "cacheWriteInputTokens": 0}


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(
    ("answer", "usage"),
    [
        (shaped.anthropic, ANTHROPIC),
        (shaped.openai, OPENAI),
        (shaped.responses, RESPONSES),
        (shaped.gemini, GEMINI),
    ],
)
def test_usage_and_model_whole_and_streamed(answer: Any, usage: dict[str, Any], streamed: bool) -> None:
    """A provider's usage comes out verbatim, streamed or not, and so does the model's name."""
    media_type, body = answer("some-model", usage, streamed)
    assert usage_of(body, media_type) == usage
    assert model_of(body, media_type) == "some-model"


@pytest.mark.parametrize("streamed", [False, True])
def test_bedrock_converse(streamed: bool) -> None:
    """Converse has its usage in the body or in the metadata frame, and names no model."""
    media_type, body = shaped.converse(BEDROCK, streamed)
    assert usage_of(body, media_type) == BEDROCK
    assert model_of(body, media_type) is None


def test_bedrock_invoke_has_the_model_s_own_events() -> None:
    """The events inside an invoke stream are read as the model wrote them; its metrics do not replace them."""
    events = shaped.anthropic_events("claude-x", ANTHROPIC)
    events[-1]["amazon-bedrock-invocationMetrics"] = {"inputTokenCount": 1, "outputTokenCount": 1}
    media_type, body = shaped.invoke(events)
    assert usage_of(body, media_type) == ANTHROPIC
    assert model_of(body, media_type) == "claude-x"


def test_bedrock_invoke_metrics_stand_in() -> None:
    """A model without usage of its own leaves Bedrock's metrics, in the last event."""
    metrics = {"inputTokenCount": 9, "outputTokenCount": 2, "invocationLatency": 5}
    media_type, body = shaped.invoke(
        [{"outputText": "a"}, {"outputText": "b", "amazon-bedrock-invocationMetrics": metrics}]
    )
    assert usage_of(body, media_type) == metrics


def test_bedrock_nova_invoke_stream() -> None:
    """Nova's events wrap their usage in `metadata`."""
    usage = {"inputTokens": 9, "outputTokens": 2, "cacheReadInputTokenCount": 4}
    media_type, body = shaped.invoke([{"contentBlockDelta": {}}, {"metadata": {"usage": usage}}])
    assert usage_of(body, media_type) == usage


COHERE_V2 = {"billed_units": {"input_tokens": 5}, "tokens": {"input_tokens": 71, "output_tokens": 2}}
OLLAMA = {
    "total_duration": 9,
    "prompt_eval_count": 26,
    "prompt_eval_duration": 3,
    "eval_count": 2,
    "eval_duration": 4,
}


@pytest.mark.parametrize(
    ("media_type", "body", "expected"),
    [
        ("application/json", {"message": {"role": "assistant"}, "usage": COHERE_V2}, COHERE_V2),
        ("application/json", {"text": "Hi", "meta": {"api_version": {}, **COHERE_V2}}, COHERE_V2),
        ("application/json", {"model": "llama3", "done": True, **OLLAMA}, OLLAMA),
        (
            "application/json",
            {"generation": "Hi", "prompt_token_count": 9, "generation_token_count": 2},
            {"prompt_token_count": 9, "generation_token_count": 2},
        ),
        ("application/json", {"response": {"usageMetadata": GEMINI}}, GEMINI),
        ("application/json", shaped.gemini_chunks("m", GEMINI), GEMINI),
        ("", {"usage": OPENAI}, OPENAI),
        ("application/vnd.api+json", {"usage": OPENAI}, OPENAI),
    ],
    ids=[
        "cohere-v2",
        "cohere-v1",
        "ollama",
        "llama",
        "code-assist",
        "gemini-array",
        "no-type",
        "json-suffix",
    ],
)
def test_other_whole_answers(media_type: str, body: Any, expected: dict[str, Any]) -> None:
    """Cohere, Ollama, Llama, Code Assist and Gemini's array each have their own place for the counts."""
    assert usage_of(json.dumps(body).encode(), media_type) == expected


@pytest.mark.parametrize(
    ("media_type", "body", "expected"),
    [
        (
            shaped.SSE,
            shaped.sse({"type": "message-end", "delta": {"usage": COHERE_V2}}, named=True),
            COHERE_V2,
        ),
        (
            "application/stream+json",
            b'{"text": "Hi"}\n'
            + json.dumps({"event_type": "stream-end", "response": {"meta": COHERE_V2}}).encode(),
            COHERE_V2,
        ),
        (shaped.SSE, shaped.sse({"choices": [], "x_groq": {"usage": OPENAI}}, "[DONE]"), OPENAI),
        (
            "application/x-ndjson",
            b'{"done": false}\n' + json.dumps({"done": True, **OLLAMA}).encode() + b"\n",
            OLLAMA,
        ),
        ("application/json", b'{"done": false}\n' + json.dumps({"done": True, **OLLAMA}).encode(), OLLAMA),
        ("", b": comment\n\n" + shaped.sse({"usage": OPENAI}), OPENAI),
    ],
    ids=["cohere-v2", "cohere-v1", "groq", "ollama", "ollama-as-json", "sse-without-type"],
)
def test_other_streams(media_type: str, body: bytes, expected: dict[str, Any]) -> None:
    """Streams that end with their counts in other places, or under another media type."""
    assert usage_of(body, media_type) == expected


def test_later_counts_replace_earlier_ones_and_null_replaces_nothing() -> None:
    """Cumulative counts end at the last one; a null in the last chunk leaves the count that was there."""
    body = shaped.sse(
        {"usage": {"a": 1, "b": 1, "c": None}}, {"usage": {"a": 2, "b": None, "d": None}}, {"usage": None}
    )
    assert usage_of(body, shaped.SSE) == {"a": 2, "b": 1, "c": None, "d": None}


@pytest.mark.parametrize(
    ("media_type", "body"),
    [
        ("application/json", b""),
        ("application/json", b'{"usage": "none"}'),
        ("application/json", b'{"usage": null}'),
        ("application/json", b"[1, 2"),
        ("application/json", b'{"usage": {"input_tokens": NaN}}'),
        ("application/json", b'{"usage": ' + b'{"a": ' * 200 + b"1" + b"}" * 200 + b"}"),
        ("application/json", b"[" * 100_000),
        ("application/json", b'"\xff"'),
        ("text/event-stream", b"data: {broken\n\ndata: [DONE]\n\n"),
        (shaped.EVENTSTREAM, b"\x00\x00\x00\x01"),
        (shaped.EVENTSTREAM, shaped.frame("chunk", {"bytes": "no base64!"})),
        (shaped.EVENTSTREAM, shaped.frame("chunk", {"bytes": "abcde"})),
        (shaped.EVENTSTREAM, shaped.frame("chunk", {"bytes": 5})),
        ("application/json", b"[1, 2]"),
        ("audio/mpeg", b'{"usage": {"input_tokens": 1}}'),
    ],
    ids=range(15),
)
def test_what_carries_no_usage_has_none(media_type: str, body: bytes) -> None:
    """Broken, hostile or other answers have no usage and no model, and raise nothing."""
    assert usage_of(body, media_type) is None
    assert model_of(body, media_type) is None


@given(
    st.binary(max_size=200),
    st.sampled_from(["application/json", shaped.SSE, shaped.EVENTSTREAM, "", "a/x-ndjson"]),
)
def test_any_bytes_are_read(body: bytes, media_type: str) -> None:
    """No body raises."""
    assert isinstance(usage_of(body, media_type), dict | None)
    assert isinstance(model_of(body, media_type), str | None)


def test_lines_are_read_as_far_as_they_are_json() -> None:
    """Blank lines are passed over; at the first line that is no JSON the rest is not looked at."""
    good = json.dumps({"usage": OPENAI}).encode()
    assert usage_of(b'{"a": 1}\n\n' + good, "application/x-ndjson") == OPENAI
    assert usage_of(b'{"a": 1}\n{cut\n' + good, "application/x-ndjson") is None


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        ({"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}, (3, 2)),
        ({"input_tokens": 3, "output_tokens": 2, "input_tokens_details": {"cached_tokens": 1}}, (3, 2)),
        ({"input_tokens": 3, "cache_read_input_tokens": 10, "cache_creation_input_tokens": 5, "output_tokens": 2}, (18, 2)),
        ({"promptTokenCount": 3, "candidatesTokenCount": 2, "thoughtsTokenCount": 4}, (3, 6)),
        ({"inputTokens": 3, "outputTokens": 2}, (3, 2)),
        ({"billed_units": {"input_tokens": 3, "output_tokens": 2}}, (3, 2)),
        ({"prompt_eval_count": 3, "eval_count": 2}, (3, 2)),
        ({"inputTokenCount": 5, "outputTokenCount": 7}, (5, 7)),
        ({"inputTokenCount": 5, "outputTokenCount": 7, "cacheReadInputTokenCount": 4}, (9, 7)),
        ({"prompt_token_count": 3, "generation_token_count": 2}, (3, 2)),
        ({"prompt_tokens": True, "input_tokens": 3.0}, (0, 0)),
        ({"prompt_tokens": -5, "completion_tokens": "many"}, (0, 0)),
        ({"prompt_tokens": float("inf"), "completion_tokens": 10**400}, (0, 0)),
        ({}, (0, 0)),
    ],
)  # fmt: skip
def test_tokens_of_every_dialect(usage: dict[str, Any], tokens: tuple[int, int]) -> None:
    """In and out, under the names that providers use; what makes no sense counts nothing."""
    assert tokens_of(usage) == tokens

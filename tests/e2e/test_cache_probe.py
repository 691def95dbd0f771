"""`cache-probe --from-cache` over entries that the real proxy recorded."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cache_store.conformance import provider_answers as shapes
from tests.e2e.clients import session
from tests.e2e.command import provider_proxy
from tests.e2e.conftest import Proxy
from tests.e2e.upstream import Exchange, Upstream, chat_answer, chat_events, message_answer

USER = {"role": "user", "content": "long prefix " * 400}
BEDROCK = "https://bedrock-runtime.us-east-1.amazonaws.com/model/anthropic.claude-3-7-sonnet-20250219-v1%3A0"
GEMINI = "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash"


def openai_answer(exchange: Exchange, cached: int, streamed: bool) -> None:
    """Chat completions: the total includes what was cached."""
    usage = {"prompt_tokens": 4000, "completion_tokens": 9, "total_tokens": 4009,
             "prompt_tokens_details": {"cached_tokens": cached}}  # fmt: skip
    if streamed:
        last = {
            "id": "c",
            "object": "chat.completion.chunk",
            "model": "gpt-4.1",
            "choices": [],
            "usage": usage,
        }
        events = chat_events(["hi"])
        exchange.stream([*events[:-1], f"data: {json.dumps(last)}\n\n".encode(), events[-1]])
    else:
        exchange.json(chat_answer("hi") | {"usage": usage})


def anthropic_answer(exchange: Exchange, cached: int, streamed: bool) -> None:
    """Messages: input_tokens leaves out what was cached."""
    usage = {"input_tokens": 200, "output_tokens": 9, "cache_read_input_tokens": cached,
             "cache_creation_input_tokens": 0 if cached else 3800}  # fmt: skip
    if streamed:
        exchange.stream(
            [shapes.sse(event, named=True) for event in shapes.anthropic_events("claude-sonnet-4-6", usage)]
        )
    else:
        exchange.json(message_answer("hi") | {"model": "claude-sonnet-4-6", "usage": usage})


def gemini_answer(exchange: Exchange, cached: int, streamed: bool) -> None:
    """generateContent: the field for what was cached is absent where nothing was."""
    usage = {"promptTokenCount": 4000, "candidatesTokenCount": 9, "totalTokenCount": 4009}
    usage |= {"cachedContentTokenCount": cached} if cached else {}
    content = {"role": "model", "parts": [{"text": "hi"}]}
    answer = {
        "candidates": [{"content": content, "finishReason": "STOP"}],
        "usageMetadata": usage,
        "modelVersion": "gemini-2.5-flash",
    }
    if streamed:
        exchange.stream([shapes.sse(answer)])
    else:
        exchange.json(answer)


def bedrock_answer(exchange: Exchange, cached: int, streamed: bool) -> None:
    """Converse: as Anthropic's own."""
    usage = {"inputTokens": 200, "outputTokens": 9, "totalTokens": 4009, "cacheReadInputTokens": cached,
             "cacheWriteInputTokens": 0 if cached else 3800}  # fmt: skip
    if streamed:
        frames = [("messageStart", {"role": "assistant"}), ("contentBlockDelta", {"delta": {"text": "hi"}, "contentBlockIndex": 0}),
                  ("contentBlockStop", {"contentBlockIndex": 0}), ("messageStop", {"stopReason": "end_turn"}),
                  ("metadata", {"usage": usage, "metrics": {"latencyMs": 1}})]  # fmt: skip
        exchange.stream([shapes.frame(*f) for f in frames], content_type=shapes.EVENTSTREAM)
    else:
        output = {"message": {"role": "assistant", "content": [{"text": "hi"}]}}
        exchange.json(
            {"output": output, "stopReason": "end_turn", "usage": usage, "metrics": {"latencyMs": 1}}
        )


type Answer = Callable[[Exchange, int, bool], None]
ROUTES: dict[str, tuple[Answer, str, str, str, dict[str, Any]]] = {
    "openai": (openai_answer, "gpt-4.1", "https://api.openai.com/v1/chat/completions", "", {"model": "gpt-4.1"}),
    "anthropic": (anthropic_answer, "claude-sonnet-4-6", "https://api.anthropic.com/v1/messages", "",
                  {"model": "claude-sonnet-4-6", "max_tokens": 9}),
    "gemini": (gemini_answer, "gemini-2.5-flash", f"{GEMINI}:generateContent", f"{GEMINI}:streamGenerateContent?alt=sse", {}),
    "bedrock": (bedrock_answer, "anthropic.claude-3-7-sonnet-20250219-v1:0", f"{BEDROCK}/converse", f"{BEDROCK}/converse-stream", {}),
}  # fmt: skip


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("cached", [3800, 0])
@pytest.mark.parametrize("provider", sorted(ROUTES))
def test_the_verdict_over_two_recorded_requests(
    provider: str, cached: int, streamed: bool, start_proxy: Callable[..., Proxy],
    start_upstream: Callable[..., Upstream], tmp_path: Path,
) -> None:  # fmt: skip
    """Two requests with one long prefix: a second that read the cache is effective, one that did not is a miss."""
    answer, model, url, stream_url, body = ROUTES[provider]
    upstream = start_upstream(lambda e: answer(e, cached if e.number == 2 else 0, streamed))
    proxy = start_proxy(upstream, "read-write")
    with session(proxy) as client:
        for question in ("one", "two"):
            asked = {"role": "user", "content": question}
            if provider == "gemini":
                parts = [{"role": "user", "parts": [{"text": m["content"]}]} for m in (USER, asked)]
                sent: dict[str, Any] = {"contents": parts}
            elif provider == "bedrock":
                sent = {"messages": [m | {"content": [{"text": m["content"]}]} for m in (USER, asked)]}
            else:
                sent = body | {"messages": [USER, asked]} | ({"stream": True} if streamed else {})
            client.post(stream_url if streamed and stream_url else url, json=sent, timeout=120)
    assert "stored" in proxy.stop()
    command = ["cache-probe", provider, "--model", model, "--from-cache"]
    done = provider_proxy(*command, environ=proxy.environ, folder=tmp_path)
    report = json.loads(done.stdout)
    assert len(report["runs"]) == 2
    assert report["verdict"] == ("cache_effective" if cached else "cache_supported_miss"), report
    assert done.returncode == (0 if cached else 1)

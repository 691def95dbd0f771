"""What real SDKs make of cut streams and errors inside a stream, and that the cache keeps none of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.e2e.conftest import Proxy
from tests.e2e.test_sdks import environment_of
from tests.e2e.upstream import Exchange, Upstream, chat_events, message_events

Start = Callable[..., Proxy]

CHAT, MESSAGE = chat_events(["Hel", "lo"]), message_events(["Hel", "lo"])
CHAT_ERROR = f"data: {json.dumps({'error': {'message': 'overloaded', 'type': 'server_error'}})}\n\n".encode()
MESSAGE_ERROR = (
    "event: error\ndata: "
    + json.dumps({"type": "error", "error": {"type": "overloaded_error", "message": "overloaded"}})
    + "\n\n"
).encode()


def openai_stream() -> str:
    """A streamed chat by the openai SDK."""
    import openai

    with openai.OpenAI(api_key="sk-test-0123456789abcdef", max_retries=0) as client:
        ask: Any = {"model": "gpt-4.1", "messages": [{"role": "user", "content": "hello"}], "stream": True}
        with client.chat.completions.create(**ask) as stream:
            return "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)


def anthropic_stream() -> str:
    """A streamed message by the anthropic SDK."""
    import anthropic

    with anthropic.Anthropic(api_key="sk-ant-test-0123456789abcdef", max_retries=0) as client:
        ask: Any = {
            "model": "claude-test",
            "max_tokens": 9,
            "messages": [{"role": "user", "content": "hello"}],
        }
        with client.messages.stream(**ask) as stream:
            return "".join(stream.text_stream)


def outcome(sdk: Callable[[], str]) -> str:
    """The text that it returns, or what it raises."""
    try:
        return sdk()
    except Exception as error:  # noqa: BLE001 - each SDK has its own
        return f"raised {error}"


@pytest.mark.parametrize(("sdk", "pieces", "reason"), [
    (openai_stream, CHAT[:2], "no-terminal-event"),
    (openai_stream, CHAT[:-1], "no-terminal-event"),
    (openai_stream, [*CHAT[:1], CHAT_ERROR, CHAT[-1]], "error-in-stream"),
    (anthropic_stream, MESSAGE[:-1], "no-terminal-event"),
    (anthropic_stream, MESSAGE[:4], "no-terminal-event"),
    (anthropic_stream, [*MESSAGE[:3], MESSAGE_ERROR], "error-in-stream"),
])  # fmt: skip
def test_what_is_not_whole_is_not_kept_whatever_the_sdk_says(
    sdk: Callable[[], str], pieces: list[bytes], reason: str,
    start_proxy: Start, start_upstream: Callable[..., Upstream], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """The first answer is cut or holds an error, and SDKs often say nothing; the second is whole and is replayed."""
    whole = CHAT if sdk is openai_stream else MESSAGE

    def script(exchange: Exchange) -> None:
        exchange.stream(pieces if exchange.number == 1 else whole)

    upstream = start_upstream(script)
    proxy = start_proxy(upstream, "read-write")
    with environment_of(proxy, monkeypatch):
        said = outcome(sdk)
        assert said != "Hello" or reason == "no-terminal-event"
        assert [sdk(), sdk()] == ["Hello", "Hello"]
    assert upstream.count == 2
    report = proxy.stop()
    # Some SDKs close at the error themselves: then it is the client that left.
    assert reason in report or "client-left" in report

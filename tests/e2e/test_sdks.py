"""The openai and anthropic SDKs, httpx and curl, recorded and replayed with the provider stopped."""

from __future__ import annotations

import json
import shutil
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.clients import CHAT_URL
from tests.e2e.conftest import Proxy
from tests.e2e.upstream import Exchange, Upstream, chat_answer, chat_events, message_answer, message_events

Start = Callable[..., Proxy]

WORDS = ["Hel", "lo ", "wör", "ld"]


def script(exchange: Exchange) -> None:
    """Both providers' chats, streamed where the request wants it."""
    streamed = b'"stream":true' in exchange.body.replace(b" ", b"")
    if exchange.path.endswith("/messages"):
        if streamed:
            exchange.stream(message_events(WORDS))
        else:
            exchange.json(message_answer("".join(WORDS)))
    elif streamed:
        exchange.stream(chat_events(WORDS))
    else:
        exchange.json(chat_answer("".join(WORDS)))


@contextmanager
def environment_of(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What the proxy exports, in this process: the SDKs find it as an unmodified client does."""
    with monkeypatch.context() as patch:
        environ = proxy.client_environ()
        for name in (
            "HTTPS_PROXY",
            "https_proxy",
            "NO_PROXY",
            "no_proxy",
            "SSL_CERT_FILE",
            "REQUESTS_CA_BUNDLE",
        ):
            patch.setenv(name, environ[name])
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "SSL_CERT_DIR"):
            patch.delenv(name, raising=False)
        yield


def openai_chat() -> tuple[str, str]:
    """A whole chat and a streamed one through the openai SDK."""
    import openai

    with openai.OpenAI(api_key="sk-test-0123456789abcdef", max_retries=0) as client:
        messages: Any = [{"role": "user", "content": "hello"}]
        whole = client.chat.completions.create(model="gpt-4.1", messages=messages)
        with client.chat.completions.create(model="gpt-4.1", messages=messages, stream=True) as stream:
            pieces = [c.choices[0].delta.content or "" for c in stream]
    return whole.choices[0].message.content or "", "".join(pieces)


def anthropic_chat() -> tuple[str, str]:
    """A whole message and a streamed one through the anthropic SDK."""
    import anthropic

    with anthropic.Anthropic(api_key="sk-ant-test-0123456789abcdef", max_retries=0) as client:
        ask: Any = {"model": "claude-test", "max_tokens": 64, "messages": [{"role": "user", "content": "hi"}]}
        whole = client.messages.create(**ask)
        with client.messages.stream(**ask) as stream:
            pieces = list(stream.text_stream)
    return whole.content[0].text, "".join(pieces)


@pytest.mark.parametrize("chat", [openai_chat, anthropic_chat])
def test_sdks_record_and_replay_with_the_provider_stopped(
    chat: Callable[[], tuple[str, str]],
    start_proxy: Start,
    start_upstream: Callable[..., Upstream],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An unmodified SDK records through the proxy and replays, streamed and not, when the provider is gone."""
    upstream = start_upstream(script)
    recording = start_proxy(upstream)
    with environment_of(recording, monkeypatch):
        assert chat() == ("Hello wörld", "Hello wörld")
    recording.stop()
    upstream.stop()
    with environment_of(start_proxy(None, "read-only-require-hit"), monkeypatch):
        assert chat() == ("Hello wörld", "Hello wörld")
    assert upstream.count == 2


# The SDKs that `sdk_misses.py` drives: the place that they ask, and the number of requests if a 502 answers them.
_PLACES = {
    "openai": ("api.openai.com/v1/chat/completions", 1),
    "anthropic": ("api.anthropic.com/v1/messages", 1),
    "google": ("generativelanguage.googleapis.com/v1", 1),
    "groq": ("api.groq.com/openai/v1/chat/completions", 1),
    "mistral": ("api.mistral.ai/v1/chat/completions", 1),
    "together": ("api.together.xyz/", 1),
    "hugging_face": ("router.huggingface.co/v1/chat/completions", 1),
    "cohere": ("api.cohere.com/v2/chat", 3),  # three, seconds apart
    "bedrock": ("bedrock-runtime.us-east-1.amazonaws.com/model/m/converse", 3),
    "bedrock_streamed": ("bedrock-runtime.us-east-1.amazonaws.com/model/m/converse-stream", 3),
}


@pytest.mark.parametrize(
    ("status", "sdks", "tries"),
    [(502, [sdk for sdk in _PLACES if sdk != "cohere"], 13), (400, ["openai", "cohere", "bedrock"], 3)],
)
def test_a_miss_explains_itself_in_the_exception_of_every_sdk(
    start_proxy: Start, status: int, sdks: list[str], tries: int
) -> None:
    """`str(exception)` holds our message. An SDK that asks three times has missed once; a 400 ends it at once."""
    proxy = start_proxy(None, "read-only-require-hit", miss_status=str(status))
    script = Path(__file__).with_name("sdk_misses.py")
    done = subprocess.run(
        [sys.executable, script, *sdks],
        env=proxy.client_environ(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    said = json.loads(done.stdout or "{}")
    assert list(said) == sdks, done.stderr
    for sdk in sdks:
        assert f"provider-proxy: no recorded answer for POST {_PLACES[sdk][0]}" in said[sdk]
        assert "Nothing is recorded for " in said[sdk]
    report = proxy.stop()
    assert f"{tries} requests, 0.0 % hits" in report
    again = tries - len(sdks)
    counted = f"asked again within seconds after a miss, so not counted twice: {again} requests\n"
    assert counted in report or not again


def test_httpx(start_proxy: Start, upstream: Upstream) -> None:
    """httpx records and replays, on one connection."""
    proxy = start_proxy(upstream, "read-write")
    context = ssl.create_default_context(cafile=proxy.bundle)
    with httpx.Client(proxy=proxy.url, verify=context, trust_env=False, timeout=120) as client:
        answers = [client.post(CHAT_URL, json={"model": "m"}) for _ in range(3)]
    assert [a.headers["x-provider-proxy-cache"] for a in answers] == ["false", "true", "true"]
    assert len({a.content for a in answers}) == 1


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_curl_with_nothing_but_the_environment(start_proxy: Start, upstream: Upstream) -> None:
    """curl needs no option: the exports are enough."""
    proxy = start_proxy(upstream, "read-write")
    command = ["curl", "-sS", "--compressed", "-d", '{"model": "m"}', "-H", "content-type: application/json",
               "-w", "%header{x-provider-proxy-cache}", "-o", "/dev/null", CHAT_URL]  # fmt: skip
    seen = [subprocess.run(command, env=proxy.client_environ(), capture_output=True, text=True, timeout=120,
                           check=True).stdout for _ in range(2)]  # fmt: skip
    assert seen == ["false", "true"]


@pytest.mark.parametrize("base", ["/https/api.openai.com/v1", "proxy"])
def test_the_base_url_door_serves_the_openai_sdk(
    base: str, start_proxy: Start, start_upstream: Callable[..., Upstream], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that ignores proxies records through the base URL, and shares entries with one that does not."""
    import openai

    upstream = start_upstream(script)
    proxy = start_proxy(upstream, "read-write")
    with openai.OpenAI(
        api_key="sk-test-0123456789abcdef",
        base_url=f"{proxy.url}/https/api.openai.com/v1",
        http_client=httpx.Client(trust_env=False),
        max_retries=0,
    ) as client:
        messages: Any = [{"role": "user", "content": "hello"}]
        client.chat.completions.create(model="gpt-4.1", messages=messages)
        if base != "proxy":
            client.chat.completions.create(model="gpt-4.1", messages=messages)
    if base == "proxy":
        with environment_of(proxy, monkeypatch):
            openai_chat()
    assert upstream.count == (2 if base == "proxy" else 1)

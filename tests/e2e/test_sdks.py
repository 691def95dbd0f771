"""The openai and anthropic SDKs, httpx and curl, recorded and replayed with the provider stopped."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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


def test_a_miss_reads_well_in_an_sdks_exception(start_proxy: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """The openai and anthropic SDKs raise at once, with our message, and do not retry."""
    import anthropic
    import openai

    proxy = start_proxy(None, "read-only-require-hit")
    with environment_of(proxy, monkeypatch):
        with openai.OpenAI(api_key="sk-x") as client, pytest.raises(openai.InternalServerError) as raised:
            client.chat.completions.create(model="gpt-4.1", messages=[{"role": "user", "content": "x"}])
        assert "no recorded answer for POST api.openai.com/v1/chat/completions" in str(raised.value)
        with (
            anthropic.Anthropic(api_key="sk-x") as other,
            pytest.raises(anthropic.InternalServerError) as also,
        ):
            other.messages.create(model="m", max_tokens=1, messages=[{"role": "user", "content": "x"}])
        assert "no recorded answer for POST api.anthropic.com/v1/messages" in str(also.value)
    assert "2 requests" in proxy.stop()


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

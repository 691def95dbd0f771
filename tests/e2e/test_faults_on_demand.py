"""Faults on demand through the real process: what clients see, and that the next request is an ordinary one."""

from __future__ import annotations

import json
import os
import shutil
import ssl
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.clients import CHAT_URL
from tests.e2e.command import provider_proxy
from tests.e2e.conftest import Proxy
from tests.e2e.suites import contents, environment, last_run
from tests.e2e.upstream import Exchange, Upstream, chat_answer, chat_events

WORDS = ["Hel", "lo ", "wör", "ld"]
EVENTS = b"".join(chat_events(WORDS))

SUITE = """
import openai, pytest

client = openai.OpenAI(api_key="test", base_url="URL")  # which retries twice
TALK = [{"role": "user", "content": "hello"}]

@pytest.mark.provider_proxy(faults=[{"kind": "rate-limit", "nth": 1, "retry_after": 0.01}])
def test_survives_a_rate_limit():
    assert client.chat.completions.create(model="m", messages=TALK).choices[0].message.content == "Hi"

@pytest.mark.provider_proxy(faults=[{"kind": "context-length", "nth": 1}])
def test_sees_the_providers_error():
    with pytest.raises(openai.BadRequestError) as raised:
        client.chat.completions.create(model="m", messages=TALK)
    assert raised.value.code == "context_length_exceeded"

@pytest.mark.provider_proxy(faults=[{"kind": "stream-error", "nth": 1}])
def test_asks_again_after_a_broken_stream():
    def text():
        events = client.chat.completions.create(model="m", messages=TALK, stream=True)
        return "".join(event.choices[0].delta.content or "" for event in events)
    with pytest.raises(openai.APIError, match="The server had an error"):
        text()
    assert text() == "Hello wörld"

def test_is_in_a_run_with_a_rule():
    assert client.chat.completions.create(model="m", messages=TALK).choices[0].message.content == "Hi"
"""


def script(exchange: Exchange) -> None:
    """One chat, streamed where the request wants it."""
    if json.loads(exchange.body).get("stream"):
        exchange.stream(chat_events(WORDS))
    else:
        exchange.json(chat_answer("Hi"))


@pytest.fixture
def provider(start_upstream: Callable[..., Upstream]) -> Upstream:
    """The provider of this file."""
    return start_upstream(script)


def test_a_suite_of_the_openai_sdk(provider: Upstream, environ: dict[str, str], tmp_path: Path) -> None:
    """Its client survives what it retries and sees the provider's own errors; what is recorded is whole."""
    environ = environment(environ, provider, _PROVIDER_PROXY_TESTS_SECONDS="60")
    (tmp_path / "test_suite.py").write_text(SUITE.replace("URL", f"https://localhost:{provider.port}/v1"))
    pytest_of = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-c",
        os.devnull,
        "--rootdir",
        ".",
    ]
    flags = ("--fault", "server-error,nth=1,test=*with_a_rule", "--fault", "reset,host=not.asked")
    done = provider_proxy(
        "run", "--mode", "read-write", *flags, "--", *pytest_of, environ=environ, folder=tmp_path
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 passed" in done.stdout
    counts = "context-length 1, rate-limit 1, reset 0, server-error 1, stream-error 1"
    assert f"injected faults: {counts}\n" in done.stderr
    run: dict[str, Any] = last_run(tmp_path)
    assert sum(run["faults"].values()) == 4
    assert [row["faults"] for row in run["tests"]] == [
        {"rate-limit": 1},
        {"context-length": 1},
        {"stream-error": 1},
        {"server-error": 1},
    ]
    assert len(contents(tmp_path)) == 2  # a whole answer, and the stream of which the client saw a part


def test_a_rule_that_is_not_valid_stops_the_start(environ: dict[str, str], tmp_path: Path) -> None:
    """In one line, with the nearest name."""
    done = provider_proxy("run", "--fault", "rate-limt", "--", "true", environ=environ, folder=tmp_path)
    assert done.returncode == 2
    assert "fault rule 1: kind 'rate-limt' is not known; did you mean rate-limit?" in done.stderr


RULES = [
    {"kind": "reset", "nth": 2},
    {"kind": "reset", "nth": 3, "after_events": 1},
    {"kind": "truncate", "nth": 4, "after_bytes": 20},
    {"kind": "stall", "nth": 5, "after_events": 1},
    {"kind": "gateway-page", "nth": 6, "status": 504},
    {"kind": "reset", "nth": 8, "after_events": 2},
    {"kind": "stall", "nth": 10, "after_events": 2, "seconds": 0.01},
    {"kind": "reset", "nth": 12},
    {"kind": "reset", "nth": 13, "after_events": 1},
    {"kind": "truncate", "nth": 14, "after_bytes": 20},
    {"kind": "reset", "nth": 15, "after_events": 2},
]


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_what_a_client_sees(provider: Upstream, start_proxy: Callable[..., Proxy]) -> None:
    """Resets, cuts and stalls of recorded and of live answers; each time the next request gets all of it."""
    proxy = start_proxy(provider, "read-write", faults=json.dumps(RULES))
    context = ssl.create_default_context(cafile=proxy.bundle)

    def body(words: str) -> dict[str, Any]:
        return {"model": "m", "stream": True, "messages": [{"role": "user", "content": words}]}

    def ask(words: str, seconds: float = 120) -> tuple[httpx.Response | None, bytes, Exception | None]:
        got, answer = b"", None
        with httpx.Client(proxy=proxy.url, verify=context, trust_env=False, timeout=seconds) as client:
            try:
                with client.stream("POST", CHAT_URL, json=body(words)) as answer:
                    for piece in answer.iter_raw():
                        got += piece
            except httpx.TransportError as error:
                return answer, got, error
        return answer, got, None

    def ask_http2(words: str) -> tuple[int, bytes]:
        command = ["curl", "-sS", "--http2", "-x", proxy.url, "--cacert", proxy.bundle, "-N",
                   "-H", "content-type: application/json", "-d", json.dumps(body(words)), CHAT_URL]  # fmt: skip
        done = subprocess.run(command, capture_output=True, timeout=120, check=False)
        return done.returncode, done.stdout

    def passes(words: str, cache: str) -> None:
        answer, got, error = ask(words)
        assert (got, error) == (EVENTS, None)
        assert answer is not None
        assert answer.headers["x-provider-proxy-cache"] == cache

    passes("recorded", "false")
    answer, got, error = ask("recorded")
    assert (answer, got) == (None, b"")
    assert isinstance(error, httpx.ReadError)
    answer, got, error = ask("recorded")
    assert got == chat_events(WORDS)[0]
    assert isinstance(error, httpx.RemoteProtocolError)
    answer, got, error = ask("recorded")
    assert (got, error) == (EVENTS[:20], None)
    assert answer is not None
    assert answer.headers["cache-status"] == "provider-proxy; detail=fault"
    assert answer.headers["content-type"] == "text/event-stream"
    answer, got, error = ask("recorded", seconds=1)
    assert got == chat_events(WORDS)[0]
    assert isinstance(error, httpx.ReadTimeout)
    answer, got, _ = ask("recorded")
    assert answer is not None
    assert (answer.status_code, answer.headers["content-type"]) == (504, "text/html")
    assert b"504 Gateway Time-out" in got
    passes("recorded", "true")

    answer, got, error = ask("live")
    assert got == b"".join(chat_events(WORDS)[:2])
    assert isinstance(error, httpx.RemoteProtocolError)
    assert answer is not None
    assert answer.headers["cache-status"] == "provider-proxy; detail=fault"
    passes("live", "true")
    answer, got, error = ask("live and late")
    assert (got, error) == (EVENTS, None)
    passes("live and late", "true")

    stream_was_reset = 92  # curl's CURLE_HTTP2_STREAM
    assert ask_http2("recorded") == (stream_was_reset, b"")
    assert ask_http2("recorded") == (stream_was_reset, chat_events(WORDS)[0])
    assert ask_http2("recorded") == (0, EVENTS[:20])
    assert ask_http2("live again") == (stream_was_reset, b"".join(chat_events(WORDS)[:2]))
    assert ask_http2("live again") == (0, EVENTS)
    assert provider.count == 4
    report = proxy.stop()
    assert (
        "injected faults: gateway-page 1, reset 1, reset-2 1, reset-3 1, reset-4 1, reset-5 1, reset-6 1"
        in report
    )
    assert "failed on" not in report

"""Request identity through the real process: what must differ goes to the provider, what need not is a hit."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.e2e.clients import session
from tests.e2e.conftest import Proxy
from tests.e2e.upstream import Upstream

Start = Callable[..., Proxy]

USER = [{"role": "user", "content": "hello"}]
OPENAI = ("https://api.openai.com/v1/chat/completions", {"model": "gpt-4.1", "messages": USER})
RESPONSES = ("https://api.openai.com/v1/responses", {"model": "gpt-4.1", "input": "hello"})
EMBEDDINGS = ("https://api.openai.com/v1/embeddings", {"model": "text-embedding-3-small", "input": "hello"})
ANTHROPIC = (
    "https://api.anthropic.com/v1/messages",
    {"model": "claude-x", "max_tokens": 9, "messages": USER},
)
GEMINI = (
    "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:generateContent",
    {"contents": [{"parts": [{"text": "hello"}]}]},
)
BEDROCK = (
    "https://bedrock-runtime.us-east-1.amazonaws.com/model/anthropic.claude-v2%3A1/converse",
    {"messages": [{"role": "user", "content": [{"text": "hello"}]}]},
)
COHERE = ("https://api.cohere.com/v2/chat", {"model": "command-r", "messages": USER})
MISTRAL = ("https://api.mistral.ai/v1/chat/completions", {"model": "mistral-small-latest", "messages": USER})

DIFFERENT: list[tuple[str, tuple[str, dict[str, Any]], dict[str, Any]]] = [
    ("openai temperature", OPENAI, {"temperature": 0.1}),
    ("openai seed", OPENAI, {"seed": 1}),
    ("openai tools", OPENAI, {"tools": [{"type": "function", "function": {"name": "f"}}]}),
    ("openai response_format", OPENAI, {"response_format": {"type": "json_object"}}),
    ("openai tool_choice", OPENAI, {"tool_choice": "none"}),
    ("openai user", OPENAI, {"user": "u1"}),
    ("openai unknown field", OPENAI, {"never_heard_of": None}),
    ("responses instructions", RESPONSES, {"instructions": "be brief"}),
    ("responses reasoning", RESPONSES, {"reasoning": {"effort": "low"}}),
    ("embeddings dimensions", EMBEDDINGS, {"dimensions": 8}),
    ("anthropic system", ANTHROPIC, {"system": "Answer only in French."}),
    ("anthropic thinking", ANTHROPIC, {"thinking": {"type": "enabled", "budget_tokens": 1024}}),
    ("anthropic top_k", ANTHROPIC, {"top_k": 3}),
    ("gemini generationConfig", GEMINI, {"generationConfig": {"temperature": 0.5}}),
    ("gemini safetySettings", GEMINI, {"safetySettings": []}),
    ("bedrock inferenceConfig", BEDROCK, {"inferenceConfig": {"maxTokens": 5}}),
    (
        "bedrock guardrail",
        BEDROCK,
        {"guardrailConfig": {"guardrailIdentifier": "g", "guardrailVersion": "1"}},
    ),
    ("cohere documents", COHERE, {"documents": ["a"]}),
    ("mistral safe_prompt", MISTRAL, {"safe_prompt": True}),
]


@pytest.fixture(scope="module")
def shared(module_proxy: tuple[Proxy, Upstream]) -> tuple[Proxy, Upstream]:
    """One proxy and one upstream for the whole table."""
    return module_proxy


@pytest.mark.parametrize(("name", "call", "more"), DIFFERENT, ids=[row[0] for row in DIFFERENT])
def test_a_b_a(
    name: str, call: tuple[str, dict[str, Any]], more: dict[str, Any], shared: tuple[Proxy, Upstream]
) -> None:
    """A, B, A where B has one field more: the provider sees 1, 2, 2 requests."""
    proxy, upstream = shared
    url, body = call
    a, b = body | {"metadata": {"test": name}}, body | {"metadata": {"test": name}} | more
    with session(proxy) as client:
        client.headers["authorization"] = "Bearer test"
        before, counts = upstream.count, []
        for sent in (a, b, a):
            client.post(url, json=sent, timeout=120)
            counts.append(upstream.count - before)
    assert counts == [1, 2, 2]


def test_spelling_does_not_matter(shared: tuple[Proxy, Upstream]) -> None:
    """Key order, white space, number spelling, compression, header case and telemetry are one entry."""
    proxy, upstream = shared
    url = OPENAI[0]
    plain = {"model": "gpt-4.1", "temperature": 1, "messages": USER, "metadata": {"test": "spelling"}}
    spellings = [
        json.dumps(plain),
        json.dumps(dict(reversed(plain.items())), separators=(",", ":")),
        json.dumps(plain, indent=3).replace('"temperature": 1', '"temperature": 1.0e0'),
    ]
    before = upstream.count
    with session(proxy) as client:
        for number, text in enumerate(spellings):
            headers = {"Content-Type": "application/json", "x-stainless-retry-count": str(number),
                       "user-agent": f"sdk/{number}", "traceparent": f"00-{number}", "X-Request-Id": str(number),
                       "authorization": f"Bearer key-number-{number}-0123456789"}  # fmt: skip
            answer = client.post(url, data=text.encode(), headers=headers, timeout=120)
        headers |= {"content-encoding": "gzip", "CONTENT-TYPE": "application/json; charset=utf-8"}
        answer = client.post(url, data=gzip.compress(spellings[0].encode()), headers=headers, timeout=120)
    assert answer.headers["x-provider-proxy-cache"] == "true"
    assert upstream.count - before == 1


def test_cache_breakpoints(shared: tuple[Proxy, Upstream]) -> None:
    """A moved Anthropic breakpoint is a hit; without one, or with another TTL, it is another request."""
    proxy, upstream = shared

    def body(first: dict[str, Any] | None, second: dict[str, Any] | None) -> dict[str, Any]:
        def text(word: str, marker: dict[str, Any] | None) -> dict[str, Any]:
            return {"type": "text", "text": word} | ({"cache_control": marker} if marker else {})

        return ANTHROPIC[1] | {"system": [text("a", first), text("b", second)]}

    short, long = {"type": "ephemeral"}, {"type": "ephemeral", "ttl": "1h"}
    before, counts = upstream.count, []
    with session(proxy) as client:
        for sent in (body(short, None), body(None, short), body(None, None), body(None, long)):
            client.post(ANTHROPIC[0], json=sent, timeout=120)
            counts.append(upstream.count - before)
    assert counts == [1, 1, 2, 3]


def test_multipart_without_its_boundary(shared: tuple[Proxy, Upstream]) -> None:
    """Two uploads of the same file under different boundaries are one; another file is another."""
    proxy, upstream = shared
    before, counts = upstream.count, []
    with session(proxy) as client:
        for content in (b"abc", b"abc", b"abd"):
            files = {"file": ("a.txt", content, "text/plain")}
            url = "https://api.openai.com/v1/audio/transcriptions"
            client.post(url, files=files, data={"model": "x"}, timeout=120)
            counts.append(upstream.count - before)
    assert counts == [1, 1, 2]


def test_ignored_fields_and_dropping_the_rule(start_proxy: Start, upstream: Upstream) -> None:
    """An ignored field may vary; once the rule is dropped, what was recorded under it is not served."""
    body = OPENAI[1] | {"metadata": {"run": "1"}}
    other = OPENAI[1] | {"metadata": {"run": "2"}}
    proxy = start_proxy(upstream, "read-write", ignore_fields="/metadata/run")
    with session(proxy) as client:
        cached = [
            client.post(OPENAI[0], json=b, timeout=120).headers["x-provider-proxy-cache"]
            for b in (body, other)
        ]
    assert cached == ["false", "true"]
    proxy.stop()
    with session(start_proxy(None, "read-only-require-hit")) as client:
        assert client.post(OPENAI[0], json=body, timeout=120).status_code == 502


def test_bedrock_by_boto3_hits_on_the_second_call(
    start_proxy: Start, start_upstream: Callable[..., Upstream], tmp_path: Any
) -> None:
    """boto3's converse, with SigV4 dates and invocation ids, hits on its second call in another process."""
    import subprocess
    import sys

    upstream = start_upstream(
        lambda e: e.json(
            {"output": {"message": {"role": "assistant", "content": [{"text": "hi"}]}}, "stopReason": "end_turn",
             "usage": {"inputTokens": 1, "outputTokens": 1, "totalTokens": 2}, "metrics": {"latencyMs": 1}}
        )
    )  # fmt: skip
    proxy = start_proxy(upstream, "read-write")
    code = (
        "import boto3\n"
        "client = boto3.client('bedrock-runtime', region_name='us-east-1')\n"
        "answer = client.converse(modelId='anthropic.claude-v2:1',"
        " messages=[{'role': 'user', 'content': [{'text': 'hello'}]}])\n"
        "print(answer['ResponseMetadata']['HTTPHeaders']['x-provider-proxy-cache'])\n"
    )
    environ = proxy.client_environ() | {"AWS_ACCESS_KEY_ID": "AKIA0123456789ABCDEF", "AWS_EC2_METADATA_DISABLED": "true",
                                        "AWS_SECRET_ACCESS_KEY": "s" * 40, "AWS_SESSION_TOKEN": "t" * 60}  # fmt: skip
    seen = [subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True,
                           timeout=120).stdout.strip() for _ in range(2)]  # fmt: skip
    assert seen == ["false", "true"]

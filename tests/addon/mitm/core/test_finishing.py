"""An answer whose client has left is read to its end."""

from __future__ import annotations

import asyncio
import importlib.util
import json
from collections.abc import Callable
from typing import Any

import pytest

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"
LAST = b"data: [DONE]\n\n"


def _event(text: str, finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish}
    chunk = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
    return b"data: %s\n\n" % json.dumps(chunk).encode()


class _Stream:
    """A provider that sends the first half of a stream, and the rest when it is told to."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()
        self.broken = asyncio.Event()
        self.end = (_event("b", "stop"), LAST)

    async def __call__(self, _head: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + _event("a"))
        await writer.drain()
        await self.go_on.wait()
        try:
            for piece in self.end:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0.02)
        except ConnectionError:
            self.broken.set()
        writer.close()


async def _leave_in_mid_stream(p: Any) -> None:
    client = await p.client()
    await client.send(p.request())
    await client.reader.readuntil(b'"content": "a"')
    await client.close()


async def _until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.02)


async def test_the_rest_is_read_and_stored(proxied: Callable[..., Any]) -> None:
    """The next client gets the whole stream from the cache."""
    async with proxied(cache_mode="read-write") as p:
        p.provider.script = stream = _Stream()
        await _leave_in_mid_stream(p)
        stream.go_on.set()
        await _until(p.stored)
        hit = await (await p.client()).ask(p.request())
        assert hit.from_cache == "true"
        assert hit.body == _event("a") + _event("b", "stop") + LAST
        assert len(p.provider.seen) == 1


async def test_the_tokens_bought_after_the_client_left_are_counted(proxied: Callable[..., Any]) -> None:
    """By the share of the bytes: the usage is told for the whole answer only."""
    async with proxied(cache_mode="read-write") as p:
        p.provider.script = stream = _Stream()
        usage = b'data: {"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 1000}}\n\n'
        stream.end = (_event("b", "stop"), usage, LAST)
        await _leave_in_mid_stream(p)
        stream.go_on.set()
        await _until(lambda: p.host.cache.counts.read_on["answers"])
        after, whole = len(b"".join(stream.end)), len(b"".join((_event("a"), *stream.end)))
        assert dict(p.host.cache.counts.read_on) == {"answers": 1, "tokens": round(1000 * after / whole)}


@pytest.mark.skipif(importlib.util.find_spec("genai_prices") is None, reason="needs prices")
async def test_nothing_is_read_on_once_the_money_is_spent(proxied: Callable[..., Any]) -> None:
    """Neither from then on, nor where the client has left before."""
    async with proxied(cache_mode="read-write", max_usd="1") as p:
        p.provider.script = stream = _Stream()
        stream.end = (b"x" * 2**16,) * 100
        await _leave_in_mid_stream(p)
        await _until(lambda: any(f and f.recording.reads_on for f in p.host.cache._flows.values()))
        p.host.cache.answering.peer.receive("spent", ["the budget PROVIDER_PROXY_MAX_USD=1 is spent"])
        stream.go_on.set()
        await asyncio.wait_for(stream.broken.wait(), 20)
        assert p.stored() == 0


async def test_an_answer_that_takes_too_long_is_given_up(proxied: Callable[..., Any]) -> None:
    """After FINISH_SECONDS the connection to the provider is closed, and nothing is stored."""
    async with proxied(cache_mode="read-write", finish_seconds="0.2") as p:
        p.provider.script = _Stream()
        await _leave_in_mid_stream(p)
        counts = p.host.cache.counts.host("127.0.0.1")
        await _until(lambda: counts.not_stored)
        assert dict(counts.not_stored) == {"client-left": 1}
        assert p.stored() == 0


@pytest.mark.parametrize("raw", [{"finish_seconds": "0"}, {"cache_mode": "read-only"}, {"max_body": "10"}])
async def test_nothing_is_read_on_where_nothing_would_be_stored(
    proxied: Callable[..., Any], raw: dict[str, str]
) -> None:
    """The request is cancelled at the provider as soon as its client has left."""
    async with proxied(**{"cache_mode": "read-write", **raw}) as p:
        p.provider.script = stream = _Stream()
        stream.end = (b"x" * 2**16,) * 100
        await _leave_in_mid_stream(p)
        await _until(lambda: not p.host.cache._flows)
        stream.go_on.set()
        await asyncio.wait_for(stream.broken.wait(), 20)
        assert p.stored() == 0


async def test_a_body_that_grows_too_long_is_read_no_further(proxied: Callable[..., Any]) -> None:
    """It would not be stored."""
    async with proxied(cache_mode="read-write", max_body="1000") as p:
        p.provider.script = stream = _Stream()
        stream.end = (b"x" * 2**16,) * 100
        await _leave_in_mid_stream(p)
        stream.go_on.set()
        await asyncio.wait_for(stream.broken.wait(), 20)
        assert p.stored() == 0


async def test_a_provider_that_fails_then_leaves_nothing(proxied: Callable[..., Any]) -> None:
    """Half an answer is not stored because nobody was there to see its end."""
    async with proxied(cache_mode="read-write") as p:
        p.provider.script = stream = _Stream()
        stream.end = ()
        await _leave_in_mid_stream(p)
        stream.go_on.set()
        await _until(lambda: p.host.cache.counts.host("127.0.0.1").not_stored)
        assert p.stored() == 0


async def test_the_rest_of_a_stream_that_was_reset_is_read(proxied: Callable[..., Any]) -> None:
    """An HTTP/2 client stays connected, and gets the whole stream from the cache when it asks again."""
    async with proxied(cache_mode="read-write") as p:
        p.provider.script = stream = _Stream()
        client = await p.h2()
        number = client.send("POST", "/v1/chat/completions", b"{}")
        while not client.answers[number].body:
            await client.read()
        client.reset(number)
        stream.go_on.set()
        await _until(p.stored)
        answer = await client.answer(client.send("POST", "/v1/chat/completions", b"{}"))
        assert answer.headers["x-provider-proxy-cache"] == "true"
        assert answer.body == _event("a") + _event("b", "stop") + LAST


async def test_a_stream_that_was_reset_is_not_read_for_ever(proxied: Callable[..., Any]) -> None:
    """After FINISH_SECONDS its request is cancelled, while the client stays connected."""
    async with proxied(cache_mode="read-write", finish_seconds="0.2") as p:
        p.provider.script = stream = _Stream()
        stream.end = (b"x" * 2**16,) * 100
        client = await p.h2()
        number = client.send("POST", "/v1/chat/completions", b"{}")
        while not client.answers[number].body:
            await client.read()
        client.reset(number)
        await _until(lambda: not p.host.cache._flows)
        stream.go_on.set()
        await asyncio.wait_for(stream.broken.wait(), 20)
        assert p.stored() == 0

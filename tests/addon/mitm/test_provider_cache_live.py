"""The mitmproxy addon in a whole proxy, through real sockets."""

# mypy: disallow-untyped-calls=False

from __future__ import annotations

import asyncio
import json
import logging
import ssl
from collections.abc import Callable
from typing import Any

import pytest
from mitmproxy import ctx, http

from addon.mitm.provider_cache import ProviderCache

STREAM = [b'data: {"choices":[{"index":0,"delta":{"content":"a"}}]}\n\n',
          b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n', b"data: [DONE]\n\n"]  # fmt: skip


def _chat(text: str) -> bytes:
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return json.dumps({"id": "c", "object": "chat.completion", "model": "m", "choices": [choice]}).encode()


async def _until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.01)


def _streaming(chunks: list[bytes], go_on: asyncio.Event | None = None, end: bool = True) -> Any:
    async def script(_head: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
        )
        for n, chunk in enumerate(chunks):
            if n == 1 and go_on is not None:
                await go_on.wait()
            writer.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
            await writer.drain()
        if end:
            writer.write(b"0\r\n\r\n")
        else:
            await asyncio.sleep(30)

    return script


async def test_miss_then_hit_over_tls(proxied: Callable[..., Any]) -> None:
    """Through CONNECT; the hit is served without a connection to the provider."""
    async with proxied(cache_mode="read-write") as p:
        first = await (await p.tunnel()).ask(p.raw("POST /v1/x", b"{}"))
        second = await (await p.tunnel()).ask(p.raw("POST /v1/x", b"{}"))
        assert (first.from_cache, second.from_cache) == ("false", "true")
        assert second.body == first.body
        assert len(p.provider.seen) == 1


async def test_a_stream_reaches_the_client_while_it_is_recorded(proxied: Callable[..., Any]) -> None:
    """The first event is there before the provider goes on; the entry is on disk before the end; the hit is
    byte for byte the same."""
    async with proxied(cache_mode="read-write") as p:
        go_on = asyncio.Event()
        p.provider.script = _streaming(STREAM, go_on)
        client = await p.client()
        await client.send(p.request())
        _, headers = await client.head()
        assert headers["cache-status"].endswith("; detail=recording")
        await client.reader.readuntil(STREAM[0])
        assert p.stored() == 0
        go_on.set()
        await client.reader.readuntil(b"0\r\n\r\n")
        assert p.stored() == 1
        hit = await client.ask(p.request())
        assert (hit.from_cache, hit.body) == ("true", b"".join(STREAM))


async def test_a_client_that_leaves_in_the_middle_leaves_no_entry(proxied: Callable[..., Any]) -> None:
    """Half an answer is not an answer."""
    async with proxied(finish_seconds="0") as p:
        p.provider.script = _streaming(STREAM[:1], end=False)
        client = await p.client()
        await client.send(p.request())
        await client.reader.readuntil(STREAM[0])
        await client.close()
        counts = p.host.cache.counts.host("127.0.0.1")
        await _until(lambda: bool(counts.not_stored))
        assert counts.not_stored == {"client-left": 1}
        assert p.stored() == 0


async def test_a_client_that_leaves_after_the_terminal_event_has_a_whole_answer(
    proxied: Callable[..., Any],
) -> None:
    """Its recording is stored although the message never ended, and the next request is answered from it."""
    async with proxied(cache_mode="read-write") as p:
        p.provider.script = _streaming(STREAM, end=False)
        client = await p.client()
        await client.send(p.request())
        await client.reader.readuntil(b"data: [DONE]\n\n")
        await client.close()
        hit = await (await p.client()).ask(p.request())
        assert (hit.from_cache, hit.body) == ("true", b"".join(STREAM))
        assert len(p.provider.seen) == 1


async def test_when_clients_leave_the_next_takes_over(proxied: Callable[..., Any]) -> None:
    """The leader's client leaves, then a waiter's: the last one is answered, and nobody hangs."""
    async with proxied(cache_mode="read-write") as p:
        go_on = asyncio.Event()

        async def slow(head: bytes, writer: asyncio.StreamWriter) -> None:
            await go_on.wait()
            await p.provider.chat(head, writer)

        p.provider.script = slow
        leader, gone, stays = await p.client(), await p.client(), await p.client()
        await leader.send(p.request())
        await _until(lambda: len(p.provider.seen) == 1)
        await gone.send(p.request())
        await asyncio.sleep(0.1)
        await stays.send(p.request())
        await asyncio.sleep(0.1)
        await gone.close()
        await asyncio.sleep(0.1)
        await leader.close()
        await _until(lambda: len(p.provider.seen) >= 2)
        go_on.set()
        answer = await stays.answer()
        assert answer.status == 200
        assert b"answer" in answer.body
        await _until(lambda: not any(p.host.cache._flows.values()))


async def test_an_answer_of_another_addon_on_a_used_connection_is_not_recorded(
    proxied: Callable[..., Any],
) -> None:
    """The connection to the provider is there from the request before; the answer did not come over it."""

    class Other:
        name = "other"

        def request(self, flow: http.HTTPFlow) -> None:
            if flow.request.path == "/v1/theirs" and not flow.response:
                flow.response = http.Response.make(200, _chat("theirs"), {"content-type": "application/json"})

    async with proxied(cache_mode="read-write") as p:
        ctx.master.addons.add(Other())
        for client, request in (
            (await p.client(), lambda path: p.request(path=path)),
            (await p.tunnel(), lambda path: p.raw(f"POST {path}", b"{}")),
        ):
            assert (await client.ask(request("/v1/ours"))).from_cache == "false"
            theirs = await client.ask(request("/v1/theirs"))
            assert (theirs.from_cache, theirs.body) == (None, _chat("theirs"))
            assert (await client.ask(request("/v1/ours"))).from_cache == "true"
        assert p.host.cache.counts.total().not_stored == {"not-from-provider": 2}


async def test_in_require_hit_a_fault_of_ours_sends_nothing(
    proxied: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even where the request hook does nothing at all, the guard at connect level holds."""

    async def nothing(*_: Any) -> None:
        pass

    monkeypatch.setattr(ProviderCache, "request", nothing)

    async with proxied(cache_mode="read-only-require-hit") as p:
        assert (await (await p.client()).ask(p.request())).status == 502
        assert (await (await p.tunnel()).ask(p.raw("POST /v1/x", b"{}"))).status == 502
        assert p.provider.seen == []


async def test_in_require_hit_a_streamed_request_sends_nothing(proxied: Callable[..., Any]) -> None:
    """An option that lets bodies pass unseen does not open the way out."""
    async with proxied(options={"stream_large_bodies": "1k"}, cache_mode="read-only-require-hit") as p:
        client = await p.client()
        await client.send(p.request(body=b"x" * 5000))
        assert (await client.head())[0] == 502
        assert p.provider.seen == []


async def test_streamed_requests_share_no_entry(proxied: Callable[..., Any]) -> None:
    """Two requests whose bodies pass unseen are never answered from one entry."""
    async with proxied(options={"stream_large_bodies": "1k"}, cache_mode="read-write") as p:
        for n, letter in enumerate((b"x", b"y"), 1):
            answer = await (await p.client()).ask(p.request(body=letter * 5000))
            assert answer.from_cache == "false"
            assert b"answer %d" % n in answer.body
        assert p.stored() == 0


@pytest.mark.parametrize(
    ("method", "head"),
    [
        ("HEAD", b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1234\r\n\r\n"),
        ("POST", b"HTTP/1.1 204 No Content\r\nx-a: 1\r\n\r\n"),
    ],
)
async def test_answers_without_a_body_replay_as_such(
    proxied: Callable[..., Any], method: str, head: bytes
) -> None:
    """A hit has the live answer's headers and no body, and the connection can be used again."""
    async with proxied(cache_mode="read-write") as p:

        async def bodiless(_head: bytes, writer: asyncio.StreamWriter) -> None:
            writer.write(head)

        p.provider.script = bodiless
        client = await p.client()
        live = await client.ask(p.request(method=method, path="/v1/things", body=b""))
        hit = await client.ask(p.request(method=method, path="/v1/things", body=b""))
        assert (live.from_cache, hit.from_cache) == ("false", "true")
        marks = {"x-provider-proxy-cache", "cache-status"}
        assert {k: v for k, v in hit.headers.items() if k not in marks} == {
            k: v for k, v in live.headers.items() if k not in marks
        }
        assert (await client.ask(p.raw("GET /-/healthz"))).body == b"ok\n"


@pytest.mark.parametrize("asked", ["read-only-require-hit", "nonsense"])
async def test_own_pages_for_head_have_no_body(proxied: Callable[..., Any], asked: str) -> None:
    """A HEAD that misses or is refused does not spoil the answer after it."""
    async with proxied() as p:
        client = await p.client()
        mode = f"x-provider-proxy-mode: {asked}\r\n"
        assert (await client.ask(p.request(method="HEAD", body=b"", headers=mode))).status in (400, 502)
        assert (await client.ask(p.raw("GET /-/healthz"))).body == b"ok\n"


async def test_the_provider_never_sees_the_mode_header(proxied: Callable[..., Any]) -> None:
    """The header is removed, however its name is written."""
    async with proxied() as p:
        await (await p.client()).ask(p.request(headers="X-PROVIDER-Proxy-Mode: read-only\r\n"))
        assert b"provider-proxy" not in p.provider.seen[0].lower()
        assert p.stored() == 0


async def test_another_host_is_tunnelled_untouched(proxied: Callable[..., Any]) -> None:
    """Its TLS is its own: the client sees the real certificate, and the report counts the host."""
    async with proxied(hosts="elsewhere.example") as p:
        client = await p.client()
        await client.send(b"CONNECT localhost:%d HTTP/1.1\r\n\r\n" % p.provider.tls_port)
        assert (await client.head())[0] == 200
        real = ssl.create_default_context(cafile=p.host._options.mitmproxy["ssl_verify_upstream_trusted_ca"])
        await client.writer.start_tls(real, server_hostname="localhost")
        answer = await client.ask(p.raw("POST /v1/x", b"{}"))
        assert (answer.status, answer.from_cache) == (200, None)
        assert p.host.cache.counts.tunnelled == {"localhost": 1}
        assert p.host.cache.counts.hosts == {}


async def test_stopping_with_a_request_on_its_way_is_quiet(
    proxied: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    """No error in the log, no hang: what was on its way is given up, and counted before the report."""
    counted: list[Any] = []

    with caplog.at_level(logging.WARNING):
        async with proxied(cache_mode="read-write") as p:
            p.provider.script = _streaming(STREAM, asyncio.Event())
            client, waiting = await p.client(), await p.client()
            await client.send(p.request())
            await client.reader.readuntil(STREAM[0])
            await waiting.send(p.request())
            await asyncio.sleep(0.05)
            counted.append(p.host.cache.counts.host("127.0.0.1").not_stored)
            ctx.master.shutdown()
            await _until(lambda: p.host.cache.answering is None)
            await asyncio.sleep(0.05)
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []
    assert counted == [{"cut-off": 1}]

"""An answer that is sent piece by piece."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from addon.mitm.core.internals import PACED_ANSWERS, Feature
from addon.pacing import replaying
from addon.pacing.paced_body import Cut, PacedBody


def _event(text: str, finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish}
    chunk = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
    return b"data: %s\n\n" % json.dumps(chunk).encode()


EVENTS = [_event("a"), _event("b"), _event("c", "stop"), b"data: [DONE]\n\n"]
BODY = b"".join(EVENTS)
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


async def _stream(_head: bytes, writer: asyncio.StreamWriter) -> None:
    """A provider that sends the events in chunks of their own, apart from one another."""
    writer.write(HEAD)
    for event in EVENTS:
        writer.write(b"%x\r\n%s\r\n" % (len(event), event))
        await writer.drain()
        await asyncio.sleep(0.02)
    writer.write(b"0\r\n\r\n")


@pytest.fixture
def sent_as(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """`sent_as(cuts, …)` decides how every hit is sent."""

    def decide(cuts: Sequence[tuple[float, int]], body: bytes = BODY, **more: Any) -> None:
        paced = PacedBody(body, [Cut(*cut) for cut in cuts], **more)
        monkeypatch.setattr(replaying, "in_pieces", lambda *_: paced)

    return decide


def _pauses() -> list[str]:
    """The pauses that are under way in this process."""
    names = [task.get_name() for task in asyncio.all_tasks()]
    return [name for name in names if "provider_proxy_pause" in name]


async def _until(condition: Callable[[], Any]) -> None:
    while not condition():
        await asyncio.sleep(0.01)


async def _chunks(client: Any) -> tuple[dict[str, str], list[bytes]]:
    """The headers of an answer, and its chunks as HTTP/1.1 frames them."""
    _, headers = await client.head()
    chunks = []
    while size := int(await client.reader.readline(), 16):
        chunks.append((await client.reader.readexactly(size + 2))[:-2])
    await client.reader.readline()
    return headers, chunks


async def test_a_stream_is_replayed_in_its_recorded_pieces(proxied: Callable[..., Any]) -> None:
    """Over HTTP/1.1 each recorded chunk is a chunk again, and the connection can be used afterwards."""
    async with proxied(cache_mode="read-write", replay="recorded") as p:
        p.provider.script = _stream
        for client in (await p.client(), await p.tunnel()):
            request = p.request() if client is p.clients[0] else p.raw("POST /v1/chat/completions", b"{}")
            await client.send(request)
            await _chunks(client)
            for _ in range(2):
                await client.send(request)
                headers, chunks = await _chunks(client)
                assert headers["x-provider-proxy-cache"] == "true"
                assert "content-length" not in headers
                assert chunks == EVENTS


async def test_http2_gets_the_same_bytes(proxied: Callable[..., Any]) -> None:
    """Two paced streams of one connection, both whole."""
    async with proxied(cache_mode="read-write", replay="5x", rechunk="7") as p:
        p.provider.script = _stream
        client = await p.h2()
        assert (await client.answer(client.send("POST", "/v1/chat/completions", b"{}"))).body == BODY
        streams = [client.send("POST", "/v1/chat/completions", b"{}") for _ in range(2)]
        for stream in streams:
            answer = await client.answer(stream)
            assert (answer.headers["x-provider-proxy-cache"], bytes(answer.body)) == ("true", BODY)
            assert not {"content-length", "transfer-encoding"} & answer.headers.keys()


async def test_an_http10_client_gets_a_length(proxied: Callable[..., Any]) -> None:
    """It knows no chunks."""
    async with proxied(cache_mode="read-write", rechunk="7") as p:
        p.provider.script = _stream
        client = await p.client()
        await client.ask(p.request())
        old = await (await p.client()).ask(p.request().replace(b"HTTP/1.1", b"HTTP/1.0", 1))
        assert (old.from_cache, old.headers["content-length"], old.body) == ("true", str(len(BODY)), BODY)


async def test_the_head_is_not_held_back(proxied: Callable[..., Any], sent_as: Callable[..., None]) -> None:
    """It is sent before the first pause, and a piece before the next one."""
    sent_as([(math.inf, len(BODY))])
    async with proxied(cache_mode="read-write", replay="recorded") as p:
        p.provider.script = _stream
        client = await p.client()
        await client.ask(p.request())
        await client.send(p.request())
        assert (await client.head())[1]["x-provider-proxy-cache"] == "true"


async def test_a_client_that_leaves_in_a_pause_leaves_no_timer(
    proxied: Callable[..., Any], sent_as: Callable[..., None]
) -> None:
    """Over HTTP/1.1 its connection is closed; over HTTP/2 its other streams go on."""
    sent_as([(0, 5), (3600, len(BODY))])
    async with proxied(cache_mode="read-write", replay="recorded") as p:
        p.provider.script = _stream
        await (await p.client()).ask(p.request())
        client = await p.client()
        await client.send(p.request())
        await client.head()
        await _until(_pauses)
        await client.close()
        await _until(lambda: not _pauses())

        client = await p.h2()
        stream = client.send("POST", "/v1/chat/completions", b'{"a": 1}')
        assert (await client.answer(stream)).body == BODY
        stream = client.send("POST", "/v1/chat/completions", b'{"a": 1}')
        while not client.answers[stream].body:
            await client.read()
        await _until(_pauses)
        client.reset(stream)
        await _until(lambda: not _pauses())
        other = client.send("POST", "/v1/chat/completions", b'{"a": 2}')
        assert (await client.answer(other)).body == BODY


@pytest.mark.parametrize("before", [0.0, 0.01])
async def test_an_answer_can_be_broken_off(
    proxied: Callable[..., Any], sent_as: Callable[..., None], before: float
) -> None:
    """The client gets what was to be sent, then the connection is closed, or the HTTP/2 stream reset."""
    part = BODY[:100]
    sent_as([(0, 50)], part, whole=False, before=before)
    async with proxied(cache_mode="read-write", replay="recorded") as p:
        p.provider.script = _stream
        await (await p.client()).ask(p.request())
        client = await p.client()
        await client.send(p.request())
        await client.head()
        rest = await client.reader.read()
        assert rest == b"32\r\n%s\r\n32\r\n%s\r\n" % (part[:50], part[50:])

        h2 = await p.h2()
        assert (await h2.answer(h2.send("POST", "/v1/chat/completions", b"{}"))).ended
        answer = await h2.answer(h2.send("POST", "/v1/chat/completions", b"{}"))
        assert (answer.reset, answer.ended, bytes(answer.body)) == (True, False, part)
        assert not any(f for f in p.host.cache._flows.values())


async def test_many_pieces_let_others_have_a_turn(
    proxied: Callable[..., Any], sent_as: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After every 32 pieces that follow at once."""
    from addon.mitm.core import paced_answers

    pauses = []
    made = paced_answers.Pause
    monkeypatch.setattr(paced_answers, "Pause", lambda seconds: pauses.append(seconds) or made(seconds))
    sent_as([(0, end) for end in range(1, 101)], BODY[:100])
    async with proxied(cache_mode="read-write", rechunk="1") as p:
        p.provider.script = _stream
        client = await p.client()
        await client.ask(p.request())
        assert (await client.ask(p.request())).body == BODY[:100]
    assert pauses == [0, 0, 0]


async def test_a_head_request_and_an_answer_in_one_piece_are_as_ever(proxied: Callable[..., Any]) -> None:
    """What was not streamed keeps its length, also where streams are paced and cut."""
    async with proxied(cache_mode="read-write", replay="recorded", rechunk="1") as p:
        client = await p.client()
        live = await client.ask(p.request())
        hit = await client.ask(p.request())
        assert (hit.from_cache, hit.body) == ("true", live.body)
        assert hit.headers["content-length"] == str(len(live.body))


async def test_without_the_feature_a_stream_is_replayed_at_once(
    proxied: Callable[..., Any], lose: Callable[[Feature], None]
) -> None:
    """With its length, as by default."""
    lose(PACED_ANSWERS)
    async with proxied(cache_mode="read-write", replay="recorded", rechunk="1") as p:
        p.provider.script = _stream
        client = await p.client()
        await client.ask(p.request())
        hit = await client.ask(p.request())
        assert (hit.from_cache, hit.headers["content-length"], hit.body) == ("true", str(len(BODY)), BODY)

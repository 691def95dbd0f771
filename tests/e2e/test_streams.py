"""Streams: live while they are recorded, whole or not at all, byte for byte when replayed."""

from __future__ import annotations

import json
import threading
import time
import zlib
from collections.abc import Callable

import brotli
import pytest
import zstandard

from tests.e2e.clients import CHAT_URL, ask, cached, chat_request, session, tunnel
from tests.e2e.conftest import Proxy, wait_for
from tests.e2e.upstream import Exchange, Upstream, chat_answer, chat_events

Start = Callable[..., Proxy]
StartUpstream = Callable[..., Upstream]

EVENTS = chat_events(["Hel", "lo ", "wör", "ld"])


def read_stream(proxy: Proxy, text: str = "hello") -> tuple[bytes, str, list[float]]:
    """A streamed chat: its bytes, our header, and when each piece came (seconds from the request)."""
    started = time.monotonic()
    with session(proxy) as client:
        body = {"model": "gpt-4.1", "stream": True, "messages": [{"role": "user", "content": text}]}
        with client.post(CHAT_URL, json=body, stream=True, timeout=120) as answer:
            pieces, times = [], []
            for piece in answer.iter_content(None):
                pieces.append(piece)
                times.append(time.monotonic() - started)
            return b"".join(pieces), cached(answer), times


def packed(encoding: str) -> list[bytes]:
    """The events in this content-encoding, each sent off at once, and no end of it."""
    if encoding == "gzip":
        deflate = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)
        return [deflate.compress(event) + deflate.flush(zlib.Z_SYNC_FLUSH) for event in EVENTS]
    if encoding == "br":
        br = brotli.Compressor()
        return [br.process(event) + br.flush() for event in EVENTS]
    if encoding == "zstd":
        zstd = zstandard.ZstdCompressor().compressobj()
        return [zstd.compress(event) + zstd.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK) for event in EVENTS]
    return EVENTS


def test_a_stream_is_live_and_replays_byte_for_byte(
    start_proxy: Start, start_upstream: StartUpstream
) -> None:
    """The first event reaches the client before the provider has finished; the replay has the same bytes."""
    may_end = threading.Event()

    def script(exchange: Exchange) -> None:
        exchange.start_chunked("text/event-stream; charset=utf-8")
        exchange.chunk(EVENTS[0])
        may_end.wait(20)
        for event in EVENTS[1:]:
            exchange.chunk(event)
        exchange.chunk(b"")

    upstream = start_upstream(script)
    proxy = start_proxy(upstream, "read-write")
    with tunnel(proxy) as client:
        client.sendall(chat_request())
        received = b""
        while EVENTS[0] not in received:
            received += client.recv(65536)
        assert not may_end.is_set()
        may_end.set()
        while b"\r\n0\r\n\r\n" not in received:
            received += client.recv(65536)
    head = received.partition(b"\r\n\r\n")[0].lower()
    assert b"x-provider-proxy-cache: false" in head
    assert b"detail=recording" in head
    with tunnel(proxy) as client:
        client.sendall(chat_request())
        replay = b""
        while not replay.endswith(EVENTS[-1]):
            replay += client.recv(65536)
    head, _, body = replay.partition(b"\r\n\r\n")
    assert body == b"".join(EVENTS)
    assert b"x-provider-proxy-cache: true" in head.lower()
    assert b"content-type: text/event-stream; charset=utf-8" in head.lower()
    assert upstream.count == 1


@pytest.mark.parametrize("content_type", ["text/event-stream", "application/x-ndjson",
                                          "application/vnd.amazon.eventstream", "text/plain"])  # fmt: skip
def test_small_pieces_are_not_held_back(
    content_type: str, start_proxy: Start, start_upstream: StartUpstream
) -> None:
    """Pieces of an answer of no known length arrive one by one, whatever its media type."""
    pieces = [b"{}\n"] * 4
    upstream = start_upstream(lambda e: e.stream(pieces, 0.25, content_type))
    proxy = start_proxy(upstream, "read-write")
    body, _, times = read_stream(proxy)
    assert body == b"".join(pieces)
    assert times[-1] - times[0] > 0.5


def cut_by_fin(exchange: Exchange) -> None:
    """Ends the connection in the middle of a chunked answer."""
    exchange.start_chunked()
    exchange.chunk(EVENTS[0])
    exchange.close_connection = True
    exchange.connection.close()


def cut_by_reset(exchange: Exchange) -> None:
    """Resets the connection in the middle of a chunked answer."""
    exchange.start_chunked()
    exchange.chunk(EVENTS[0])
    time.sleep(0.1)
    exchange.reset()


def cut_at_an_event(exchange: Exchange) -> None:
    """Ends properly, between two events: no transport can tell that something is missing."""
    exchange.stream(EVENTS[:2])


def cut_without_length(exchange: Exchange) -> None:
    """An answer that the end of the connection ends, cut short."""
    exchange.send_response(200)
    exchange.send_header("content-type", "text/event-stream")
    exchange.send_header("connection", "close")
    exchange.end_headers()
    exchange.wfile.write(EVENTS[0])
    exchange.close_connection = True


def short_of_its_length(exchange: Exchange) -> None:
    """Sends less than it declared."""
    exchange.send_response(200)
    exchange.send_header("content-type", "application/json")
    exchange.send_header("content-length", "500")
    exchange.end_headers()
    exchange.wfile.write(b'{"id": "x"')
    exchange.close_connection = True


@pytest.mark.parametrize(
    "script", [cut_by_fin, cut_by_reset, cut_at_an_event, cut_without_length, short_of_its_length]
)
def test_a_cut_answer_leaves_no_entry(
    script: Callable[[Exchange], None], start_proxy: Start, start_upstream: StartUpstream
) -> None:
    """However the provider cuts an answer, nothing is stored, and the next request goes to the provider."""
    upstream = start_upstream(script)
    proxy = start_proxy(upstream, "read-write")
    request = chat_request().replace(b"host:", b"connection: close\r\nhost:", 1)
    for _ in range(2):
        with tunnel(proxy) as client:
            client.sendall(request)
            client.settimeout(10)
            try:
                while client.recv(65536):
                    pass
            except OSError:
                pass
    assert wait_for(lambda: upstream.count == 2)
    report = proxy.stop()
    assert "not stored" in report
    assert ask(start_proxy(None, "read-only-require-hit")).status_code == 502


def test_a_client_that_leaves_early_leaves_no_entry(
    start_proxy: Start, start_upstream: StartUpstream
) -> None:
    """A recording whose client left before the end is dropped, if it is not to be read on."""
    go_on = threading.Event()

    def script(exchange: Exchange) -> None:
        exchange.start_chunked()
        exchange.chunk(EVENTS[0])
        go_on.wait(5)
        for event in EVENTS[1:]:
            exchange.chunk(event)
        exchange.chunk(b"")

    upstream = start_upstream(script)
    proxy = start_proxy(upstream, "read-write", finish_seconds="0")
    with tunnel(proxy) as client:
        client.sendall(chat_request())
        while EVENTS[0] not in client.recv(65536):
            pass
    time.sleep(0.3)
    go_on.set()
    report = proxy.stop()
    assert "not stored: client-left \u00d71" in report
    assert read_stream(start_proxy(upstream, "read-only"))[1] == "false"


@pytest.mark.parametrize("encoding", ["identity", "gzip", "br", "zstd"])
def test_a_client_that_leaves_after_the_terminal_event_has_had_its_answer(
    encoding: str, start_proxy: Start, start_upstream: StartUpstream
) -> None:
    """The provider keeps the connection open after `[DONE]`; the client leaves; its next request is a hit."""
    chunks = packed(encoding)

    def script(exchange: Exchange) -> None:
        exchange.start_chunked(**{"content-encoding": encoding})
        for chunk in chunks:
            exchange.chunk(chunk)
        time.sleep(3)
        exchange.chunk(b"")

    upstream = start_upstream(script)
    proxy = start_proxy(upstream, "read-write")
    with tunnel(proxy) as client:
        client.sendall(chat_request())
        received = b""
        while chunks[-1] not in received:
            received += client.recv(65536)
    with tunnel(proxy) as client:
        client.sendall(chat_request())
        replay = b""
        while not replay.endswith(EVENTS[-1]):
            replay += client.recv(65536)
    assert b"x-provider-proxy-cache: true" in replay.lower()
    assert upstream.count == 1


def test_a_long_answer_is_relayed_and_not_stored(start_proxy: Start, start_upstream: StartUpstream) -> None:
    """Past MAX_BODY an answer goes through whole and is not stored."""
    body = b'{"x": "' + b"y" * 3_000_000 + b'"}'
    upstream = start_upstream(lambda e: e.answer(body))
    proxy = start_proxy(upstream, "read-write", max_body="2MB")
    assert [ask(proxy).content == body for _ in range(2)] == [True, True]
    assert upstream.count == 2
    assert "too-large \u00d72" in proxy.stop()


@pytest.mark.parametrize("size", [500_000, 3_000_000])
def test_long_answers_are_stored_and_replayed(
    size: int, start_proxy: Start, start_upstream: StartUpstream
) -> None:
    """Below and above the length from which answers are streamed, an answer is stored and replayed alike."""
    body = json.dumps(chat_answer("y" * size)).encode()
    upstream = start_upstream(lambda e: e.answer(body))
    proxy = start_proxy(upstream, "read-write")
    assert ask(proxy).content == body
    hit = ask(proxy)
    assert (hit.content == body, cached(hit), upstream.count) == (True, "true", 1)


def test_a_stop_right_after_the_terminal_event_keeps_the_answer(
    start_proxy: Start, start_upstream: StartUpstream
) -> None:
    """The run ends while the provider still holds the connection open after `[DONE]`: the answer is an entry."""

    def script(exchange: Exchange) -> None:
        exchange.start_chunked()
        for event in EVENTS:
            exchange.chunk(event)
        time.sleep(5)

    upstream = start_upstream(script)
    proxy = start_proxy(upstream, "read-write")
    with tunnel(proxy) as client:
        client.sendall(chat_request())
        received = b""
        while b"[DONE]" not in received:
            received += client.recv(65536)
        proxy.stop()
    assert read_stream(start_proxy(None, "read-only-require-hit"))[0] == b"".join(EVENTS)

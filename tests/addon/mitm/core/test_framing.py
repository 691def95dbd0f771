"""A request of an HTTP/2 client reaches an HTTP/1.1 provider with a body that has an end."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from mitmproxy import http

from addon.mitm.core.framing import frame

# A second request, hidden in the body of the first one: without framing a provider answers it.
SMUGGLED = b"POST /v1/smuggled HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n"


def _framing(head: bytes) -> list[bytes]:
    return re.findall(rb"(?:content-length|transfer-encoding): [^\r]*", head.lower())


@pytest.mark.parametrize("mode", ["off", "read-write"])
@pytest.mark.parametrize("trailers", [None, [("x-checksum", "5")]])
@pytest.mark.parametrize("method", ["POST", "GET", "PUT", "DELETE"])
async def test_a_body_without_a_length_gets_one(
    proxied: Callable[..., Any], mode: str, method: str, trailers: list[tuple[str, str]] | None
) -> None:
    """Whatever the mode and the method, the provider sees one request, with the whole body."""
    async with proxied(cache_mode=mode) as p:
        client = await p.h2()
        answer = await client.answer(client.send(method, "/v1/a", SMUGGLED, trailers=trailers))
        assert answer.headers[":status"] == "200"
        assert p.provider.bodies == [SMUGGLED]
        assert _framing(p.provider.seen[0]) == [b"content-length: %d" % len(SMUGGLED)]
        victim = await client.answer(client.send("POST", "/v1/b", b'{"model":"m"}'))
        assert b"answer 2" in victim.body
        assert [head.split()[1] for head in p.provider.seen] == [b"/v1/a", b"/v1/b"]


async def test_the_answer_is_stored_under_the_key_of_the_whole_body(proxied: Callable[..., Any]) -> None:
    """An HTTP/1.1 client that asks the same gets the answer to the whole body, and another body misses."""
    async with proxied(cache_mode="read-write") as p:
        client = await p.h2()
        live = await client.answer(client.send("POST", "/v1/x", b'{"model":"m"}'))
        tunnel = await p.tunnel()
        hit = await tunnel.ask(p.raw("POST /v1/x", b'{"model":"m"}'))
        assert (hit.from_cache, hit.body) == ("true", live.body)
        assert (await tunnel.ask(p.raw("POST /v1/x", b""))).from_cache == "false"


async def test_a_long_body_in_many_frames_arrives_whole(proxied: Callable[..., Any]) -> None:
    """Its length is the sum of its frames."""
    body = b'{"model":"m","input":"' + b"x" * 60_000 + b'"}'
    async with proxied(cache_mode="off") as p:
        client = await p.h2()
        await client.answer(client.send("POST", "/v1/x", body))
        assert p.provider.bodies == [body]


@pytest.mark.parametrize("length", [True, False])
async def test_a_streamed_body_without_a_length_is_sent_in_chunks(
    proxied: Callable[..., Any], *, length: bool
) -> None:
    """Where an option streams bodies the length is not known in time; a declared length stays."""
    body = b"x" * 20_000
    headers = [("content-type", "text/plain"), ("content-length", "20000")][: 1 + length]
    async with proxied(cache_mode="off", options={"stream_large_bodies": "1k"}) as p:
        client = await p.h2()
        answer = await client.answer(client.send("POST", "/v1/x", body, headers))
        assert answer.headers[":status"] == "200"
        assert p.provider.bodies == [body]
        expected = b"content-length: 20000" if length else b"transfer-encoding: chunked"
        assert _framing(p.provider.seen[0]) == [expected]


@pytest.mark.parametrize(
    ("method", "body", "headers", "framed"),
    [
        ("POST", b"", {}, {"content-length": "0"}),
        ("GET", b"", {}, {}),
        ("DELETE", b"", {}, {}),
        ("GET", b"", {"content-length": "0"}, {"content-length": "0"}),
        ("POST", b"ab", {"content-length": "7"}, {"content-length": "2"}),
        ("POST", b"ab", {"transfer-encoding": "chunked"}, {"content-length": "2"}),
    ],
)
def test_the_length_is_that_of_the_body(
    method: str, body: bytes, headers: dict[str, str], framed: dict[str, str]
) -> None:
    """An empty body has a length where servers expect one, and a wrong length or chunks do not stay."""
    request = http.Request.make(method, "https://localhost/", b"", headers)
    request.headers = http.Headers(**headers) if headers else http.Headers()
    request.data.headers = http.Headers([(name.encode(), text.encode()) for name, text in headers.items()])
    request.data.content = body
    request.trailers = http.Headers(a="b")
    frame(request)
    assert dict(request.headers) == framed
    assert request.trailers is None

"""The proxy's own address answers to its own names and sites alone, driven through real sockets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

PATHS = ("/http/127.0.0.1:{}/v1/chat/completions", "/-/stats", "/-/healthz", "/nothing")
FOREIGN = {
    "DNS rebinding": "host: evil.example:8080\r\n",
    "DNS rebinding, as the browser's own origin": (
        "host: evil.example:8080\r\norigin: http://evil.example:8080\r\nsec-fetch-site: same-origin\r\n"
    ),
    "another site": "host: 127.0.0.1\r\norigin: https://evil.example\r\nsec-fetch-site: cross-site\r\n",
    "another site without an origin": "host: localhost\r\nsec-fetch-site: cross-site\r\n",
    "a sandboxed frame": "host: localhost\r\norigin: null\r\nsec-fetch-site: cross-site\r\n",
    "another port of this machine": "host: localhost:8080\r\norigin: http://localhost:3000\r\n",
}
OWN = {
    "a client": "host: 127.0.0.1:8080\r\n",
    "IPv6": "host: [::1]:8080\r\n",
    "a page of our own": "host: localhost:8080\r\norigin: http://localhost:8080\r\nsec-fetch-site: same-origin\r\n",
    "typed into a browser": "host: localhost\r\nsec-fetch-site: none\r\n",
    "a name of the settings": "host: gateway.test\r\n",
    "an origin of the settings": "host: localhost\r\norigin: http://localhost:3001\r\nsec-fetch-site: same-site\r\n",
}


def _request(method: str, target: str, headers: str) -> bytes:
    return f"{method} {target} HTTP/1.1\r\n{headers}content-length: 2\r\n\r\n{{}}".encode()


@pytest.mark.parametrize("headers", FOREIGN.values(), ids=FOREIGN)
@pytest.mark.parametrize("mode", ["read-write", "read-only-require-hit"])
async def test_others_are_refused(proxied: Callable[..., Any], mode: str, headers: str) -> None:
    """At the base-URL door and at every page, for every method, even where the cache has the answer; nothing is
    sent, counted or shown, and no answer has a CORS header."""
    async with proxied(cache_mode=mode, names="gateway.test", origins="http://localhost:3001") as p:
        await (await p.client()).ask(p.request())
        seen, requests = len(p.provider.seen), p.host.cache.counts.total().requests
        for path in PATHS:
            for method in ("POST", "GET", "OPTIONS", "PUT"):
                client = await p.client()
                answer = await client.ask(_request(method, path.format(p.provider.port), headers))
                assert answer.status == 403
                assert b"provider_proxy_foreign_site" in answer.body
                assert answer.headers["cross-origin-resource-policy"] == "same-origin"
                assert not [name for name in answer.headers if name.startswith("access-control")]
        assert (len(p.provider.seen), p.host.cache.counts.total().requests) == (seen, requests)


@pytest.mark.parametrize("headers", OWN.values(), ids=OWN)
async def test_our_own_are_answered(proxied: Callable[..., Any], headers: str) -> None:
    """Live and from the cache; every answer forbids other sites to embed it."""
    async with proxied(cache_mode="read-write", names="gateway.test", origins="http://localhost:3001") as p:
        for path, status in zip(PATHS, (200, 200, 200, 404), strict=True):
            for _ in range(2):
                client = await p.client()
                answer = await client.ask(_request("POST", path.format(p.provider.port), headers))
                assert answer.status == status
                assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert len(p.provider.seen) == 1


@pytest.mark.parametrize("headers", FOREIGN.values(), ids=FOREIGN)
async def test_proxied_requests_are_not_checked(proxied: Callable[..., Any], headers: str) -> None:
    """A browser that uses this proxy sends them too; what is stored has no header of ours."""
    async with proxied(cache_mode="off") as p:
        client = await p.client()
        answer = await client.ask(
            _request("POST", f"http://127.0.0.1:{p.provider.port}/v1/chat/completions", headers)
        )
        assert answer.status == 200
        assert "cross-origin-resource-policy" not in answer.headers


async def test_an_entry_is_the_same_through_both_doors(proxied: Callable[..., Any]) -> None:
    """The header that the door adds is not stored."""
    async with proxied(cache_mode="read-write") as p:
        client = await p.client()
        await client.ask(
            _request(
                "POST",
                PATHS[0].format(p.provider.port),
                "host: localhost\r\ncontent-type: application/json\r\n",
            )
        )
        hit = await client.ask(p.request())
        assert hit.from_cache == "true"
        assert "cross-origin-resource-policy" not in hit.headers


@pytest.mark.parametrize("direct", [False, True])
async def test_a_provider_sees_no_header_of_ours(proxied: Callable[..., Any], *, direct: bool) -> None:
    """Neither a proxy password nor a header that begins as ours do, known or not, even where bodies are streamed."""
    headers = (
        "Proxy-Authorization: Basic c2VjcmV0\r\nx-provider-proxy-test: one\r\nX-Provider-Proxy-Unknown: two\r\n"
        "x-provider-proxy-mode: read-only\r\n"
    )
    async with proxied(cache_mode="read-write", options={"stream_large_bodies": "1k"}) as p:
        for body in (b"{}", b"x" * 5000):
            path = f"/http/127.0.0.1:{p.provider.port}/v1/x"
            request = (
                p.raw(f"POST {path}", body, headers) if direct else p.request(body=body, headers=headers)
            )
            assert (await (await p.client()).ask(request)).status == 200
        for head in p.provider.seen:
            assert b"proxy" not in head.lower()

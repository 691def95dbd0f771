"""Clients name themselves and their tests, driven through real sockets."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from mitmproxy.test import tflow

from addon.mitm import control_pages
from tests.addon.conftest import Answered, Client, Proxied

AUTH = "u+ser:pass"


def _basic(pair: str) -> str:
    return f"proxy-authorization: Basic {base64.b64encode(pair.encode()).decode()}\r\n"


async def _control(
    p: Proxied, method: str, client: str = "gw0", body: Any = None, headers: str = ""
) -> Answered:
    content = b"" if body is None else json.dumps(body).encode()
    return await (await p.client()).ask(p.raw(f"{method} /-/tests/{client}", content, headers))


async def _tunnel(p: Proxied, user: str) -> Client:
    client = await p.client()
    head = f"CONNECT localhost:{p.provider.tls_port} HTTP/1.1\r\n{_basic(user)}\r\n"
    await client.send(head.encode())
    status, _ = await client.head()
    assert status == 200, status
    await client.writer.start_tls(p.roots, server_hostname="localhost")
    return client


async def test_a_request_knows_its_test_by_every_way(proxied: Callable[..., Any]) -> None:
    """By the user name of a tunnel and of a plain proxy request, by the door and by the header; providers see none of
    it, and it is no part of the key: one recording answers all of them."""
    async with proxied(cache_mode="read-write") as p:
        for client in ("gw0", "gw1", "gw2"):
            assert (await _control(p, "PUT", client, {"test": f"test {client[-1]}"})).status == 204
        plain = p.request(body=b'{"a": 1}', headers=_basic("gw1:x"))
        door = p.raw(f"POST /@gw2/http/127.0.0.1:{p.provider.port}/v1/chat/completions", b'{"a": 1}')
        named = p.request(body=b'{"a": 1}', headers="x-provider-proxy-test: caf%C3%A9\r\n")
        answers = [await (await p.client()).ask(request) for request in (plain, door, named)]
        assert [answer.from_cache for answer in answers] == ["false", "true", "true"]
        tunnel = await _tunnel(p, "gw0:x")
        for _ in range(2):
            assert (await tunnel.ask(p.raw("POST /v1/chat/completions", b'{"b": 1}'))).status == 200
        await (await p.client()).ask(p.request())
        verdicts = {
            client: json.loads((await _control(p, "DELETE", client)).body) for client in ("gw0", "gw1", "gw2")
        }
        found = {
            v["test"]: (v["requests"], v["hits"], len(v["misses"]), v["stored"]) for v in verdicts.values()
        }
        assert found == {
            "test 0": (2, 1, 1, 1),
            "test 1": (1, 0, 1, 1),
            "test 2": (1, 1, 0, 0),
        }
        tests = p.host.cache.counts.as_dict()["tests"]
        assert [(row["test"], row["hits"]) for row in tests if row["client"] == ""] == [("café", 1)]
        assert sum(row["requests"] for row in tests) == p.host.cache.counts.total().requests - 1
        assert not any(b"gw" in head or b"proxy" in head.lower() for head in p.provider.seen)
    assert b"gw1" not in b"".join(path.read_bytes() for path in p._folder.rglob("*") if path.is_file())


async def test_a_password_for_the_proxy_is_a_secret_and_a_clients_name_is_not(
    proxied: Callable[..., Any],
) -> None:
    """Also without a password in the settings: what repeats it, in a tunnel or beside it, is not stored."""
    passwords = [f"made-up-{way}-0123456789" for way in ("tunnel", "plain", "bearer")]
    async with proxied(cache_mode="read-write", save_request="true") as p:
        tunnel = await _tunnel(p, f"worker-gw0-17:{passwords[0]}")
        head = "POST /v1/chat/completions"
        answers = [await tunnel.ask(p.raw(head, json.dumps({"a": passwords[0]}).encode())) for _ in range(2)]
        named = [await tunnel.ask(p.raw(head, b'{"a": "worker-gw0-17"}')) for _ in range(2)]
        plain = _basic(f"gw1:{passwords[1]}")
        bearer = f"proxy-authorization: Bearer {passwords[2]}\r\n"
        for password, header in zip(passwords[1:], (plain, bearer), strict=True):
            body = json.dumps({"a": password}).encode()
            answers += [await (await p.client()).ask(p.request(body=body, headers=header)) for _ in range(2)]
        assert [answer.status for answer in (*answers, *named)] == [200] * 8
        assert [answer.from_cache for answer in answers] == ["false"] * 6
        assert [answer.from_cache for answer in named] == ["false", "true"]
        assert not any(b"proxy-auth" in head.lower() for head in p.provider.seen)
    on_disk = b"".join(path.read_bytes() for path in p._folder.rglob("*") if path.is_file())
    assert not any(password.encode() in on_disk for password in passwords)


async def test_with_a_password_the_client_stands_before_the_user(proxied: Callable[..., Any]) -> None:
    """`gw0+user:password`; the whole is compared first, and a wrong password is refused on every way in."""
    async with proxied(options={"proxyauth": AUTH}, auth=AUTH, cache_mode="off") as p:
        assert (await _control(p, "PUT", body={"test": "a"})).status == 407
        assert (await _control(p, "GET", "gw0/requests")).status == 407
        for pair in (AUTH, f"gw9+{AUTH}"):
            assert (await _control(p, "PUT", body={"test": "a"}, headers=_basic(pair))).status == 204
        for pair, count in ((AUTH, 0), (f"gw0+{AUTH}", 2)):
            tunnel = await _tunnel(p, pair)
            assert (await tunnel.ask(p.raw("POST /v1/chat/completions", b"{}"))).status == 200
            plain = await p.client()
            assert (await plain.ask(p.request(headers=_basic(pair)))).status == 200
            counted = await _control(p, "GET", headers=_basic(AUTH))
            assert json.loads(counted.body)["live"] == count
        for pair in ("u+ser:no", "gw0+u+ser:no", "gw0:pass", "ser:pass", "+u+ser:pass"):
            client = await p.client()
            assert (await client.ask(p.request(headers=_basic(pair)))).status == 407
            await client.send(
                f"CONNECT localhost:{p.provider.tls_port} HTTP/1.1\r\n{_basic(pair)}\r\n".encode()
            )
            assert (await client.head())[0] == 407
        assert not any(b"gw0" in head or b"authorization" in head.lower() for head in p.provider.seen)


async def test_what_a_test_has_sent(proxied: Callable[..., Any]) -> None:
    """Hits, misses and what the cache is not asked about, without credentials; not for web pages of other sites."""
    async with proxied(cache_mode="read-write", save_request="false") as p:
        await _control(p, "PUT", body={"test": "a"})
        tunnel = await _tunnel(p, "gw0:x")
        head = "POST /v1/chat/completions"
        bearer = "authorization: Bearer made-up-secret-0123456789\r\n"
        for words in ("hello", "hello", "made-up-secret-0123456789"):
            await tunnel.ask(p.raw(head, json.dumps({"a": words}).encode(), bearer))
        await tunnel.ask(p.raw(head, b'{"a": "off"}', "x-provider-proxy-mode: off\r\n"))
        await (await p.client()).ask(p.request(body=b'{"a": "of no test"}'))
        page = await _control(p, "GET", "gw0/requests")
        first, second, hidden, bypassed = json.loads(page.body)["requests"]
        assert first == second
        assert (first["body"]["value"], first["credential"]) == ({"a": "hello"}, True)
        assert "holds a credential" in hidden["hidden"]
        assert (bypassed["bypass"], bypassed["method"], bypassed["host"]) == ("mode-off", "POST", "localhost")
        assert b"made-up" not in page.body
        foreign = "origin: https://evil.example\r\nsec-fetch-site: cross-site\r\n"
        assert (await _control(p, "GET", "gw0/requests", headers=foreign)).status == 403
        await _control(p, "DELETE")
        assert (await _control(p, "GET", "gw0/requests")).status == 404


async def test_a_tests_mode_holds_for_its_requests(proxied: Callable[..., Any]) -> None:
    """Also where provider-proxy itself fails: then nothing is sent. A test that ends frees its client."""
    async with proxied(cache_mode="read-write") as p:
        await _control(p, "PUT", body={"test": "a", "mode": "read-only-require-hit"})
        client = await p.client()
        request = p.request(headers=_basic("gw0:x"))
        assert (await client.ask(request)).status == 502
        answering = p.host.cache.answering
        answering.decide, decide = None, answering.decide
        assert b"provider_proxy_fault" in (await client.ask(request)).body
        answering.decide = decide
        assert p.provider.seen == []
        verdict = json.loads((await _control(p, "DELETE")).body)
        assert (len(verdict["misses"]), verdict["requests"]) == (1, 1)
        assert (await client.ask(request)).status == 200


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ("origin: https://evil.example\r\nsec-fetch-site: cross-site\r\n", b'{"test": "a"}', 403),
        ("host: evil.example\r\n", b'{"test": "a"}', 403),
        ("", b"{" * 300_000, 413),
        ("", b'{"test": 1}', 400),
    ],
)
async def test_nonsense_and_web_pages_are_refused(
    proxied: Callable[..., Any], headers: str, body: bytes, status: int
) -> None:
    """As at every page of our own; nothing is counted, and the proxy goes on."""
    async with proxied() as p:
        client = await p.client()
        host = "" if "host:" in headers else "host: localhost\r\n"
        await client.send(
            f"PUT /-/tests/gw0 HTTP/1.1\r\n{host}{headers}content-length: {len(body)}\r\n\r\n".encode() + body
        )
        assert (await client.head())[0] == status
        if status == 400:
            listed = await (await p.client()).ask(p.raw("GET /-/tests"))
            assert json.loads(listed.body) == {"tests": []}
            assert listed.headers["cross-origin-resource-policy"] == "same-origin"
        assert p.host.cache.counts.total().requests == 0


@pytest.mark.parametrize(
    ("peer", "auth", "admitted"),
    [
        (("127.0.0.1", 1), False, True),
        (("::1", 1, 0, 0), False, True),
        (("::ffff:127.0.0.1", 1, 0, 0), False, True),
        (("10.0.0.7", 1), False, False),
        (("10.0.0.7", 1), True, True),
        (("fe80::1%eth0", 1, 0, 0), False, False),
        (("?", 1), False, False),
        (None, False, False),
    ],
)
def test_beyond_loopback_a_password_is_needed(peer: Any, *, auth: bool, admitted: bool) -> None:
    """Whatever address stock mitmproxy listens on."""
    flow = tflow.tflow()
    flow.client_conn.peername = peer
    if auth:
        flow.metadata["proxyauth"] = ("u", "p")
    flow.request.headers["content-length"] = "2"
    control_pages.admit(flow)
    assert control_pages.is_admitted(flow) is admitted
    assert (flow.response is None) is admitted


async def test_a_fault_of_ours_is_an_answer() -> None:
    """Before the start, after the end, and where the page itself fails."""
    flow = tflow.tflow()
    flow.request.path = "/-/tests/gw0"
    await control_pages.answer(flow, None)
    assert flow.response is not None
    assert flow.response.status_code == 503
    broken: Any = SimpleNamespace(peer=None, mode=None)
    flow.request.method = "GET"
    await control_pages.answer(flow, broken)
    assert flow.response.status_code == 500

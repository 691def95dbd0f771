"""The six modes, through the real process with a real client."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
import requests

from tests.e2e.clients import CHAT_URL, ask, cached, session
from tests.e2e.conftest import Proxy
from tests.e2e.upstream import Exchange, Upstream, chat_answer

Start = Callable[..., Proxy]


def test_a_recorded_answer_is_replayed_alike(
    start_proxy: Start, start_upstream: Callable[..., Upstream]
) -> None:
    """A hit has the same status, body and headers as the recorded answer, but for what may differ."""

    def script(exchange: Exchange) -> None:
        exchange.json(chat_answer(f"n {exchange.number}"), x_request_id="req_1", openai_version="2020-10-01")

    upstream = start_upstream(script)
    proxy = start_proxy(upstream, "read-write")
    live, hit = ask(proxy), ask(proxy)
    assert (cached(live), cached(hit), upstream.count) == ("false", "true", 1)
    assert (hit.status_code, hit.reason, hit.content) == (live.status_code, live.reason, live.content)
    may_differ = {"x-provider-proxy-cache", "cache-status", "connection"}
    stored = {n.lower(): v for n, v in live.headers.items() if n.lower() not in may_differ}
    replayed = {n.lower(): v for n, v in hit.headers.items() if n.lower() not in may_differ}
    assert replayed == stored
    key = hit.headers["cache-status"].partition('key="')[2].rstrip('"')
    assert hit.headers["cache-status"] == f'provider-proxy; hit; key="{key}"'
    assert live.headers["cache-status"] == f'provider-proxy; fwd=miss; stored; key="{key}"'


def test_off_forwards_and_stores_nothing(start_proxy: Start, upstream: Upstream) -> None:
    """In mode off every request goes to the provider, marked as a bypass."""
    proxy = start_proxy(upstream, "off")
    answers = [ask(proxy), ask(proxy)]
    assert [cached(a) for a in answers] == ["false", "false"]
    assert answers[0].headers["cache-status"] == "provider-proxy; fwd=bypass; detail=mode-off"
    assert upstream.count == 2
    proxy.stop()
    assert ask(start_proxy(upstream, "read-only-require-hit")).status_code == 502


def test_read_only_serves_and_forwards_and_stores_nothing(start_proxy: Start, upstream: Upstream) -> None:
    """In read-only a hit is served, a miss is forwarded and not stored."""
    ask(start_proxy(upstream, "read-write"))
    proxy = start_proxy(upstream, "read-only")
    assert cached(ask(proxy)) == "true"
    misses = [ask(proxy, "other"), ask(proxy, "other")]
    assert [cached(m) for m in misses] == ["false", "false"]
    assert misses[0].headers["cache-status"].endswith("; detail=mode")
    assert upstream.count == 3


def test_require_hit_answers_a_miss_itself(start_proxy: Start, upstream: Upstream) -> None:
    """In read-only-require-hit a miss is a 502 that explains itself, and nothing is forwarded."""
    ask(start_proxy(upstream, "read-write"))
    proxy = start_proxy(upstream, "read-only-require-hit")
    assert cached(ask(proxy)) == "true"
    miss = ask(proxy, "other")
    assert (miss.status_code, cached(miss), upstream.count) == (502, "false", 1)
    assert miss.headers["x-should-retry"] == "false"
    error = miss.json()["error"]
    assert miss.json()["type"] == "error"
    assert error["type"] == error["code"] == "provider_proxy_cache_miss"
    assert "POST api.openai.com/v1/chat/completions" in error["message"]
    assert error["key"].startswith("pp2-")
    assert "nearest" in error


def test_miss_status_is_a_setting(start_proxy: Start) -> None:
    """PROVIDER_PROXY_MISS_STATUS is the status of a miss that is not forwarded."""
    assert ask(start_proxy(None, "read-only-require-hit", miss_status="418")).status_code == 418


def test_read_old_write_new_serves_the_second_answer_after_a_restart(
    start_proxy: Start, upstream: Upstream
) -> None:
    """The default mode never serves what its own run recorded; the next run serves the newest."""
    proxy = start_proxy(upstream)
    first, second = ask(proxy), ask(proxy)
    assert [cached(first), cached(second)] == ["false", "false"]
    assert first.content != second.content
    proxy.stop()
    third = ask(start_proxy(upstream))
    assert cached(third) == "true"
    assert third.content == second.content
    assert upstream.count == 2


def test_read_old_write_new_removes_before_it_forwards(
    start_proxy: Start, start_upstream: Callable[..., Upstream]
) -> None:
    """A retry that fails leaves nothing behind: the answer that it was to replace is gone."""

    def script(exchange: Exchange) -> None:
        if exchange.number == 2:
            exchange.json({"error": {"message": "overloaded"}}, 503)
        else:
            exchange.json(chat_answer("bad"))

    upstream = start_upstream(script)
    proxy = start_proxy(upstream)
    assert [ask(proxy).status_code, ask(proxy).status_code] == [200, 503]
    proxy.stop()
    assert ask(start_proxy(upstream, "read-only-require-hit")).status_code == 502


def test_write_only_refreshes(start_proxy: Start, upstream: Upstream) -> None:
    """In write-only nothing is served and every success replaces what was there."""
    proxy = start_proxy(upstream, "write-only")
    _, second = ask(proxy), ask(proxy)
    assert (cached(second), upstream.count) == ("false", 2)
    assert "; stored; " in second.headers["cache-status"]
    proxy.stop()
    assert ask(start_proxy(upstream, "read-only-require-hit")).content == second.content


def test_errors_are_never_stored(start_proxy: Start, start_upstream: Callable[..., Upstream]) -> None:
    """The same request that fails twice is forwarded twice."""
    upstream = start_upstream(lambda e: e.json({"error": {"message": f"bad {e.number}"}}, 400))
    proxy = start_proxy(upstream, "read-write")
    first, second = ask(proxy), ask(proxy)
    assert (first.status_code, second.status_code, upstream.count) == (400, 400, 2)
    assert first.content != second.content
    assert first.headers["cache-status"].endswith("; detail=status")


@pytest.mark.parametrize(("status", "method", "stored"), [
    (201, "POST", True), (204, "DELETE", True), (204, "GET", False), (206, "GET", False), (302, "GET", False),
])  # fmt: skip
def test_which_statuses_are_stored(
    status: int, method: str, stored: bool, start_proxy: Start, start_upstream: Callable[..., Upstream]
) -> None:
    """Every 2xx is stored but 206, a 204 only as the answer to a request that changes something; no redirect."""

    def script(exchange: Exchange) -> None:
        exchange.answer(
            b"" if status == 204 else b'{"ok": true}', status, location="https://api.openai.com/x"
        )

    upstream = start_upstream(script)
    for _ in range(2):  # a change is never answered by an entry of its own run
        proxy = start_proxy(upstream, "read-write")
        answer = requests.request(
            method,
            "https://api.openai.com/v1/files/f1",
            proxies={"https": proxy.url},
            verify=proxy.bundle,
            allow_redirects=False,
            timeout=120,
        )
        assert answer.status_code == status
        proxy.stop()
    assert upstream.count == (1 if stored else 2)
    assert cached(answer) == str(stored).lower()


def test_images_fetched_by_the_way_are_relayed(
    start_proxy: Start, start_upstream: Callable[..., Upstream]
) -> None:
    """An image that a GET fetched is stored from a provider's host only; an image inside JSON is JSON."""

    def script(exchange: Exchange) -> None:
        if exchange.command == "GET":
            exchange.answer(b"\x89PNG...", content_type="image/png")
        else:
            exchange.json({"created": 1, "data": [{"b64_json": "iVBORw0KGgo="}]})

    upstream = start_upstream(script)
    proxy = start_proxy(upstream, "read-write", hosts="+not-a-provider.example")
    with session(proxy) as client:
        for _ in range(2):
            image = client.get("https://not-a-provider.example/img.png", timeout=120)
        for _ in range(2):
            own = client.get("https://api.openai.com/img.png", timeout=120)
        for _ in range(2):
            made = client.post(
                "https://api.openai.com/v1/images/generations", json={"prompt": "x"}, timeout=120
            )
    assert (cached(image), cached(own), cached(made), upstream.count) == ("false", "true", "true", 4)
    assert image.headers["cache-status"].endswith("; detail=media")


def test_a_request_may_narrow_its_mode(start_proxy: Start, upstream: Upstream) -> None:
    """`x-provider-proxy-mode` narrows one request, is not forwarded and is not in the identity."""
    proxy = start_proxy(upstream, "read-write")
    assert ask(proxy, x_provider_proxy_mode="read-only-require-hit").status_code == 502
    assert upstream.count == 0
    ask(proxy)
    assert cached(ask(proxy, x_provider_proxy_mode="Read_Only")) == "true"
    assert cached(ask(proxy, x_provider_proxy_mode="off")) == "false"
    assert all(name.lower() != "x-provider-proxy-mode" for headers in upstream.headers for name, _ in headers)


@pytest.mark.parametrize("asked", ["read-write", "write-only", "no-such-mode"])
def test_a_request_may_not_widen_its_mode(asked: str, start_proxy: Start, upstream: Upstream) -> None:
    """A mode header that would do more than the run allows, or an unknown one, gets a 400 that lists the valid."""
    proxy = start_proxy(upstream, "read-only")
    answer = ask(proxy, x_provider_proxy_mode=asked)
    assert (answer.status_code, upstream.count, cached(answer)) == (400, 0, "false")
    assert "read-only-require-hit" in answer.json()["error"]["message"]


def test_a_newer_entry_survives_a_slow_old_request(
    start_proxy: Start, start_upstream: Callable[..., Upstream]
) -> None:
    """An answer to a request that began before the stored entry was recorded does not replace it."""
    import threading

    slow_may_end = threading.Event()

    def script(exchange: Exchange) -> None:
        if exchange.number == 1:
            slow_may_end.wait(20)
        exchange.json(chat_answer(f"n {exchange.number}"))

    upstream = start_upstream(script)
    proxy = start_proxy(upstream, "read-write", coalesce="off")
    answers: list[requests.Response] = []
    slow = threading.Thread(target=lambda: answers.append(ask(proxy)))
    slow.start()
    while upstream.count < 1:
        pass
    quick = ask(proxy)
    slow_may_end.set()
    slow.join(20)
    assert "; stored; " in quick.headers["cache-status"]
    assert answers[0].headers["cache-status"].endswith("; detail=newer-entry")
    assert ask(proxy).content == quick.content


def test_provider_out_of_reach_is_a_marked_502(start_proxy: Start, upstream: Upstream) -> None:
    """With the provider down the client gets a JSON 502 with our headers, no entry is made, and the connection
    goes on working."""
    proxy = start_proxy(upstream, "read-write")
    upstream.stop()
    with session(proxy) as client:
        down = [client.post(CHAT_URL, json={"model": "m"}, timeout=120) for _ in range(2)]
    assert [d.status_code for d in down] == [502, 502]
    assert cached(down[0]) == "false"
    assert down[0].headers["cache-status"] == "provider-proxy; fwd=bypass; detail=unreachable"
    assert "api.openai.com did not answer" in down[0].json()["error"]["message"]
    proxy.stop()
    report = json.loads((proxy.folder / ".provider-proxy" / "last-run.json").read_text())
    assert report["total"]["not_stored"] == {"unreachable": 2}

"""Two proxies with disks of their own and one Redis."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from tests.e2e.clients import ask, cached
from tests.e2e.command import COMMAND
from tests.e2e.conftest import Proxy
from tests.e2e.crew import Reach, figures
from tests.e2e.upstream import Upstream
from tests.redis_server import RedisServer, free_port, running_redis

PASSWORD = "not-t0-be-printed"


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A Redis with a password."""
    with running_redis(tmp_path_factory.mktemp("redis"), password=PASSWORD) as running:
        yield running


def _stats(proxy: Proxy) -> dict[str, object]:
    return dict(requests.get(f"{proxy.url}/-/stats", timeout=120).json())


def _command(proxy: Proxy, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments],
        env=proxy.environ, cwd=proxy.folder, capture_output=True, text=True, timeout=120,
    )  # fmt: skip


def test_two_proxies_share_a_recording_at_once(
    start_proxy: Callable[..., Proxy], upstream: Upstream, server: RedisServer
) -> None:
    """What one recorded, the other serves with its next request, in the default mode, and brings it to its disk."""
    first = start_proxy(upstream, cache_dir="one", redis_url=server.url)
    second = start_proxy(upstream, cache_dir="two", redis_url=server.url)
    live = ask(first)
    shared = ask(second)
    assert (cached(live), cached(shared)) == ("false", "true")
    assert shared.content == live.content
    assert upstream.count == 1
    server.stop()
    assert cached(ask(second)) == "true"
    for proxy in (first, second):
        assert PASSWORD not in proxy.stop()


@pytest.mark.skipif(sys.platform != "linux", reason="processes share a port on Linux only")
def test_workers_share_it_too(
    start_proxy: Callable[..., Proxy], upstream: Upstream, server: RedisServer
) -> None:
    """Two workers answer from one another and from Redis, share with another machine, and go on without it."""
    crew = start_proxy(upstream, "read-write", cache_dir="crew", redis_url=server.url, workers="2")
    other = start_proxy(upstream, "read-write", cache_dir="other", redis_url=server.url)
    reach = Reach()
    try:
        one, two = reach.many(crew, 2)
        recorded = one.ask("a")
        assert recorded[:2] == (200, "false")
        assert two.ask("a") == (200, "true", recorded[2])
        assert cached(shared := ask(other, "a")) == "true"
        assert shared.content == recorded[2]
        ask(other, "b")
        assert [client.ask("b")[1] for client in (two, one)] == ["true", "true"]
        assert upstream.count == 2
        server.stop()
        assert [client.ask("b")[1] for client in (one, two)] == ["true", "true"]
        assert [client.ask("c")[1] for client in (one, two)] == ["false", "true"]
        assert figures(crew)["total"]["stored"] == 2
    finally:
        reach.close()
    assert PASSWORD not in crew.stop()


def test_a_retry_is_new_and_its_answer_is_shared(
    start_proxy: Callable[..., Proxy], upstream: Upstream, server: RedisServer
) -> None:
    """In the default mode a run's own entry is removed from both tiers before its request goes out again."""
    first = start_proxy(upstream, cache_dir="one", redis_url=server.url)
    second = start_proxy(upstream, cache_dir="two", redis_url=server.url)
    ask(first)
    retried = ask(first)
    assert cached(retried) == "false"
    assert ask(second).content == retried.content
    assert upstream.count == 2


def test_the_memory_tier_shares_too(
    start_proxy: Callable[..., Proxy], upstream: Upstream, server: RedisServer
) -> None:
    """`:memory:` in front of Redis keeps nothing on disk and shares all the same."""
    first = start_proxy(upstream, cache_dir=":memory:", redis_url=server.url)
    second = start_proxy(upstream, cache_dir=":memory:", redis_url=server.url)
    assert cached(ask(first)) == "false"
    assert cached(ask(second)) == "true"
    assert not (first.folder / ":memory:").exists()


def test_redis_that_is_gone_fails_no_request(
    start_proxy: Callable[..., Proxy], upstream: Upstream, server: RedisServer
) -> None:
    """Requests go live and are recorded on disk; the state shows on the status page."""
    proxy = start_proxy(upstream, redis_url=server.url)
    assert _stats(proxy)["tiers"] == {
        "second": f"redis://127.0.0.1:{server.port}/0", "healthy": True, "blocked": False, "waiting": 0
    }  # fmt: skip
    server.stop()
    for number in range(4):
        assert ask(proxy, f"{number}").status_code == 200
    tiers = _stats(proxy)["tiers"]
    assert isinstance(tiers, dict)
    assert tiers["healthy"] is False
    assert PASSWORD not in json.dumps(_stats(proxy))
    report = proxy.stop()
    assert "second tier" in report
    assert PASSWORD not in report


def test_redis_that_hangs_holds_up_nobody(
    start_proxy: Callable[..., Proxy], upstream: Upstream, server: RedisServer
) -> None:
    """A stopped server costs a request half a second at each step until it is left alone, then nothing."""
    proxy = start_proxy(upstream, mode="read-write", redis_url=server.url)
    ask(proxy, "near")
    server.process.send_signal(signal.SIGSTOP)
    try:
        started = time.monotonic()
        assert cached(ask(proxy, "near")) == "true"
        assert time.monotonic() - started < 4
        for number in range(3):
            started = time.monotonic()
            assert ask(proxy, f"{number}").status_code == 200
            assert time.monotonic() - started < 8
        started = time.monotonic()
        assert ask(proxy, "at once").status_code == 200
        assert time.monotonic() - started < 4
    finally:
        server.process.send_signal(signal.SIGCONT)


def test_redis_down_at_the_start(start_proxy: Callable[..., Proxy], upstream: Upstream) -> None:
    """In a mode that may go live it is a warning, in require-hit an error in one line."""
    url = f"redis://:{PASSWORD}@127.0.0.1:{free_port()}/0"
    proxy = start_proxy(upstream, redis_url=url)
    assert ask(proxy).status_code == 200
    said = proxy.stop()
    assert "cannot be reached" in said
    assert PASSWORD not in said
    with pytest.raises(AssertionError, match="cannot be reached") as caught:
        start_proxy(upstream, mode="read-only-require-hit", redis_url=url)
    assert PASSWORD not in str(caught.value)


@pytest.mark.parametrize("mode", ["read-write", "read-only-require-hit"])
def test_a_bad_url_stops_the_start(start_proxy: Callable[..., Proxy], mode: str) -> None:
    """Whatever the mode, a URL that is none is wrong usage, and is not repeated."""
    with pytest.raises(AssertionError, match="PROVIDER_PROXY_REDIS_URL") as caught:
        start_proxy(mode=mode, redis_url=f"http://:{PASSWORD}@127.0.0.1:1/0")
    assert PASSWORD not in str(caught.value)


def test_a_blank_url_is_unset(start_proxy: Callable[..., Proxy], upstream: Upstream) -> None:
    """Spaces ask for no second tier."""
    proxy = start_proxy(upstream, redis_url="   ")
    assert _stats(proxy)["tiers"] is None


def test_rm_all_clears_redis_or_blocks_it(
    start_proxy: Callable[..., Proxy], upstream: Upstream, server: RedisServer
) -> None:
    """A clear that cannot reach Redis fails, and a running proxy serves nothing from there until one succeeds."""
    proxy = start_proxy(upstream, mode="read-write", redis_url=server.url)
    ask(proxy)
    elsewhere = f"redis://127.0.0.1:{free_port()}/0"
    reachable = proxy.environ
    proxy.environ = reachable | {"PROVIDER_PROXY_REDIS_URL": elsewhere}
    failed = _command(proxy, "rm", "--all")
    proxy.environ = reachable
    assert failed.returncode == 1
    assert "cannot be reached" in failed.stderr
    assert cached(ask(proxy)) == "false"
    assert upstream.count == 2
    done = _command(proxy, "rm", "--all")
    assert (done.returncode, done.stderr.strip()) == (0, "removed 1")
    assert cached(ask(proxy)) == "false"
    assert cached(ask(proxy)) == "true"


def test_tls_and_a_password_come_from_the_url(
    start_proxy: Callable[..., Proxy],
    upstream: Upstream,
    certificates: tuple[object, Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """`rediss://` is checked against the CA that the URL names."""
    import trustme

    folder = tmp_path_factory.mktemp("redis-tls")
    ca = trustme.CA()
    leaf = ca.issue_cert("127.0.0.1", "localhost")
    ca.cert_pem.write_to_path(str(folder / "ca.pem"))
    leaf.private_key_pem.write_to_path(str(folder / "key.pem"))
    leaf.cert_chain_pems[0].write_to_path(str(folder / "cert.pem"))
    port = free_port()
    tls = ("--port", "0", "--tls-port", str(port), "--tls-auth-clients", "no",
           "--tls-cert-file", str(folder / "cert.pem"), "--tls-key-file", str(folder / "key.pem"),
           "--tls-ca-cert-file", str(folder / "ca.pem"))  # fmt: skip
    from tests.redis_server import start_redis

    server = start_redis(folder, *tls, password=PASSWORD, port=port)
    try:
        url = f"rediss://:{PASSWORD}@localhost:{port}/0?ssl_ca_certs={folder / 'ca.pem'}"
        first = start_proxy(upstream, cache_dir="one", redis_url=url)
        second = start_proxy(upstream, cache_dir="two", redis_url=url)
        assert cached(ask(first)) == "false"
        assert cached(ask(second)) == "true"
        with pytest.raises(AssertionError, match="cannot be reached"):
            start_proxy(mode="read-only-require-hit", redis_url=url.partition("?")[0])
    finally:
        server.stop()
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0

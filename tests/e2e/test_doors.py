"""The two doors on one port, the status pages, and hosts that are not intercepted."""

from __future__ import annotations

import contextlib
import http.client
import json
import shutil
import subprocess
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
import requests

from tests.e2e.clients import CHAT_URL, ask, cached, session, tunnel
from tests.e2e.conftest import Proxy
from tests.e2e.upstream import Exchange, Upstream

Start = Callable[..., Proxy]


def direct(proxy: Proxy, path: str, host: str | None = None, method: str = "GET") -> tuple[int, bytes]:
    """A request to the proxy's own port in origin form, with a Host header of choice."""
    address = urlsplit(proxy.url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port or 0, timeout=120)
    with contextlib.closing(connection):
        connection.putrequest(method, path, skip_host=True)
        connection.putheader("host", host or address.netloc)
        connection.endheaders()
        response = connection.getresponse()
        return response.status, response.read()


def test_both_doors_share_entries(start_proxy: Start, upstream: Upstream) -> None:
    """What was recorded through HTTPS_PROXY is a hit through the base URL, and the other way round."""
    proxy = start_proxy(upstream, "read-write")
    door = f"{proxy.url}/https/api.openai.com/v1/chat/completions"
    body = {"model": "gpt-4.1", "messages": [{"role": "user", "content": "hello"}]}
    with session(proxy) as client:
        client.proxies = {}
        client.headers["authorization"] = "Bearer test"
        assert cached(ask(proxy, "hello")) == "false"
        assert cached(client.post(door, json=body, timeout=120)) == "true"
        other = body | {"model": "gpt-4.1-mini"}
        assert cached(client.post(door, json=other, timeout=120)) == "false"
        client.proxies = {"https": proxy.url}
        url = "https://api.openai.com/v1/chat/completions"
        assert cached(client.post(url, json=other, timeout=120)) == "true"
    assert [host for _, host, _, _ in upstream.seen] == ["api.openai.com", "api.openai.com"]
    assert {path for _, _, path, _ in upstream.seen} == {"/v1/chat/completions"}


def test_a_query_goes_through_the_base_url(start_proxy: Start, upstream: Upstream) -> None:
    """Path and query after the host reach the provider as they are."""
    proxy = start_proxy(upstream, "read-write")
    status, _ = direct(proxy, "/https/api.openai.com/v1/models/a%2Fb?limit=2&after=x")
    assert (status, upstream.seen[0][2]) == (200, "/v1/models/a%2Fb?limit=2&after=x")


def test_a_host_header_decides_nothing(start_proxy: Start, upstream: Upstream) -> None:
    """A direct request goes where its path says, whatever port its Host header names."""
    proxy = start_proxy(upstream, "read-write")
    assert direct(proxy, "/v1/models", "127.0.0.1:1")[0] == 404
    assert direct(proxy, "/-/healthz", "localhost") == (200, b"ok\n")
    assert upstream.count == 0
    assert direct(proxy, "/https/api.anthropic.com/v1/models", "127.0.0.1:1")[0] == 200
    assert upstream.seen[0][1] == "api.anthropic.com"


@pytest.mark.parametrize("host", ["api.openai.com", "api.anthropic.com", "example.com", "192.0.2.1:8080"])
@pytest.mark.parametrize(
    "path", ["/v1/models", "/-/healthz", "/-/stats", "/https/api.anthropic.com/v1/models"]
)
def test_a_name_that_is_not_the_proxys_is_refused(
    host: str, path: str, start_proxy: Start, upstream: Upstream
) -> None:
    """A web page can make its own name resolve to this machine, so a foreign name gets no page and no answer."""
    status, body = direct(start_proxy(upstream, "read-write"), path, host)
    assert (status, upstream.count) == (403, 0)
    assert "PROVIDER_PROXY_NAMES" in json.loads(body)["error"]["message"]


@pytest.mark.parametrize("path", [
    "/https/not-a-provider.example/v1/models", "/https/", "/ftp/api.openai.com/x", "/", "/https/127.0.0.1:1/x",
    "/https/api.openai.com@evil.example/x", "/https/api.openai.com:99999/x",
])  # fmt: skip
def test_only_intercepted_hosts_are_served_by_base_url(
    path: str, start_proxy: Start, upstream: Upstream
) -> None:
    """A base URL of another host, or none, is a 404 that says what to write."""
    status, body = direct(start_proxy(upstream, "read-write"), path)
    assert (status, upstream.count) == (404, 0)
    assert "/https/api.openai.com/v1" in json.loads(body)["error"]["message"]


def test_an_absolute_url_to_the_proxy_itself_is_no_door_for_others(
    start_proxy: Start, upstream: Upstream
) -> None:
    """A proxied (absolute-form) request is told from a direct one: it is relayed to the host that it names."""
    proxy = start_proxy(upstream, "read-write")
    with session(proxy) as client:
        answer = client.get("http://not-a-provider.example/-/healthz", timeout=120)
    assert answer.text != "ok\n"


def test_status_pages(start_proxy: Start, upstream: Upstream) -> None:
    """`/-/healthz` says ok, `/-/stats` has the run's counts as JSON."""
    proxy = start_proxy(upstream, "read-write")
    ask(proxy)
    ask(proxy)
    stats = json.loads(direct(proxy, "/-/stats")[1])
    assert (stats["mode"], stats["total"]["hits"], stats["total"]["misses"]) == ("read-write", 1, 1)
    assert stats["hosts"]["api.openai.com"]["stored"] == 1


def test_other_hosts_are_tunnelled_untouched(
    start_proxy: Start, upstream: Upstream, certificates: tuple[object, object]
) -> None:
    """A host that is not intercepted keeps its own certificate and is not marked, but it is counted."""
    proxy = start_proxy(upstream, "read-only-require-hit")
    with session(proxy) as client:
        answer = client.get("https://not-a-provider.example/v1/x", verify=str(certificates[1]), timeout=120)
        assert answer.status_code == 200
        assert "x-provider-proxy-cache" not in answer.headers
        with pytest.raises(requests.exceptions.SSLError):
            client.get("https://not-a-provider.example/", verify=proxy.environ["XDG_DATA_HOME"]
                       + "/provider-proxy/mitmproxy-ca-cert.pem", timeout=120)  # fmt: skip
    assert "tunnelled: not-a-provider.example 2" in proxy.stop()


def test_plain_http_to_other_hosts_is_relayed_unmarked(
    start_proxy: Start, start_upstream: Callable[..., Upstream]
) -> None:
    """Plain http to a host that is not intercepted goes through as it is."""
    plain = start_upstream(lambda e: e.answer("plain", content_type="text/plain"), tls=False)
    proxy = start_proxy(None, "read-write")
    with session(proxy) as client:
        answer = client.get(f"http://127.0.0.1:{plain.port}/x", timeout=120)
    assert (answer.text, plain.count) == ("plain", 1)
    assert "x-provider-proxy-cache" not in answer.headers
    assert "tunnelled: 127.0.0.1 1" in proxy.stop()


def test_a_plain_http_provider_on_request(
    start_proxy: Start, start_upstream: Callable[..., Upstream]
) -> None:
    """A local server is intercepted when it is named, and then HTTP_PROXY is exported too."""
    local = start_upstream(tls=False)
    proxy = start_proxy(None, "read-write", hosts=f"+http://localhost:{local.port}")
    assert any(line.startswith("export HTTP_PROXY=") for line in proxy.exports)
    url = f"http://localhost:{local.port}/v1/chat/completions"
    assert [cached(ask(proxy, url=url)) for _ in range(2)] == ["false", "true"]
    assert local.count == 1


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_http2_and_http1_clients_share_entries(start_proxy: Start, upstream: Upstream) -> None:
    """curl records over HTTP/2; curl over HTTP/1.1 and requests hit the same entry."""
    proxy = start_proxy(upstream, "read-write")
    body = '{"model": "gpt-4.1", "messages": [{"role": "user", "content": "hello"}]}'
    seen = []
    for version in ("--http2", "--http1.1"):
        command = ["curl", "-sS", version, "-x", proxy.url, "--cacert", proxy.bundle, "-o", "/dev/null",
                   "-H", "content-type: application/json", "-H", "authorization: Bearer test", "-d", body,
                   "-w", "%{http_version} %header{x-provider-proxy-cache}", CHAT_URL]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
        seen.append(done.stdout)
    assert seen == ["2 false", "1.1 true"]
    assert cached(ask(proxy)) == "true"


def upgraded(exchange: Exchange) -> None:
    """A provider that takes the upgrade, says `hi`, and sends back the first frame that it gets."""
    exchange.wfile.write(
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n"
        b"sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n\x81\x02hi"
    )
    head, mask = exchange.rfile.read(2), exchange.rfile.read(4)
    said = bytes(byte ^ mask[at % 4] for at, byte in enumerate(exchange.rfile.read(head[1] & 127)))
    exchange.wfile.write(bytes([0x81, len(said)]) + said)
    exchange.close_connection = True


@pytest.mark.parametrize(("mode", "setting", "passes"), [
    ("read-write", {"websocket": "pass"}, True), ("read-only", {"websocket": "pass"}, True), ("off", {}, True),
    ("read-write", {"websocket": "refuse"}, False), ("read-only-require-hit", {"websocket": "pass"}, False),
])  # fmt: skip
def test_a_websocket_passes_where_the_mode_forwards(
    mode: str,
    setting: dict[str, str],
    passes: bool,
    start_proxy: Start,
    start_upstream: Callable[..., Upstream],
) -> None:
    """Frames go both ways and nothing is stored; refused, it is a 426 and nothing is sent."""
    upstream = start_upstream(upgraded)
    proxy = start_proxy(upstream, mode, **setting)
    with tunnel(proxy) as client:
        client.sendall(
            b"GET /v1/responses HTTP/1.1\r\nhost: api.openai.com\r\nconnection: Upgrade\r\nupgrade: websocket\r\n"
            b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        said = client.recv(65536)
        if passes:
            while b"hi" not in said:
                said += client.recv(65536)
            client.sendall(b"\x81\x84\0\0\0\0ping")
            while b"ping" not in said:
                said += client.recv(65536)
    assert said.startswith(b"HTTP/1.1 101 " if passes else b"HTTP/1.1 426 ")
    assert upstream.count == passes
    total = json.loads(direct(proxy, "/-/stats")[1])["total"]
    assert (total["bypassed"], total["refused"], total["stored"]) == (passes, not passes, 0)


def test_a_proxy_password_is_asked_for(start_proxy: Start, upstream: Upstream) -> None:
    """With PROVIDER_PROXY_AUTH a client without it gets a 407; the exports carry it."""
    proxy = start_proxy(upstream, "read-write", auth="user:se cret word")
    assert any("user:se%20cret%20word@" in line for line in proxy.exports if "HTTPS_PROXY" in line)
    with pytest.raises(requests.exceptions.ProxyError, match="407"):
        ask(proxy)
    proxy.url = proxy.url.replace("://", "://user:se%20cret%20word@")
    assert cached(ask(proxy)) == "false"
    assert ask(proxy, "my password is se cret word").headers["cache-status"].endswith("detail=secret")


def test_bodies_are_replayed_to_a_client_that_takes_no_compression(
    start_proxy: Start, start_upstream: Callable[..., Upstream]
) -> None:
    """What was recorded compressed is stored decoded: a client without that coding can read the replay."""
    import gzip

    def script(exchange: Exchange) -> None:
        exchange.answer(gzip.compress(b'{"ok": true}'), content_encoding="gzip")

    upstream = start_upstream(script)
    proxy = start_proxy(upstream, "read-write")
    with session(proxy) as client:
        url = "https://api.openai.com/v1/models"
        assert client.get(url, timeout=120).json() == {"ok": True}
        plain = client.get(url, headers={"accept-encoding": "identity"}, timeout=120)
    assert (plain.json(), cached(plain), upstream.count) == ({"ok": True}, "true", 1)
    assert "content-encoding" not in plain.headers

"""A fault of the cache or of the provider: the request goes through where it may, and nothing broken is kept."""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from cache_store.disk_store import DiskStore
from cache_store.entry import Entry
from tests.e2e.cache_faults import readable_keys
from tests.e2e.clients import CHAT_URL, ask, cached, chat_request, session, tunnel
from tests.e2e.conftest import Proxy, wait_for
from tests.e2e.upstream import Exchange, Upstream, chat_answer, chat_events

Start = Callable[..., Proxy]
StartUpstream = Callable[..., Upstream]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

CACHE = Path(".provider-proxy") / "cache"


def test_kill_at_random_moments(start_proxy: Start, start_upstream: StartUpstream, tmp_path: Path) -> None:
    """With 10,000 entries, after `kill -9` at random moments, each is whole, and so is every answer seen complete."""
    upstream = start_upstream(
        lambda e: e.json(chat_answer("y" * random.Random(e.number).choice([10, 5000, 1_200_000])))
    )
    complete: set[str] = set()
    rng = random.Random(4)
    store = DiskStore(tmp_path / CACHE)
    before = [Entry(f"pp1-{n:064x}", 200, "OK", (), b"x" * 500, 1.0, 0.1, "earlier") for n in range(10_000)]
    assert store.merge(before, []) == len(before)
    store.close()
    for round_number in range(8):
        proxy = start_proxy(upstream, "read-write")
        stop = threading.Event()

        def hammer(
            worker: int, proxy: Proxy = proxy, stop: threading.Event = stop, number: int = round_number
        ) -> None:
            with session(proxy) as client:
                for n in range(10_000):
                    if stop.is_set():
                        return
                    try:
                        answer = client.post(
                            CHAT_URL, json={"model": "m", "n": f"{number}-{worker}-{n}"}, timeout=5
                        )
                        status = answer.headers["cache-status"]
                    except (OSError, KeyError):
                        return
                    if "; stored; " in status:
                        complete.add(status.partition('key="')[2].rstrip('"'))

        workers = [threading.Thread(target=hammer, args=(w,)) for w in range(4)]
        for worker in workers:
            worker.start()
        time.sleep(0.3 + rng.random())
        os.kill(proxy.process.pid, signal.SIGKILL)
        stop.set()
        for worker in workers:
            worker.join(20)
    keys = readable_keys(tmp_path / CACHE)
    assert len(complete) > 50
    assert complete | {entry.key for entry in before} <= keys


def test_clock_set_back(start_proxy: Start, upstream: Upstream, tmp_path: Path) -> None:
    """Entries from the future are served, do not block a refresh, and are not older than nothing."""
    ask(start_proxy(upstream, "read-write"))
    store = DiskStore(tmp_path / CACHE)
    from dataclasses import replace

    (entry,) = store.iterate()
    store.put(replace(entry, recorded_at=time.time() + 86_400))
    store.close()
    assert cached(ask(start_proxy(upstream, "read-write", max_age="3600"))) == "true"
    refreshed = ask(start_proxy(upstream, "write-only"))
    assert "; stored; " in refreshed.headers["cache-status"]
    assert ask(start_proxy(upstream, "read-only")).content == refreshed.content


def test_max_age(start_proxy: Start, upstream: Upstream, tmp_path: Path) -> None:
    """An entry as old as MAX_AGE is a miss."""
    ask(start_proxy(upstream, "read-write"))
    time.sleep(1.1)
    assert cached(ask(start_proxy(upstream, "read-only", max_age="1"))) == "false"
    assert cached(ask(start_proxy(upstream, "read-only", max_age="1000"))) == "true"


def raw_stream() -> bytes:
    """The bytes of a whole chunked answer."""
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    return head + b"".join(b"%x\r\n%s\r\n" % (len(e), e) for e in [*chat_events(["a", "b"]), b""])


def test_reset_at_every_byte_of_a_stream(
    start_proxy: Start, start_upstream: StartUpstream, tmp_path: Path
) -> None:
    """A provider that resets after N bytes, for every N: nothing but the whole is ever stored."""
    whole = raw_stream()
    cuts = iter(range(len(whole) + 1))
    asked: dict[int, int] = {}

    def script(exchange: Exchange) -> None:
        cut = int(exchange.headers["x-cut"])
        asked[cut] = exchange.number
        exchange.connection.sendall(whole[:cut])
        if cut < len(whole):
            exchange.reset()
        else:
            exchange.close_connection = True

    upstream = start_upstream(script)
    proxy = start_proxy(upstream, "read-write", coalesce="off", ignore_headers="x-cut")
    lock = threading.Lock()

    def work() -> None:
        while True:
            with lock:
                cut = next(cuts, None)
            if cut is None:
                return
            with tunnel(proxy) as client:
                client.settimeout(20)
                request = chat_request(f"cut {cut}").replace(
                    b"host:", b"x-cut: %d\r\nconnection: close\r\nhost:" % cut, 1
                )
                client.sendall(request)
                try:
                    received = b""
                    while b"\r\n0\r\n\r\n" not in received and (part := client.recv(65536)):
                        received += part
                except OSError:
                    pass

    workers = [threading.Thread(target=work) for _ in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(200)
    assert len(asked) == len(whole) + 1
    proxy.stop()
    store = DiskStore(tmp_path / CACHE)
    entries = list(store.iterate())
    store.close()
    body = b"".join(chat_events(["a", "b"]))
    assert {entry.body for entry in entries} == {body}
    # A client that has read the terminal event has the whole answer, whatever becomes of the last chunk's frame.
    least = whole.index(b"data: [DONE]")
    texts = [entry.request["body"]["value"]["messages"][0]["content"] for entry in entries]
    assert all(int(text.removeprefix("cut ")) > least for text in texts)
    assert f"cut {len(whole)}" in texts


def test_a_stalled_provider_and_the_clients_own_timeout(
    start_proxy: Start, start_upstream: StartUpstream
) -> None:
    """A provider that says nothing: the client's time-out decides, and the next request goes live."""
    upstream = start_upstream(lambda e: time.sleep(3) if e.number == 1 else e.json(chat_answer("x")))
    proxy = start_proxy(upstream, "read-write")
    with session(proxy) as client, pytest.raises(OSError, match="timed out"):
        client.post(CHAT_URL, json={"model": "m"}, timeout=0.7)
    with session(proxy) as client:
        assert client.post(CHAT_URL, json={"model": "m"}, timeout=20).status_code == 200
    assert upstream.count == 2


def test_a_long_silence_is_not_cut_but_a_set_limit_is(
    start_proxy: Start, start_upstream: StartUpstream
) -> None:
    """The idle limit is far above ten minutes; set to two seconds, it cuts, and nothing is stored."""
    from addon.provider_cache import IDLE_SECONDS

    assert IDLE_SECONDS > 600

    def script(exchange: Exchange) -> None:
        exchange.start_chunked()
        exchange.chunk(chat_events(["a"])[0])
        time.sleep(float(exchange.headers["x-silence"]))
        for event in chat_events(["a"])[1:]:
            exchange.chunk(event)
        exchange.chunk(b"")

    upstream = start_upstream(script)
    proxy = start_proxy(upstream, "read-write")
    body = {"model": "m", "stream": True}
    with session(proxy) as client:
        whole = client.post(CHAT_URL, json=body, headers={"x-silence": "3"}, timeout=20)
    assert whole.content == b"".join(chat_events(["a"]))
    proxy.stop()
    short = start_proxy(upstream, "write-only", ("--set", "tcp_timeout=2"))
    with session(short) as client, pytest.raises(OSError, match=r"ended prematurely|broken"):
        client.post(CHAT_URL, json=body | {"n": 1}, headers={"x-silence": "12"}, timeout=20)
    short.stop()
    with session(start_proxy(None, "read-only-require-hit")) as client:
        assert (
            client.post(CHAT_URL, json=body | {"n": 1}, headers={"x-silence": "12"}, timeout=20).status_code
            == 502
        )


def test_a_client_that_reads_slowly(start_proxy: Start, start_upstream: StartUpstream) -> None:
    """A client that reads a byte at a time holds up nobody, and gets its answer."""
    upstream = start_upstream(lambda e: e.json(chat_answer("z" * 3_000_000)))
    proxy = start_proxy(upstream, "read-write")
    with tunnel(proxy) as slow:
        slow.sendall(chat_request("slow"))
        for _ in range(3):
            slow.recv(1)
            time.sleep(0.3)
        started = time.monotonic()
        assert ask(proxy, "quick").status_code == 200
        assert time.monotonic() - started < 5
        received = 3
        while received < 3_000_000:
            received += len(slow.recv(65536))


def test_a_64_mb_answer(start_proxy: Start, start_upstream: StartUpstream) -> None:
    """An answer of 64 MB is relayed, stored and replayed alike, within a bounded memory."""
    piece = b"x" * 2**20
    count = 60

    def script(exchange: Exchange) -> None:
        exchange.start_chunked("application/octet-stream")
        for _ in range(count):
            exchange.chunk(piece)
        exchange.chunk(b"")

    upstream = start_upstream(script)
    proxy = start_proxy(upstream, "read-write")
    before = peak(proxy)
    with session(proxy) as client:
        for expected in ("false", "true"):
            answer = client.get("https://api.openai.com/v1/files/f/content", timeout=90)
            assert (len(answer.content), cached(answer)) == (count * 2**20, expected)
    assert peak(proxy) - before < 6 * 64 * 1024


def peak(proxy: Proxy) -> int:
    """The highest resident memory of a proxy so far, in KiB."""
    return memory(proxy, "VmHWM")


def memory(proxy: Proxy, what: str = "VmRSS") -> int:
    """The resident memory of a proxy, in KiB."""
    status = Path(f"/proc/{proxy.process.pid}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith(what)))


def test_ten_thousand_headers(start_proxy: Start, upstream: Upstream) -> None:
    """A request with 10,000 headers is answered or refused, and the proxy goes on."""
    proxy = start_proxy(upstream, "read-write")
    with tunnel(proxy) as client:
        many = b"".join(b"x-%d: y\r\n" % n for n in range(10_000))
        client.settimeout(30)
        client.sendall(b"GET /v1/models HTTP/1.1\r\nhost: api.openai.com\r\n" + many + b"\r\n")
        assert client.recv(65536).startswith(b"HTTP/1.1 ")
    assert ask(proxy).status_code == 200


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_fifty_parallel_http2_streams(
    start_proxy: Start, start_upstream: StartUpstream, tmp_path: Path
) -> None:
    """50 streams of one HTTP/2 client to an HTTP/1.1 provider run side by side, not five at a time."""
    upstream = start_upstream(lambda e: (time.sleep(1), e.json(chat_answer(str(e.number))))[1])
    proxy = start_proxy(upstream, "read-write")
    config = "".join(
        f'url = "{CHAT_URL}?n={n}"\noutput = "{tmp_path}/{n}"\ndata = "{{}}"\nheader = "content-type: application/json"\n'
        for n in range(50)
    )
    started = time.monotonic()
    subprocess.run(["curl", "-sS", "--http2", "--parallel", "--parallel-max", "50", "--parallel-immediate", "-x", proxy.url,
                    "--cacert", proxy.bundle, "-K", "-"], input=config, text=True, check=True, timeout=60)  # fmt: skip
    assert time.monotonic() - started < 7
    assert upstream.count == 50


@pytest.mark.parametrize("kind", ["trailers", "early-hints"])
def test_what_mitmproxy_cannot_do_stores_nothing(
    kind: str, start_proxy: Start, start_upstream: StartUpstream
) -> None:
    """HTTP/1.1 trailers and 103 Early Hints end in mitmproxy's core: no entry, and the next request is not held up."""
    events = b'{"object": "x"}'

    def script(exchange: Exchange) -> None:
        if exchange.number > 1:
            exchange.json(chat_answer("fine"))
        elif kind == "trailers":
            exchange.connection.sendall(
                b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\ntrailer: x-sum\r\n\r\n"
                + b"%x\r\n%s\r\n0\r\nx-sum: 1\r\n\r\n" % (len(events), events)
            )
        else:
            body = b'{"object": "x"}'
            exchange.connection.sendall(
                b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-type: "
                b"application/json\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)
            )

    upstream = start_upstream(script)
    proxy = start_proxy(upstream, "read-write")
    with tunnel(proxy) as client:
        client.settimeout(2)
        client.sendall(chat_request())
        try:
            while client.recv(65536):
                pass
        except OSError:
            pass
    assert wait_for(lambda: ask_chat(proxy) == "false", 20)
    assert upstream.count == 2


def ask_chat(proxy: Proxy) -> str:
    """The same streamed request as `chat_request`, through requests."""
    with session(proxy) as client:
        body = {"model": "gpt-4.1", "stream": True, "messages": [{"role": "user", "content": "hello"}]}
        return cached(client.post(CHAT_URL, json=body, timeout=20))


def test_a_port_that_refuses(start_proxy: Start) -> None:
    """A provider that refuses connections is our 502, at once."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    proxy = start_proxy(None, "read-write", hosts=f"localhost:{port}")
    started = time.monotonic()
    assert ask(proxy, url=f"https://localhost:{port}/v1/x").status_code == 502
    assert time.monotonic() - started < 5

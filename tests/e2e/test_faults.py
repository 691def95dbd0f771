"""A fault of the cache or of the provider: the request goes through where it may, and nothing broken is kept."""

from __future__ import annotations

import os
import random
import signal
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from addon.settings.modes import Mode
from cache_store.disk.disk_store import DiskStore
from cache_store.entry import Entry
from tests.e2e.cache_faults import readable_keys
from tests.e2e.clients import CHAT_URL, ask, cached, chat_request, session, tunnel
from tests.e2e.conftest import Proxy
from tests.e2e.upstream import Exchange, Upstream, chat_answer, chat_events

Start = Callable[..., Proxy]
StartUpstream = Callable[..., Upstream]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

CACHE = Path(".provider-proxy") / "cache"
PLAIN_URL = "https://api.openai.com/v1/embeddings"


def test_kill_at_random_moments(start_proxy: Start, start_upstream: StartUpstream, tmp_path: Path) -> None:
    """With 10,000 entries, after `kill -9` at random moments in each mode, each is whole, and so is every answer that a
    client saw complete; what was there is still there, and only what a mode may send is sent."""
    upstream = start_upstream(
        lambda e: e.json(chat_answer("y" * random.Random(e.number).choice([10, 5000, 1_200_000])))
    )
    complete: set[str] = set()
    rng = random.Random(4)
    store = DiskStore(tmp_path / CACHE)
    before = [Entry(f"pp1-{n:064x}", 200, "OK", (), b"x" * 500, 1.0, 0.1, "earlier") for n in range(10_000)]
    assert store.merge(before, []) == len(before)
    store.close()
    for round_number, mode in enumerate([*Mode, Mode.READ_WRITE, Mode.READ_WRITE]):
        proxy = start_proxy(upstream, str(mode))
        sent, kept = upstream.count, len(complete)
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
                            CHAT_URL, json={"model": "m", "n": f"{number}-{worker}-{n}"}, timeout=120
                        )
                        status = answer.headers["cache-status"]
                    except (OSError, KeyError):
                        return
                    if "; stored; " in status:
                        complete.add(status.partition('key="')[2].rstrip('"'))

        workers = [threading.Thread(target=hammer, args=(w,)) for w in range(4)]
        for worker in workers:
            worker.start()
        until = time.monotonic() + (20 if mode.stores else 1)
        while len(complete) == kept and time.monotonic() < until:
            time.sleep(0.05)
        assert (len(complete) > kept) == mode.stores
        time.sleep(rng.random())
        os.kill(proxy.process.pid, signal.SIGKILL)
        stop.set()
        for worker in workers:
            worker.join(20)
        assert (upstream.count > sent) == mode.forwards
    keys = readable_keys(tmp_path / CACHE)
    assert len(complete) > 10
    assert complete | {entry.key for entry in before} <= keys


def test_max_age(start_proxy: Start, upstream: Upstream, tmp_path: Path) -> None:
    """An entry as old as MAX_AGE is a miss; one from the future ages from when it was stored here."""
    ask(start_proxy(upstream, "read-write"))
    time.sleep(1.1)
    assert cached(ask(start_proxy(upstream, "read-only", max_age="1"))) == "false"
    assert cached(ask(start_proxy(upstream, "read-only", max_age="1000"))) == "true"
    store = DiskStore(tmp_path / CACHE)
    (entry,) = store.iterate()
    store.put(replace(entry, recorded_at=time.time() + 86_400))
    store.close()
    assert cached(ask(start_proxy(upstream, "read-only", max_age="1000"))) == "true"
    time.sleep(1.1)
    assert cached(ask(start_proxy(upstream, "read-only", max_age="1"))) == "false"


def raw_stream() -> bytes:
    """The bytes of a whole chunked answer."""
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    return head + b"".join(b"%x\r\n%s\r\n" % (len(e), e) for e in [*chat_events(["a", "b"]), b""])


def test_reset_at_every_byte_of_a_stream(
    start_proxy: Start, start_upstream: StartUpstream, tmp_path: Path
) -> None:
    """A provider that resets after N bytes, for every N: nothing but the whole is ever stored, and only where a mode
    stores. The other modes take turns at every fourth N."""
    whole = raw_stream()
    turns = [mode for mode in Mode if mode.forwards and mode is not Mode.READ_WRITE]
    pairs = [(cut, Mode.READ_WRITE) for cut in range(len(whole))]
    pairs += [(cut, turns[cut // 4 % len(turns)]) for cut in range(0, len(whole), 4)]
    cuts = iter([*pairs, *((len(whole), mode) for mode in (Mode.READ_WRITE, *turns))])
    asked: set[int] = set()

    def script(exchange: Exchange) -> None:
        cut = int(exchange.headers["x-cut"])
        asked.add(cut)
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
                cut, mode = next(cuts, (-1, None))
            if mode is None:
                return
            with tunnel(proxy) as client:
                client.settimeout(20)
                more = f"x-cut: {cut}\r\nx-provider-proxy-mode: {mode}\r\nconnection: close\r\nhost:"
                request = chat_request(f"{mode} {cut}").replace(b"host:", more.encode(), 1)
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
    kept = [text(entry).split() for entry in entries]
    assert {mode for mode, _ in kept} == {str(mode) for mode in Mode if mode.stores}
    assert all(int(cut) > least for _, cut in kept)


def test_a_long_silence_is_not_cut_but_a_set_limit_is(
    start_proxy: Start, start_upstream: StartUpstream, tmp_path: Path
) -> None:
    """The idle limit is far above ten minutes; set to two seconds, it cuts in each mode, and nothing is stored."""
    from addon.mitm.provider_cache import IDLE_SECONDS

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
        whole = client.post(CHAT_URL, json=body, headers={"x-silence": "3"}, timeout=120)
    assert whole.content == b"".join(chat_events(["a"]))
    proxy.stop()
    short = start_proxy(upstream, "read-write", ("--set", "tcp_timeout=2"))

    def is_cut(mode: Mode) -> bool:
        headers = {"x-silence": "12", "x-provider-proxy-mode": str(mode)}
        try:
            with session(short) as client:
                client.post(CHAT_URL, json=body | {"n": str(mode)}, headers=headers, timeout=120)
        except OSError as error:
            return "ended prematurely" in str(error) or "broken" in str(error)
        return False

    with ThreadPoolExecutor(len(Mode)) as pool:
        assert dict(zip(Mode, pool.map(is_cut, Mode), strict=True)) == {mode: mode.forwards for mode in Mode}
    short.stop()
    assert len(readable_keys(tmp_path / CACHE)) == 1


def read_slowly(proxy: Proxy, mode: str, question: str, seconds: int) -> bytes:
    """The body that a client gets which reads a byte a second, for so many seconds, and then the rest."""
    request = chat_request(question).replace(
        b"host:", b"x-provider-proxy-mode: %s\r\nhost:" % mode.encode(), 1
    )
    with tunnel(proxy, receive_buffer=4096) as client:
        client.sendall(request.replace(b"host:", b"connection: close\r\nhost:", 1))
        received = b""
        for _ in range(seconds):
            received += client.recv(1)
            time.sleep(1)
        assert len(received) == seconds
        client.settimeout(60)
        while part := client.recv(65536):
            received += part
    head, _, body = received.partition(b"\r\n\r\n")
    return dechunked(body) if b"transfer-encoding: chunked" in head.lower() else body


def dechunked(body: bytes) -> bytes:
    """The content of a whole chunked body."""
    content = b""
    while body != b"0\r\n\r\n":
        size, _, rest = body.partition(b"\r\n")
        content += rest[: int(size, 16)]
        body = rest[int(size, 16) + 2 :]
    return content


def test_clients_that_read_a_byte_a_second(
    start_proxy: Start, start_upstream: StartUpstream, tmp_path: Path
) -> None:
    """In each mode, hits and streams being recorded alike: they get all, they hold up nobody, what they had is kept."""
    whole = chat_events([f"{n} " + "z" * 1000 for n in range(1500)])
    asked: list[str] = []

    def script(exchange: Exchange) -> None:
        asked.append(exchange.body.decode())
        exchange.stream(whole)

    upstream = start_upstream(script)
    recorder = start_proxy(upstream, "read-write")
    with tunnel(recorder) as client:
        client.sendall(chat_request("known").replace(b"host:", b"connection: close\r\nhost:", 1))
        while client.recv(65536):
            pass
    recorder.stop()
    proxy = start_proxy(upstream, "read-write", coalesce="off")
    slow = [(mode, question) for mode in Mode for question in ("known", f"new {mode}")]
    slow.remove((Mode.REQUIRE_HIT, f"new {Mode.REQUIRE_HIT}"))
    slow.remove((Mode.WRITE_ONLY, "known"))  # it would refresh what others are reading
    with ThreadPoolExecutor(len(slow)) as pool:
        bodies = [pool.submit(read_slowly, proxy, mode, question, 22) for mode, question in slow]
        others = []
        for number in range(10):
            time.sleep(0.5)
            started = time.monotonic()
            assert ask(proxy, f"quick {number}", url=PLAIN_URL).status_code == 200
            others.append(time.monotonic() - started)
        assert sum(not body.done() for body in bodies) == len(slow)
        assert sorted(others)[5] < 2
        assert all(body.result() == b"".join(whole) for body in bodies)
    proxy.stop()
    assert sum('"known"' in body for body in asked) == 2  # the recorder's, and that of mode off
    store = DiskStore(tmp_path / CACHE)
    streams = {text(entry): entry.body for entry in store.iterate() if "quick" not in text(entry)}
    store.close()
    assert streams == dict.fromkeys(
        {"known", *(f"new {mode}" for mode in Mode if mode.stores)}, b"".join(whole)
    )


def text(entry: Entry) -> str:
    """What an entry's request asked."""
    return str(entry.request["body"]["value"]["messages"][0]["content"])


def peak(proxy: Proxy) -> int:
    """The highest resident memory of a proxy so far, in KiB."""
    return memory(proxy.process.pid, "VmHWM")


def memory(pid: int, what: str = "VmRSS") -> int:
    """The resident memory of a process, in KiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith(what)))


def test_a_port_that_refuses(start_proxy: Start) -> None:
    """A provider that refuses connections is our 502, at once."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    proxy = start_proxy(None, "read-write", hosts=f"localhost:{port}")
    started = time.monotonic()
    assert ask(proxy, url=f"https://localhost:{port}/v1/x").status_code == 502
    assert time.monotonic() - started < 60

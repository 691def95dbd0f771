"""`python tests/bench/proxy.py [--short]`: hits, streamed misses and start-up against stock mitmdump, in one run.

Every figure is a median over interleaved rounds, every claim a ratio against a baseline of the same run.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.bench.load import answer_length, connect, hits_per_second
from tests.e2e import upstream as upstreams
from tests.e2e.upstream import Exchange, chat_events

ROOT = Path(__file__).resolve().parents[2]
HOST = "localhost"
BODY = b'{"model": "gpt-4.1", "messages": [{"role": "user", "content": "%s"}]}' % (b"hello " * 180)
STREAM_BODY = b'{"model": "gpt-4.1", "stream": true, "messages": []}'


def post(body: bytes) -> bytes:
    """A chat request as an SDK sends it."""
    head = (
        "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\naccept: application/json\r\n"
        "content-type: application/json\r\nauthorization: Bearer sk-test-0123456789\r\nuser-agent: OpenAI/Python\r\n"
        f"x-stainless-lang: python\r\nx-stainless-async: false\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def provider(exchange: Exchange) -> None:
    """2 KB of JSON, or a stream of one event and a long pause."""
    if b'"stream": true' in exchange.body:
        exchange.stream(chat_events(["a"]), 0.05)
    else:
        exchange.answer(b'{"x": "' + b"y" * 2039 + b'"}')


@dataclass
class Running:
    """A proxy under test: its port, the root that clients trust, and the seconds from start to ready."""

    port: int
    cafile: str
    started: float
    upstream_port: int


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(
    command: list[str], environ: dict[str, str], folder: Path, port: int, cafile: str, upstream_port: int
) -> Iterator[Running]:
    """The process, once it accepts connections."""
    started = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=folder, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            if process.poll() is not None or time.perf_counter() - started > 60:
                raise RuntimeError(f"{command[:6]} did not start")
            time.sleep(0.002)
        yield Running(port, cafile, time.perf_counter() - started, upstream_port)
    finally:
        process.terminate()
        process.wait(20)


class Bench:
    """Starts each subject in a folder of its own."""

    def __init__(self, folder: Path, ca: Path, upstream_port: int) -> None:
        kept = {
            n: v
            for n, v in os.environ.items()
            if "PROXY" not in n.upper() and "CERT" not in n and "BUNDLE" not in n
        }
        self.upstream_port = upstream_port
        self.environ = kept | {"PROVIDER_PROXY_HOSTS": f"{HOST}:{upstream_port}", "SSL_CERT_FILE": str(ca),
                               "XDG_DATA_HOME": str(folder / "data"), "PROVIDER_PROXY_CACHE_MODE": "read-write"}  # fmt: skip
        self.folder, self.ca = folder, ca

    def ours(self, name: str = "ours", **settings: str) -> AbstractContextManager[Running]:
        """`provider-proxy serve`."""
        port = free_port()
        folder = self._folder(name)
        command = [
            str(Path(sys.executable).with_name("provider-proxy")),
            "serve",
            "--listen",
            f"127.0.0.1:{port}",
        ]
        cafile = self.folder / "data" / "provider-proxy" / "mitmproxy-ca-cert.pem"
        return running(command, self.environ | settings, folder, port, str(cafile), self.upstream_port)

    def stock(
        self, name: str, *scripts: Path, quiet: bool = True, **environ: str
    ) -> AbstractContextManager[Running]:
        """Stock `mitmdump -q` with scripts."""
        port = free_port()
        folder = self._folder(name)
        command = [str(Path(sys.executable).with_name("mitmdump")), *(["-q"] if quiet else []), "--listen-host", "127.0.0.1",
                   "-p", str(port), "--set", f"confdir={folder / 'conf'}",
                   "--set", f"ssl_verify_upstream_trusted_ca={self.ca}"]  # fmt: skip
        for script in scripts:
            command += ["-s", str(script)]
        cafile = str(folder / "conf" / "mitmproxy-ca-cert.pem")
        return running(command, self.environ | environ, folder, port, cafile, self.upstream_port)

    def _folder(self, name: str) -> Path:
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        return folder


STOCK = Path(__file__).with_name("stock_addons.py")
ADDON = ROOT / "addon" / "script.py"


def measure_hits(bench: Bench, rounds: int, seconds: float, connections: int = 16) -> dict[str, list[float]]:
    """Hits per second of each subject, rounds interleaved; and p50, p99 in ms."""
    subjects: dict[str, Callable[[], AbstractContextManager[Running]]] = {
        "stock mitmdump, constant": lambda: bench.stock("constant", STOCK),
        "provider-proxy serve": lambda: bench.ours(),
        "our addon in stock mitmdump": lambda: bench.stock("addon", ADDON),
    }
    found: dict[str, list[float]] = {
        f"{what} {name}": [] for name in subjects for what in ("rate", "p50", "p99")
    }
    with ExitStack() as stack:
        proxies = {name: stack.enter_context(start()) for name, start in subjects.items()}
        for proxy in proxies.values():  # record, and warm up
            with connect(proxy.port, proxy.cafile, HOST, proxy.upstream_port) as client:
                for _ in range(50):
                    answer_length(client, post(BODY))
        for _ in range(rounds):
            for name, proxy in proxies.items():
                load = hits_per_second(
                    proxy.port,
                    proxy.cafile,
                    post(BODY),
                    connections=connections,
                    seconds=seconds,
                    host=HOST,
                    target=proxy.upstream_port,
                )
                found[f"rate {name}"].append(load.rate)
                found[f"p50 {name}"].append(load.percentile(0.5) * 1000)
                found[f"p99 {name}"].append(load.percentile(0.99) * 1000)
    return found


def first_byte(proxy: Running, number: int) -> float:
    """Seconds from a request to the first byte of its streamed answer's body, on a connection that is up."""
    with connect(proxy.port, proxy.cafile, HOST, proxy.upstream_port) as client:
        warm = post(b'{"warm": %d}' % number)
        answer_length(client, warm)
        request = post(STREAM_BODY.replace(b"[]", b'["%d"]' % number))
        started = time.perf_counter()
        client.sendall(request)
        received = b""
        while b"data: " not in received:
            received += client.recv(65536)
        return time.perf_counter() - started


def measure_first_byte(bench: Bench, rounds: int) -> dict[str, list[float]]:
    """Milliseconds to the first streamed byte of a miss."""
    found: dict[str, list[float]] = {"provider-proxy serve": [], "stock mitmdump, tee": []}
    with ExitStack() as stack:
        ours = stack.enter_context(bench.ours("ours-stream"))
        stock = stack.enter_context(bench.stock("tee", STOCK, BENCH_ADDON="tee"))
        for number in range(rounds * 12):
            for name, proxy in (("provider-proxy serve", ours), ("stock mitmdump, tee", stock)):
                seconds = first_byte(proxy, number)
                if number >= 10:  # the first ones make certificates
                    found[name].append(seconds * 1000)
    return found


def measure_start(bench: Bench, rounds: int) -> dict[str, list[float]]:
    """Milliseconds from start to accepting connections."""
    found: dict[str, list[float]] = {"provider-proxy serve": [], "stock mitmdump": []}
    for _ in range(rounds + 1):
        with bench.ours("ours-start") as proxy:
            found["provider-proxy serve"].append(proxy.started * 1000)
        with bench.stock("stock-start") as proxy:
            found["stock mitmdump"].append(proxy.started * 1000)
    return {name: values[1:] for name, values in found.items()}


def row(what: str, ours: list[float], base: list[float], unit: str, target: str) -> dict[str, object]:
    """One line of the table: medians and the median of ratios, round by round."""
    ratio = statistics.median(a / b for a, b in zip(ours, base, strict=True))
    return {"what": what, "ours": statistics.median(ours), "baseline": statistics.median(base), "unit": unit,
            "ratio": ratio, "target": target, "spread": [min(ours), max(ours)]}  # fmt: skip


def main() -> None:
    """Measure, print a table, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="three short rounds instead of seven")
    parser.add_argument("--json", type=Path, help="write the rows to this file")
    arguments = parser.parse_args()
    rounds, seconds = (3, 1.5) if arguments.short else (7, 3.0)
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        certificate, ca = upstreams.make_ca(folder)
        with upstreams.running(certificate, provider) as upstream:
            bench = Bench(folder, ca, upstream.port)
            hits = measure_hits(bench, rounds, seconds)
            stream = measure_first_byte(bench, rounds)
            start = measure_start(bench, rounds)
    constant = "stock mitmdump, constant"
    rows = [
        row("hits/s, 2 KB, 16 connections", hits["rate provider-proxy serve"], hits[f"rate {constant}"], "/s", ">= 2"),
        row("the same, addon in stock mitmdump", hits["rate our addon in stock mitmdump"], hits[f"rate {constant}"], "/s",
            ">= 0.8"),
        row("p99 of a hit against stock's p50", hits["p99 provider-proxy serve"], hits[f"p50 {constant}"], "ms", "< 1"),
        row("first streamed byte of a miss", stream["provider-proxy serve"], stream["stock mitmdump, tee"], "ms", "<= 1.1"),
        row("start to ready", start["provider-proxy serve"], start["stock mitmdump"], "ms", "<= 1.3"),
    ]  # fmt: skip
    machine = f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}, mitmproxy {version('mitmproxy')}"
    print(f"{machine}; medians of {rounds} interleaved rounds\n")
    print("| what | provider-proxy | stock mitmdump | ratio | target |\n| --- | --- | --- | --- | --- |")
    for r in rows:
        print(
            f"| {r['what']} | {r['ours']:.1f} {r['unit']} | {r['baseline']:.1f} {r['unit']} | {r['ratio']:.2f} | {r['target']} |"
        )
    if arguments.json:
        arguments.json.write_text(json.dumps({"machine": machine, "rows": rows}, indent=1))


if __name__ == "__main__":
    main()

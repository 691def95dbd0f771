"""Many proxies, as many runners, on one Redis: no wrong answer, each recorded once, and a Redis that dies."""

from __future__ import annotations

import http.client
import json
import shutil
import statistics
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

from tests.bench.processes import Absent, free_port, started
from tests.bench.proxies import Stand
from tests.bench.work import PATH

__all__ = ["measure"]

LATE = 0.5  # seconds: what a dead Redis may cost a proxy, once
OUTAGE = 20  # requests of each proxy after Redis has died


def measure(stand: Stand, proxies: int, requests: int) -> dict[str, Any]:
    """Half of the requests are new; the others were recorded by another proxy before.

    `wrong` answers; `recorded` by the provider and how many `more` than once; `rate` of requests; median `hit` and
    `miss` in ms. Then Redis is killed: `late` proxies had a request over half a second, `worst` in seconds, and
    `most_late` of one proxy.
    """
    command = shutil.which("redis-server") or shutil.which("valkey-server")
    if command is None:
        raise Absent("redis-server is not installed")
    port = free_port()
    redis = [command, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    with ExitStack() as stack:
        server = stack.enter_context(started(redis, stand.environ, stand.folder / "redis", port))
        url = f"redis://127.0.0.1:{port}/0"
        ports = [
            stack.enter_context(stand.ours(f"fleet-{number}", PROVIDER_PROXY_REDIS_URL=url))
            .doors["plain"]
            .port
            for number in range(proxies)
        ]
        fleet = _Fleet(stand, ports, blocks=10, size=requests // 2 // proxies // 10)
        before, began = stand.provider.count, time.perf_counter()
        seen = fleet.run()
        rate = len(seen) / (time.perf_counter() - began)
        recorded = stand.provider.count - before
        subprocess.run(["kill", "-KILL", str(server.pid)], check=True)
        after = fleet.run_without_redis()
    late = [sum(seconds > LATE for seconds in times) for times in after]
    new = len(seen) // 2
    return {
        "proxies": proxies, "requests": len(seen), "wrong": fleet.wrong, "recorded": recorded, "more": recorded - new,
        "rate": rate,
        "hit": statistics.median(seconds for seconds, is_new in seen if not is_new) * 1000,
        "miss": statistics.median(seconds for seconds, is_new in seen if is_new) * 1000,
        "late": sum(bool(number) for number in late), "most_late": max(late),
        "worst": max(max(times) for times in after),
    }  # fmt: skip


class _Fleet:
    """A thread for each proxy asks blocks of new questions, each followed by the block of another proxy."""

    def __init__(self, stand: Stand, ports: list[int], blocks: int, size: int) -> None:
        self._path = f"/https/{stand.authority}{PATH}"
        self._ports = ports
        self._blocks, self._size = blocks, max(1, size)
        self._together = threading.Barrier(len(ports))
        self.wrong = 0

    def run(self) -> list[tuple[float, bool]]:
        """Seconds of each request, and whether it was new."""
        with ThreadPoolExecutor(len(self._ports)) as threads:
            return [one for some in threads.map(self._asks, range(len(self._ports))) for one in some]

    def run_without_redis(self) -> list[list[float]]:
        """Seconds of each proxy's requests."""
        with ThreadPoolExecutor(len(self._ports)) as threads:
            return list(threads.map(self._asks_new, range(len(self._ports))))

    def _asks(self, which: int) -> list[tuple[float, bool]]:
        seen = []
        connection = self._connection(which)
        for block in range(self._blocks):
            for whose, is_new in ((which, True), ((which + 1 + block) % len(self._ports), False)):
                names = [f"{whose} {block} {number}" for number in range(self._size)]
                seen += [(self._ask(connection, name), is_new) for name in names]
                self._together.wait(600)
        connection.close()
        return seen

    def _asks_new(self, which: int) -> list[float]:
        connection = self._connection(which)
        times = [self._ask(connection, f"{which} without {number}") for number in range(OUTAGE)]
        connection.close()
        return times

    def _connection(self, which: int) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self._ports[which], timeout=120)

    def _ask(self, connection: http.client.HTTPConnection, words: str) -> float:
        talk = [{"role": "user", "content": f"echo {words}!"}]
        content = json.dumps({"model": "gpt-4.1", "messages": talk})
        began = time.perf_counter()
        connection.request("POST", self._path, content, {"content-type": "application/json"})
        answer = connection.getresponse()
        body = answer.read()
        seconds = time.perf_counter() - began
        if answer.status != 200 or f'"echo {words}!"'.encode() not in body:
            self.wrong += 1
        return seconds

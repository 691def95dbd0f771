"""The store at 0, 10,000 and 100,000 entries: get, put, memory; and a proxy that starts with them.

`python -m tests.bench.storage FOLDER COUNT` fills a cache, then measures it in a process of its own.
"""

from __future__ import annotations

import json
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from addon.identity import Identity, IdentityRules, identify
from addon.messages import WireRequest
from cache_store.disk.disk_store import DiskStore
from cache_store.entry import Entry
from tests.bench.processes import Process
from tests.bench.proxies import ROOT, Stand
from tests.bench.work import PATH, answer, body

__all__ = ["entry", "measure", "question"]

SAMPLES = 2000
RULES = IdentityRules()
HEADERS = ((b"content-type", b"application/json"),)


def measure(stand: Stand, counts: list[int], rounds: int, say: Callable[[str], None]) -> list[dict[str, Any]]:
    """For each count: get and put in µs, the process's memory in bytes; a proxy's start in ms and its memory."""
    found = []
    for count in counts:
        say(f"store, {count} entries")
        folder = stand.folder / f"store-{count}"
        command = [
            sys.executable,
            "-m",
            "tests.bench.storage",
            str(folder / ".provider-proxy/cache"),
            str(count),
        ]
        said = subprocess.run(
            command, cwd=ROOT, env=stand.environ, check=True, capture_output=True, text=True
        )
        found.append({"entries": count, **json.loads(said.stdout), "start": [], "resident": []})
    for _ in range(rounds):
        for row in found:
            with stand.ours(f"store-{row['entries']}") as peer:
                time.sleep(0.3)  # it tidies up after it has begun to listen
                row["start"].append(peer.process.ready * 1000)
                row["resident"].append(peer.process.memory())
    return found


def question(number: int, change: str = "") -> bytes:
    """The body of a chat request like the bench's others, which ends in `change`."""
    return body(2048, f"question {number} " + "hello " * 30 + change)


def numbered(number: int) -> Identity:
    """Of such a request."""
    request = WireRequest("POST", "https", "api.openai.com", 443, PATH, HEADERS, question(number))
    return identify(request, RULES)


def entry(number: int) -> Entry:
    """An answer of 2 KB to it."""
    identity = numbered(number)
    return Entry(identity.key, 200, "OK", HEADERS, answer(2048), 1e9 + number, 0.5, "run", identity.label, "chat",
                 identity.request_json)  # fmt: skip


def _timed(calls: list[Callable[[], object]]) -> float:
    """The median of their times in µs."""
    times = []
    for call in calls:
        began = time.perf_counter()
        call()
        times.append(time.perf_counter() - began)
    return statistics.median(times) * 1e6


def _child(folder: Path, count: int) -> None:
    """Fill, measure, print JSON; what was put in the measure is removed."""
    folder.mkdir(parents=True)
    with closing(DiskStore(folder)) as store:
        store.open()
        for start in range(0, count, 500):
            store.put_newer([entry(number) for number in range(start, min(count, start + 500))])
    with closing(DiskStore(folder)) as store:
        store.open()
        # A different entry each time: what is read again is kept decoded.
        wanted = random.Random(1).sample(range(count), min(count, SAMPLES))
        keys = [numbered(number).key for number in wanted or range(-SAMPLES, 0)]
        get = _timed([lambda key=key: store.get(key) for key in keys])  # type: ignore[misc]
        fresh = [entry(count + number) for number in range(SAMPLES // 10)]
        put = _timed([lambda new=new: store.put(new) for new in fresh])  # type: ignore[misc]
        memory = Process(os.getpid(), 0.0).memory()
        for new in fresh:
            store.remove(new.key)
    print(json.dumps({"get": get, "put": put, "memory": memory}))


if __name__ == "__main__":
    _child(Path(sys.argv[1]), int(sys.argv[2]))

"""What one call costs a program that uses `requests`: replayed by vcrpy in its process, or by ours beside it.

`python -m tests.bench.calls URL CALLS [CASSETTE]` calls in a process of its own, for vcrpy patches what it finds.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import requests

from tests.bench import names
from tests.bench.proxies import ROOT, Stand
from tests.bench.work import PATH, SIZES, body

__all__ = ["measure"]


def measure(stand: Stand, rounds: int, calls: int) -> list[dict[str, Any]]:
    """Milliseconds of one call, the median of `calls` a round, and processor milliseconds, by size and peer."""
    url = f"https://{stand.authority}{PATH}"
    rows: list[dict[str, Any]] = [
        {"size": size, "peer": name, "call": [], "cpu": []}
        for size in SIZES
        for name in (names.VCR, names.OURS)
    ]
    with stand.ours("ours-calls") as peer:
        proxy = {"HTTPS_PROXY": f"http://127.0.0.1:{peer.doors['CONNECT'].port}"}
        for turn in range(rounds + 1):
            for row in rows:
                size = str(SIZES[row["size"]])
                count = str(calls // 10 if row["size"] == "1 MB" else calls)
                before = stand.provider.count
                if row["peer"] == names.VCR:
                    cassette = str(stand.folder / f"cassette-{size}.yaml")
                    seen = _child(
                        stand, {"REQUESTS_CA_BUNDLE": str(stand.provider.ca)}, url, size, count, cassette
                    )
                else:
                    trust = {"REQUESTS_CA_BUNDLE": str(stand.our_ca)}
                    used = peer.process.cpu()
                    seen = _child(stand, trust | proxy, url, size, count)
                    seen["cpu"] += (peer.process.cpu() - used) / int(count) * 1000
                if not turn:
                    continue  # the first turn records
                if stand.provider.count != before:
                    raise ConnectionError(f"{row['peer']} asked the provider again")
                row["call"].append(seen["call"])
                row["cpu"].append(seen["cpu"])
    return rows


def _child(stand: Stand, more: dict[str, str], *arguments: str) -> dict[str, float]:
    command = [sys.executable, "-m", "tests.bench.calls", *arguments]
    said = subprocess.run(
        command, cwd=ROOT, env=stand.environ | more, check=True, capture_output=True, text=True
    )
    found: dict[str, float] = json.loads(said.stdout)
    return found


def _call(url: str, size: int, calls: int, cassette: str = "") -> None:
    """Call, and print the median's and the mean processor time's milliseconds."""
    content, times = body(size), []
    headers = {"content-type": "application/json", "authorization": "Bearer sk-test-0123456789"}
    playing: Any = nullcontext()
    if cassette:
        import vcr  # type: ignore[import-untyped]

        mode = "none" if Path(cassette).exists() else "once"
        playing = vcr.use_cassette(
            cassette, record_mode=mode, allow_playback_repeats=True, filter_headers=["authorization"],
            match_on=("method", "scheme", "host", "port", "path", "query", "body"),
        )  # fmt: skip
    with playing, requests.Session() as session:
        session.post(url, data=content, headers=headers, timeout=60).raise_for_status()
        cpu = time.process_time()
        for _ in range(calls):
            began = time.perf_counter()
            answer = session.post(url, data=content, headers=headers, timeout=60)
            times.append(time.perf_counter() - began)
            assert len(answer.content) == size
        cpu = time.process_time() - cpu
    print(json.dumps({"call": sorted(times)[len(times) // 2] * 1000, "cpu": cpu / calls * 1000}))


if __name__ == "__main__":
    _call(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), *sys.argv[4:])

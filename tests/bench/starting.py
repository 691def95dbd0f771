"""Start to ready, `run -- true` from start to end, and a recording of 64 MB."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from tests.bench import names
from tests.bench.client import connected, read_answer
from tests.bench.load import Door
from tests.bench.proxies import OURS, Running, Stand
from tests.bench.work import SIZES, body, post

__all__ = ["measure", "measure_recording"]

LARGEST = 64 * 1024 * 1024  # PROVIDER_PROXY_MAX_BODY's default
BEYOND = LARGEST + 16 * 1024 * 1024


def measure(stand: Stand, rounds: int, repeats: int) -> dict[str, list[float]]:
    """Milliseconds by what was started, the median of `repeats` a round."""
    found: dict[str, list[float]] = {names.OURS: [], names.STOCK: [], "run -- true": []}
    for turn in range(rounds + 1):
        seen: dict[str, list[float]] = {name: [] for name in found}
        for _ in range(repeats):
            with stand.ours("ours-start") as peer:
                seen[names.OURS].append(peer.process.ready)
            with stand.stock("stock-start") as peer:
                seen[names.STOCK].append(peer.process.ready)
            seen["run -- true"].append(_run_true(stand))
        for name, times in seen.items() if turn else ():  # the first turn makes CAs and reads the disk
            found[name].append(sorted(times)[len(times) // 2] * 1000)
    return found


def _run_true(stand: Stand) -> float:
    began = time.perf_counter()
    subprocess.run([OURS, "run", "--", "true"], env=stand.environ, cwd=stand.folder / "ours-start",
                   check=True, capture_output=True)  # fmt: skip
    return time.perf_counter() - began


def measure_recording(stand: Stand, rounds: int) -> dict[str, Any]:
    """Seconds of an answer of 64 MB that is new to the peer, and its peak memory above idle as a share of that.

    Each by a new process: an allocator keeps memory, and a second answer would find it.
    """
    subjects: dict[str, tuple[Callable[[], AbstractContextManager[Running]], int]] = {
        names.OURS: (lambda: stand.ours("ours-large"), LARGEST),
        names.TEE: (stand.tee, LARGEST),
        "beyond": (lambda: stand.ours("ours-large"), BEYOND),
    }
    found: dict[str, Any] = {name: {"seconds": [], "memory": []} for name in (names.DIRECT, *subjects)}
    direct = Door(stand.provider.tls.port, cafile=str(stand.provider.ca))
    _seconds(direct, LARGEST, "made")
    _seconds(direct, BEYOND, "made")
    for number in range(rounds):
        found[names.DIRECT]["seconds"].append(_seconds(direct, LARGEST, ""))
        for name, (start, size) in subjects.items():
            with start() as peer:
                seconds, memory = _recorded(peer, size, f"large {name} {number}")
            found[name]["seconds"].append(seconds)
            found[name]["memory"].append(memory)
    with stand.ours("ours-large") as peer:
        before = stand.provider.count
        _seconds(peer.doors["CONNECT"], LARGEST, f"large {names.OURS} 0")
        found["kept"] = stand.provider.count == before
    return {"bytes": LARGEST, "beyond_bytes": BEYOND, **found}


def _recorded(peer: Running, size: int, words: str) -> tuple[float, float]:
    _seconds(peer.doors["CONNECT"], SIZES["2 KB"], f"small {words}")
    time.sleep(0.2)
    idle = peer.process.memory()
    peer.process.forget_peak()
    seconds = _seconds(peer.doors["CONNECT"], size, words)
    return seconds, (peer.process.peak() - idle) / size


def _seconds(door: Door, size: int, words: str) -> float:
    with connected(door) as sock:
        began = time.perf_counter()
        read_answer(sock, post(body(size, words), door.path))
        return time.perf_counter() - began

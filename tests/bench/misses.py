"""Processor time of a recorded miss, against stock mitmdump that forwards, or tees a stream."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

from tests.bench import names
from tests.bench.client import connected, read_answer, read_stream
from tests.bench.proxies import Running, Stand
from tests.bench.work import SIZES, WORDS, body, post, streamed

__all__ = ["measure"]

EVENTS, PAUSE = 50, 0.001
PLAIN, STREAMED = "2 KB", f"{EVENTS} events"


def measure(stand: Stand, rounds: int, count: int) -> dict[str, Any]:
    """Processor milliseconds of a miss by answer and peer: the mean of `count` plain and `count` / 5 streamed ones."""
    with ExitStack() as stack:
        ours = stack.enter_context(stand.ours("ours-miss"))
        subjects = {
            (PLAIN, names.OURS): ours,
            (PLAIN, names.STOCK): stack.enter_context(stand.stock("stock-miss")),
            (STREAMED, names.OURS): ours,
            (STREAMED, names.TEE): stack.enter_context(stand.tee()),
        }
        found: dict[str, dict[str, list[float]]] = {PLAIN: {}, STREAMED: {}}
        for turn in range(rounds + 1):
            for (kind, name), peer in subjects.items():
                repeats = count if kind == PLAIN else count // 5
                used = _used(stand, peer, kind, repeats, f"{turn} {name}")
                if turn:  # the first turn makes certificates
                    found[kind].setdefault(name, []).append(used / repeats * 1000)
    return found


def _used(stand: Stand, peer: Running, kind: str, repeats: int, which: str) -> float:
    """Processor seconds of so many misses on one connection."""
    door, asked = peer.doors["CONNECT"], stand.provider.count
    with connected(door) as sock:
        before = peer.process.cpu()
        for number in range(repeats):
            if kind == PLAIN:
                content = body(SIZES["2 KB"], f"{which} {number} {WORDS}")
                read_answer(sock, post(content, door.path))
            else:
                content = streamed(EVENTS, PAUSE, number).replace(b"stream ", f"stream {which} ".encode())
                read_stream(sock, post(content, door.path))
        used = peer.process.cpu() - before
    if stand.provider.count - asked != repeats:
        raise ConnectionError(f"{stand.provider.count - asked} of {repeats} requests were misses")
    return used

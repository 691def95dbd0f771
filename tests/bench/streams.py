"""A streamed miss: the time to its first byte, and what each event waits on its way."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

from tests.bench import names
from tests.bench.client import connected, read_answer, read_stream
from tests.bench.load import Door, percentile
from tests.bench.proxies import Stand
from tests.bench.work import body, post, streamed

__all__ = ["measure"]

EVENTS, PAUSE = 50, 0.005


def measure(stand: Stand, rounds: int, firsts: int, wholes: int) -> dict[str, Any]:
    """Milliseconds by peer, a median a round: `first` of `firsts` short streams, `event` of `wholes` long ones."""
    with ExitStack() as stack:
        doors = {
            names.DIRECT: Door(stand.provider.tls.port, cafile=str(stand.provider.ca)),
            names.OURS: stack.enter_context(stand.ours("ours-stream")).doors["CONNECT"],
            names.TEE: stack.enter_context(stand.tee()).doors["CONNECT"],
        }
        found: dict[str, Any] = {name: {"first": [], "event": [], "event_p99": []} for name in doors}
        number = 0
        for turn in range(rounds + 1):
            times: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in doors}
            for which in range(firsts + wholes):
                for name, door in doors.items():
                    number += 1
                    first, delays = _stream(door, number, events=1 if which < firsts else EVENTS)
                    times[name][which >= firsts].extend([first] if which < firsts else delays)
            for name, (seconds, delays) in times.items() if turn else ():  # the first turn makes certificates
                found[name]["first"].append(percentile(seconds, 0.5) * 1000)
                found[name]["event"].append(percentile(delays, 0.5) * 1000)
                found[name]["event_p99"].append(percentile(delays, 0.99) * 1000)
    return {"events": EVENTS, "pause_ms": PAUSE * 1000, "peers": found}


def _stream(door: Door, number: int, events: int) -> tuple[float, list[float]]:
    """On a connection that has been used, so that no handshake is in it."""
    with connected(door) as sock:
        read_answer(sock, post(body(2048, f"warm {number}"), door.path))
        seen = read_stream(sock, post(streamed(events, PAUSE if events > 1 else 0.0, number), door.path))
    if len(seen.delays) != events:
        raise ConnectionError(f"{len(seen.delays)} events came of {events}")
    return seen.first, seen.delays

"""Medians, ratios, and what must be reached. Pure: numbers in, numbers out.

A series is a list with one value a round; two series are compared round by round, for machines and minutes differ.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.bench import names

__all__ = ["Goal", "Spread", "cell", "goals", "ratios", "spread", "standing"]

type Series = Sequence[float]
type Result = Mapping[str, Any]


@dataclass(frozen=True)
class Spread:
    """A median, and the least and the most."""

    median: float
    low: float
    high: float


@dataclass(frozen=True)
class Goal:
    """A line of "must reach": `bound` is a least ratio, or with `at_most` the most. `measured` is None where a
    peer is absent.
    """

    what: str
    against: str
    bound: float
    at_most: bool
    measured: Spread | None

    @property
    def reached(self) -> bool | None:
        """Whether the median of the ratios is within the bound; None where nothing was measured."""
        if self.measured is None:
            return None
        return self.measured.median <= self.bound if self.at_most else self.measured.median >= self.bound


def spread(series: Series) -> Spread:
    """Of at least one value."""
    return Spread(statistics.median(series), min(series), max(series))


def ratios(ours: Series, base: Series) -> list[float]:
    """Round by round."""
    return [a / b for a, b in zip(ours, base, strict=True)]


def cell(result: Result, peer: str, door: str, size: str = "2 KB", connections: int = 16) -> Result | None:
    """What was measured of `peer`; None where that cell was left out, or the peer is absent."""
    wanted = {"peer": peer, "door": door, "size": size, "connections": connections}
    for found in result["hits"]["cells"]:
        if wanted.items() <= found.items() and "left_out" not in found:
            return found  # type: ignore[no-any-return]  # read from JSON
    return None


def standing(result: Result, door: str) -> dict[str, float]:
    """Hits per second of every peer with that door, 2 KB at 16 connections, relative to stock's constant answer."""
    base = cell(result, names.CONSTANT, door)
    if base is None:
        return {}
    peers = (names.OURS_2, names.OURS, names.INSIDE, names.CONSTANT, names.REPLAY, names.LITELLM, names.NGINX)
    found = {peer: cell(result, peer, door) for peer in peers}
    return {
        peer: spread(ratios(seen["rate"], base["rate"])).median
        for peer, seen in found.items()
        if seen is not None
    }


def goals(result: Result) -> list[Goal]:
    """Every line of "must reach", in its order."""

    def rates(peer: str, against: str, door: str = "CONNECT") -> Spread | None:
        return _compared(lambda: (cell(result, peer, door)["rate"], cell(result, against, door)["rate"]))  # type: ignore[index]

    def series(*path: str) -> Any:
        found: Any = result
        for name in path:
            found = found[name]
        return found

    small = "hits/s, 2 KB, 16 connections"
    tail = _compared(
        lambda: (cell(result, names.OURS, "CONNECT")["p99"], cell(result, names.CONSTANT, "CONNECT")["p50"])  # type: ignore[index]
    )
    first = _compared(
        lambda: tuple(series("streams", "peers", name, "first") for name in (names.OURS, names.TEE))
    )
    start = _compared(lambda: (series("start", names.OURS), series("start", names.STOCK)))
    suite = _compared(lambda: (series("suite", "proxy_cpu"), series("suite", "cpu")))
    rows = result.get("store") or [{"entries": 100_000}]
    memory = _compared(lambda: (rows[-1]["resident"], rows[0]["resident"])) if len(rows) > 1 else None
    return [
        Goal(f"{small}, 1 worker", names.CONSTANT, 3.5, False, rates(names.OURS, names.CONSTANT)),
        Goal(f"{small}, 2 workers", names.CONSTANT, 6.0, False, rates(names.OURS_2, names.CONSTANT)),
        Goal(small, names.REPLAY, 2.5, False, rates(names.OURS, names.REPLAY)),
        Goal(f"{small}, plain door", names.LITELLM, 15, False, rates(names.OURS, names.LITELLM, "plain")),
        Goal("p99 of a hit, 2 KB, 16 connections", f"p50 of {names.CONSTANT}", 1.0, True, tail),
        Goal("first byte of a streamed miss", names.TEE, 1.05, True, first),
        Goal("start to ready", names.STOCK, 1.0, True, start),
        Goal("proxy CPU of the realistic suite", "the suite's own CPU", 0.15, True, suite),
        *_costs(result),
        Goal(f"resident memory at {rows[-1]['entries']:,} entries", "empty cache", 1.1, True, memory),
        *_growth(result),
    ]


def _costs(result: Result) -> list[Goal]:
    """What recording, large answers and a short command cost."""

    def call(size: str) -> Spread | None:
        cpu = {row["peer"]: row["cpu"] for row in result.get("calls", ()) if row["size"] == size}
        return _compared(lambda: (cpu[names.OURS], cpu[names.VCR]))

    def miss(kind: str, against: str) -> Spread | None:
        return _compared(lambda: (result["misses"][kind][names.OURS], result["misses"][kind][against]))

    large = _compared(lambda: tuple(result["recording"][name]["seconds"] for name in (names.OURS, names.TEE)))
    run = _compared(lambda: (result["start"]["run -- true"], result["start"][names.STOCK]))
    return [
        Goal(
            "CPU of a recorded miss, 2 KB", f"{names.STOCK}, forwarding", 1.5, True, miss("2 KB", names.STOCK)
        ),
        Goal("CPU of a recorded miss, 50 events", names.TEE, 1.5, True, miss("50 events", names.TEE)),
        Goal("a new answer of 64 MB, start to end", names.TEE, 2.0, True, large),
        Goal("a hit of 1 MB by requests, CPU of both sides", names.VCR, 3.0, True, call("1 MB")),
        Goal("a hit of 2 KB by requests, CPU of both sides", names.VCR, 2.0, True, call("2 KB")),
        Goal("run -- true, start to end", f"{names.STOCK}, start to ready", 0.8, True, run),
    ]


def _growth(result: Result) -> list[Goal]:
    """What a large cache costs, against a small one or against a time."""
    rows = result.get("growth") or [{"entries": 3_000}, {"entries": 300_000}]
    small, large = rows[0], rows[-1]
    at, base = f"at {large['entries']:,} entries", f"{small['entries']:,} entries"

    def grown(name: str) -> Spread | None:
        return _compared(lambda: (large[name], small[name]))

    def command(name: str, limit: float | None = None) -> Spread | None:
        return _compared(lambda: ([large["commands"][name]], [limit or small["commands"][name]]))

    worst = _compared(lambda: (large["worst_miss"], [100.0] * len(large["worst_miss"])))
    return [
        Goal(f"start {at}", base, 1.1, True, grown("start")),
        Goal(f"memory {at}", base, 1.1, True, grown("resident")),
        Goal(f"a hit's p50 {at}", base, 1.2, True, grown("hit")),
        Goal(f"a miss with its explanation {at}, worst", "100 ms", 1.0, True, worst),
        Goal(f"first page of ls {at}", "1 s", 1.0, True, command("ls", 1.0)),
        Goal(f"push of ten new entries {at}", base, 2.0, True, command("push")),
    ]


def _compared(pair: Callable[[], Any]) -> Spread | None:
    """The spread of the ratios of a pair of series; None where one of them is not there."""
    try:
        return spread(ratios(*pair()))
    except (KeyError, TypeError):
        return None

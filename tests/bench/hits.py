"""Hits per second and their times, of every peer through each of its doors."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from itertools import product
from typing import Any

from tests.bench import names
from tests.bench.load import Door, percentile, put_load
from tests.bench.others import litellm, nginx
from tests.bench.processes import Absent
from tests.bench.proxies import Running, Stand
from tests.bench.work import SIZES, body, post

__all__ = ["FULL", "SHORT", "Plan", "measure"]

FRESH = ", new connection"  # what a door's name ends with
DOORS = ("CONNECT", "plain", "CONNECT" + FRESH, "plain" + FRESH)
HEADLINES = (("CONNECT", "2 KB", 16), ("plain", "2 KB", 16))

type Cell = tuple[str, str, int]  # door, size, connections


@dataclass(frozen=True)
class Plan:
    """What is measured how often: seconds of a round of a headline's cell and of any other."""

    rounds: int
    headline: float
    other: float
    cells: list[Cell]


def _is_in_full(cell: Cell) -> bool:
    """A new connection costs the same whatever is asked on it: sizes are varied where one does not hide the other."""
    door, size, connections = cell
    return FRESH not in door or size == "2 KB" or (door.startswith("CONNECT") and connections == 16)


FULL = Plan(5, 2.0, 0.7, [cell for cell in product(DOORS, SIZES, (1, 16, 64)) if _is_in_full(cell)])
SHORT = Plan(3, 0.7, 0.35, [*HEADLINES, ("CONNECT", "1 MB", 16), ("CONNECT" + FRESH, "2 KB", 16)])


def measure(stand: Stand, plan: Plan, say: Callable[[str], None]) -> dict[str, Any]:
    """`peers` (version, or why one is absent), `cells` and the check of the generator."""
    starts: dict[str, Callable[[], AbstractContextManager[Running]]] = {
        names.OURS: lambda: stand.ours("ours"),
        names.OURS_2: lambda: stand.ours("ours-2", PROVIDER_PROXY_WORKERS="2"),
        names.INSIDE: stand.inside,
        names.CONSTANT: stand.constant,
        names.REPLAY: stand.replay,
        names.LITELLM: lambda: litellm(stand),
        names.NGINX: lambda: nginx(stand),
    }
    peers: dict[str, dict[str, str]] = {}
    running: dict[str, Running] = {}
    with ExitStack() as stack:
        for name, start in starts.items():
            say(f"starting {name}")
            try:
                peer = stack.enter_context(start())
                _check(stand, peer)
            except (Absent, ConnectionError) as error:
                peers[name] = {"absent": str(error).partition("\n")[0]}
                continue
            running[name] = peer
            peers[name] = {"version": peer.version} if peer.version else {}
        cells = _cells(running, plan, say)
        check = _generator(running.get(names.NGINX), plan)
    return {"peers": peers, "cells": cells, "generator": check}


def _check(stand: Stand, peer: Running) -> None:
    """Fill its cache, and see that it answers from there. Raises Absent where its requests still reach the provider."""
    for door, size in product(peer.doors.values(), SIZES.values()):
        put_load(door, post(body(size), door.path), connections=1, seconds=0.0)
    time.sleep(0.5)  # LiteLLM stores after it has answered
    before = stand.provider.count
    for door, size in product(peer.doors.values(), SIZES.values()):
        put_load(door, post(body(size), door.path), connections=2, seconds=0.0)
    if stand.provider.count != before:
        raise Absent(f"it asked the provider {stand.provider.count - before} times for what it should hold")
    for door in peer.doors.values():
        put_load(door, post(body(SIZES["2 KB"]), door.path), connections=16, seconds=0.2)


def _cells(running: dict[str, Running], plan: Plan, say: Callable[[str], None]) -> list[dict[str, Any]]:
    """Each cell's rates and percentiles, a value a round. In each round every peer has its turn at every cell."""
    cells = [
        {"peer": name, "door": door, "size": size, "connections": connections, **_series(_door(peer, door))}
        for (door, size, connections) in plan.cells
        for name, peer in running.items()
    ]
    for number in range(plan.rounds):
        say(f"hits, round {number + 1} of {plan.rounds}")
        for cell in cells:
            if "left_out" in cell:
                continue
            try:
                _round(cell, running[cell["peer"]], plan)
            except OSError as error:
                cell["left_out"] = f"failed: {error}"[:100]
    return cells


def _series(door: Door | None) -> dict[str, Any]:
    if door is None:
        return {"left_out": "no such door"}
    return {"rate": [], "p50": [], "p99": [], "cpu": [], "generator": []}


def _round(cell: dict[str, Any], peer: Running, plan: Plan) -> None:
    door = _door(peer, cell["door"])
    assert door
    headline = (cell["door"], cell["size"], cell["connections"]) in HEADLINES
    load = put_load(
        door,
        post(body(SIZES[cell["size"]]), door.path),
        connections=cell["connections"],
        seconds=plan.headline if headline else plan.other,
        fresh=cell["door"].endswith(FRESH),
        meter=peer.process.cpu,
    )
    cell["rate"].append(load.rate)
    cell["p50"].append(percentile(load.times, 0.5) * 1000)
    cell["p99"].append(percentile(load.times, 0.99) * 1000)
    cell["cpu"].append(load.peer / len(load.times) * 1e6)
    cell["generator"].append(load.generator)


def _door(peer: Running, name: str) -> Door | None:
    return peer.doors.get(name.removesuffix(FRESH))


def _generator(nginx_: Running | None, plan: Plan) -> list[dict[str, Any]]:
    """How fast the generator is against something that is faster than every proxy here."""
    found = []
    for name, size in product(("TLS", "plain"), SIZES):
        if nginx_ is None:
            continue
        door = nginx_.doors[name]
        loads = [
            put_load(door, post(body(SIZES[size]), door.path), connections=16, seconds=plan.other)
            for _ in range(plan.rounds)
        ]
        found.append({"door": name, "size": size, "rate": [load.rate for load in loads],
                      "generator": [load.generator for load in loads]})  # fmt: skip
    return found

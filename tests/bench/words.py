"""Tables of a result, as rows of text: for the terminal and for docs/measured.md. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from typing import Any

from tests.bench import names
from tests.bench.figures import Goal, Spread, goals, spread

__all__ = ["Table", "goal_table", "setting", "tables"]

type Result = Mapping[str, Any]
type Table = tuple[str, list[tuple[str, ...]]]  # a title; the first row is the head


def tables(result: Result) -> list[Table]:
    """Every section that was measured."""
    made = (
        ("hits", _peers), ("hits", _hits), ("hits", _generator), ("calls", _calls), ("streams", _streams),
        ("start", _start), ("recording", _recording), ("store", _store), ("diagnosis", _diagnosis),
        ("misses", _misses), ("growth", _growth), ("growth", _commands), ("fleet", _fleet),
        ("identity", _identity), ("suite", _suite),
    )  # fmt: skip
    return [make(result[name]) for name, make in made if name in result] + [goal_table(result)]


def setting(result: Result) -> str:
    """What was measured on and with, in one line."""
    m = result["machine"]
    packages = ", ".join(f"{name} {number}" for name, number in result["versions"].items())
    return (
        f"{m['cpu']}, {m['cores']} cores (the load generator runs on them too), {m['memory_gb']} GB, {m['system']}, "
        f"Python {m['python']}, OpenSSL {m['openssl']}; {packages}; {result['mode']} mode, {result['rounds']} rounds"
    )


def goal_table(result: Result) -> Table:
    """What must be reached, and whether it is."""
    head = ("what", "against", "must be", "measured", "spread", "reached")
    return "Must reach (medians of the rounds' ratios)", [head, *map(_goal, goals(result))]


def _goal(goal: Goal) -> tuple[str, ...]:
    bound = f"at {'most' if goal.at_most else 'least'} {_ratio(goal.bound)}"
    if goal.measured is None:
        return goal.what, goal.against, bound, "not measured", "", ""
    m = goal.measured
    said = "yes" if goal.reached else "no"
    return goal.what, goal.against, bound, _ratio(m.median), f"{_ratio(m.low)} to {_ratio(m.high)}", said


def _ratio(value: float) -> str:
    return f"{value:.3f}" if value < 0.2 else f"{value:.2f}" if value < 10 else f"{value:.0f}"


def number(value: float) -> str:
    """Three digits that mean something."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _both(series: list[float]) -> str:
    """Median and spread."""
    s: Spread = spread(series)
    return f"{number(s.median)} ({number(s.low)} to {number(s.high)})"


def _peers(hits: Result) -> Table:
    rows = [(name, "absent: " + peer["absent"] if "absent" in peer else peer.get("version") or "measured")
            for name, peer in hits["peers"].items()]  # fmt: skip
    return "Peers", [("peer", "state or version"), *rows]


def _hits(hits: Result) -> Table:
    head = ("door", "size", "connections", "peer", "hits/s", "p50 ms", "p99 ms", "CPU µs", "generator")
    rows: list[tuple[str, ...]] = [head]
    for _, cells in groupby(hits["cells"], key=lambda c: (c["door"], c["size"], c["connections"])):
        for cell in cells:
            place = (cell["door"], cell["size"], str(cell["connections"]), cell["peer"])
            if "left_out" in cell:
                rows.append((*place, cell["left_out"], "", "", "", ""))
            else:
                share = f"{spread(cell['generator']).median:.0%}"
                rows.append((*place, *(_both(cell[name]) for name in ("rate", "p50", "p99", "cpu")), share))
    return "Hits (CPU: the peer's for one answer; generator: its share of one core)", rows


def _generator(hits: Result) -> Table:
    rows = [
        (c["door"], c["size"], _both(c["rate"]), f"{spread(c['generator']).median:.0%}")
        for c in hits["generator"]
    ]
    return "The load generator against nginx, 16 connections", [
        ("door", "size", "answers/s", "share of a core"),
        *rows,
    ]


def _calls(calls: Any) -> Table:
    rows = [(c["size"], c["peer"], _both(c["call"]), _both(c["cpu"])) for c in calls]
    return "One call of `requests`", [("size", "peer", "ms", "CPU ms, the proxy's included"), *rows]


def _streams(streams: Result) -> Table:
    head = ("peer", "first byte ms", "an event's delay, p50 ms", "p99 ms")
    rows = [(name, *(_both(s[part]) for part in ("first", "event", "event_p99")))
            for name, s in streams["peers"].items()]  # fmt: skip
    return f"A streamed miss, {streams['events']} events {streams['pause_ms']:.0f} ms apart", [head, *rows]


def _start(start: Result) -> Table:
    what = {names.OURS: "`serve`, start to ready", names.STOCK: "stock mitmdump, start to ready"}
    rows = [(what.get(name, f"`{name}`, start to end"), _both(series)) for name, series in start.items()]
    return "Start", [("what", "ms"), *rows]


def _recording(recording: Result) -> Table:
    size, beyond = (recording[name] // 2**20 for name in ("bytes", "beyond_bytes"))
    what = {"beyond": f"{names.OURS}, {beyond} MB: beyond MAX_BODY"}
    rows = [
        (what.get(name, name), _both(seen["seconds"]), _both(seen["memory"]) if seen["memory"] else "")
        for name, seen in recording.items()
        if isinstance(seen, dict)
    ]
    kept = "kept" if recording["kept"] else "not kept"
    return f"A new answer of {size} MB ({kept})", [("peer", "s", "peak above idle, in answers"), *rows]


def _store(rows: Any) -> Table:
    head = ("entries", "get µs", "put µs", "its process MB", "proxy's start ms", "proxy's memory MB")
    return "The store", [head, *(
        (f"{r['entries']:,}", number(r["get"]) + ("" if r["entries"] else " (finds nothing)"), number(r["put"]),
         number(r["memory"] / 2**20), _both(r["start"]), _both([b / 2**20 for b in r["resident"]]))
        for r in rows
    )]  # fmt: skip


def _diagnosis(d: Result) -> Table:
    row = (f"{d['entries']:,}", number(d["hit"]), number(d["diagnosis"]), number(d["worst"]),
           f"{d['diagnosis'] / d['hit']:.1f}", f"{d['found']:.0%}")  # fmt: skip
    head = ("entries", "a hit ms", "diagnosis ms", "its worst", "in hits", "right entry found")
    return "Diagnosis of a miss", [head, row]


def _misses(misses: Any) -> Table:
    rows = [(kind, name, _both(series)) for kind, peers in misses.items() for name, series in peers.items()]
    return "A recorded miss, request of 1.2 KB", [("answer", "peer", "CPU ms"), *rows]


def _growth(rows: Any) -> Table:
    head = (
        "entries",
        "start ms",
        "memory MB",
        "hit p50 ms",
        "explained miss p50 ms",
        "its worst",
        "right entry named",
    )
    return "A growing cache", [head, *(
        (f"{r['entries']:,}", _both(r["start"]), _both([b / 2**20 for b in r["resident"]]), _both(r["hit"]),
         _both(r["miss"]), number(max(r["worst_miss"])), f"{spread(r['named']).median:.0%}")
        for r in rows
    )]  # fmt: skip


def _commands(rows: Any) -> Table:
    names_ = list(rows[0]["commands"])
    head = ("entries", *(f"`{name}` s" for name in names_))
    title = "Commands on it (ls: to its first line; push: of ten new entries after `push all`)"
    return title, [
        head,
        *((f"{r['entries']:,}", *(number(r["commands"][name]) for name in names_)) for r in rows),
    ]


def _fleet(f: Result) -> Table:
    head = ("proxies", "requests", "wrong", "new", "recorded", "requests/s", "shared hit ms", "miss ms",
            "proxies late once Redis had died", "most often", "worst s")  # fmt: skip
    row = (f["proxies"], f["requests"], f["wrong"], f["recorded"] - f["more"], f["recorded"], number(f["rate"]),
           number(f["hit"]), number(f["miss"]), f["late"], f["most_late"], number(f["worst"]))  # fmt: skip
    return "A fleet on one Redis, half of the requests new", [head, tuple(map(str, row))]


def _identity(rows: Any) -> Table:
    columns = ("loads", "identify", "ratio", "median", "repeat", "learn_new", "learn_again", "found_in")
    head = (
        "body",
        "size",
        "json.loads µs",
        "identity",
        "least ratio",
        "median",
        "repeated",
        "secrets: first",
        "again",
        "in saved",
    )
    return "Key time", [head, *((r["body"], r["size"], *(number(r[c]) for c in columns)) for r in rows)]


def _suite(s: Result) -> Table:
    whole = [serving + start for serving, start in zip(s["proxy_cpu"], s["proxy_start_cpu"], strict=True)]
    rows = [
        ("replayed", _both(s["wall"]), _both(s["cpu"]), _both(s["proxy_cpu"])),
        ("the same, the proxy's start included", "", "", _both(whole)),
    ]
    if s["direct_wall"]:
        rows.insert(0, ("straight to the provider", _both(s["direct_wall"]), _both(s["direct_cpu"]), ""))
    title = f"A suite of {s['calls']} SDK calls, pytest -n {s['workers']}"
    return title, [("way", "wall s", "suite's CPU s", "proxy's CPU s"), *rows]

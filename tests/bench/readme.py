"""The part of a result that docs/measured.md shows, and the picture. Pure: text from what was measured."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.bench import names
from tests.bench.figures import cell, ratios, spread, standing
from tests.bench.picture import picture
from tests.bench.words import goal_table, number, setting

__all__ = ["RESULTS", "drawn", "rendered"]

# The result that docs/measured.md shows; `tests/docs_tables.py` renders it, and a test compares.
RESULTS = Path(__file__).with_name("results.json")

TITLES = {"CONNECT": "HTTPS through CONNECT", "plain": "plain http (no other door at LiteLLM and nginx)"}
INTRODUCTION = """![hits per second relative to stock mitmdump](../tests/bench/hits.svg)

Each figure is a median over interleaved rounds of one run, and a ratio against a baseline of that run: machines
differ, ratios less so. Baseline: stock `mitmdump -q` whose addon answers a constant, or tees a stream.
"""


def drawn(result: Mapping[str, Any]) -> str:
    """The picture, as SVG."""
    return picture({title: standing(result, door) for door, title in TITLES.items()})


def rendered(result: Mapping[str, Any]) -> str:
    """Markdown: what it was measured on, the goals, hits per second."""
    head = ("hits/s, 2 KB, 16 connections", *(f"{door} door" for door in TITLES), "against stock mitmdump")
    rows = [head, *(_row(result, name) for name in result["hits"]["peers"])]
    return f"{INTRODUCTION}\n{setting(result)}.\n\n{_markdown(goal_table(result)[1])}\n{_markdown(rows)}"


def _row(result: Mapping[str, Any], name: str) -> tuple[str, ...]:
    seen = [cell(result, name, door) for door in TITLES]
    rates = ["-" if one is None else number(spread(one["rate"]).median) for one in seen]
    bases = [cell(result, names.CONSTANT, door) for door in TITLES]
    against = [
        f"{spread(ratios(one['rate'], base['rate'])).median:.2f}"
        for one, base in zip(seen, bases, strict=True)
        if one is not None and base is not None
    ]
    return (
        name,
        *rates,
        " and ".join(against) or ("absent" if "absent" in result["hits"]["peers"][name] else "-"),
    )


def _markdown(rows: list[tuple[str, ...]]) -> str:
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([lines[0], "|" + " --- |" * len(rows[0]), *lines[1:]]) + "\n"

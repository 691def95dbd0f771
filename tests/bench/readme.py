"""The README's part of a result: `python -m tests.bench --readme results.json` writes it and the picture."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tests.bench import names
from tests.bench.figures import cell, ratios, spread, standing
from tests.bench.picture import picture
from tests.bench.words import goal_table, number, setting

__all__ = ["drawn", "rendered", "with_block"]

TITLES = {"CONNECT": "HTTPS through CONNECT", "plain": "plain http (no other door at LiteLLM and nginx)"}
_BLOCK = re.compile(r"(<!-- measured -->\n).*?(<!-- /measured -->)", re.DOTALL)


def drawn(result: Mapping[str, Any]) -> str:
    """The picture, as SVG."""
    return picture({title: standing(result, door) for door, title in TITLES.items()})


def rendered(result: Mapping[str, Any]) -> str:
    """Markdown: what it was measured on, the goals, hits per second."""
    head = ("hits/s, 2 KB, 16 connections", *(f"{door} door" for door in TITLES), "against stock mitmdump")
    rows = [head, *(_row(result, name) for name in result["hits"]["peers"])]
    return f"{setting(result)}.\n\n{_markdown(goal_table(result)[1])}\n{_markdown(rows)}"


def with_block(text: str, content: str) -> str:
    """`text` with `content` between the markers. Raises ValueError where there are none."""
    if not _BLOCK.search(text):
        raise ValueError("the README has no block `measured`")
    return _BLOCK.sub(lambda found: found[1] + content + found[2], text)


def _row(result: Mapping[str, Any], name: str) -> tuple[str, ...]:
    seen = [cell(result, name, door) for door in TITLES]
    rates = ["-" if one is None else number(spread(one["rate"]).median) for one in seen]
    bases = [cell(result, names.CONSTANT, door) for door in TITLES]
    against = [
        f"{spread(ratios(one['rate'], base['rate'])).median:.2f}"
        for one, base in zip(seen, bases, strict=True)
        if one is not None and base is not None
    ]
    return (name, *rates, " and ".join(against) or result["hits"]["peers"][name].get("absent", "-"))


def _markdown(rows: list[tuple[str, ...]]) -> str:
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([lines[0], "|" + " --- |" * len(rows[0]), *lines[1:]]) + "\n"

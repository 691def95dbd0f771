"""`python -m tests.bench`: everything side by side in one run; prints tables, writes JSON and a picture."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tests import docs_tables
from tests.bench import (
    calls,
    diagnosis,
    fleet,
    growth,
    hits,
    identities,
    misses,
    starting,
    storage,
    streams,
    suite,
)
from tests.bench.machine import machine, versions
from tests.bench.processes import Absent
from tests.bench.provider import providers
from tests.bench.proxies import Stand
from tests.bench.readme import RESULTS, drawn
from tests.bench.words import setting, tables

type Say = Callable[[str], None]
SECTIONS = (
    "hits",
    "calls",
    "misses",
    "streams",
    "start",
    "recording",
    "store",
    "diagnosis",
    "growth",
    "fleet",
    "identity",
    "suite",
)


def sections(stand: Stand, short: bool, say: Say) -> dict[str, Callable[[], Any]]:
    """How each is measured. Short: enough to see that all runs, not to trust a figure."""
    rounds = 3 if short else 5
    return {
        "hits": lambda: hits.measure(stand, hits.SHORT if short else hits.FULL, say),
        "calls": lambda: calls.measure(stand, 1 if short else rounds, 20 if short else 50),
        "misses": lambda: misses.measure(stand, 2 if short else rounds, 50 if short else 300),
        "streams": lambda: streams.measure(stand, rounds, *((8, 1) if short else (25, 4))),
        "start": lambda: starting.measure(stand, 2 if short else rounds, 1 if short else 2),
        "recording": lambda: starting.measure_recording(stand, 1 if short else rounds),
        "store": lambda: storage.measure(
            stand, [0, 10_000] if short else [0, 10_000, 100_000], 2 if short else rounds, say
        ),
        "diagnosis": lambda: diagnosis.measure(1_000 if short else 10_000),
        "growth": lambda: growth.measure(
            stand, [300, 3_000] if short else [3_000, 300_000], 2 if short else rounds, say
        ),
        "fleet": lambda: fleet.measure(stand, *((4, 160) if short else (40, 20_000))),
        "identity": lambda: identities.measure(short),
        "suite": lambda: suite.measure(stand, 1 if short else rounds, direct=not short),
    }


def measured(
    short: bool, only: list[str], say: Say, save: Callable[[dict[str, Any]], None]
) -> dict[str, Any]:
    """The whole result; each section is saved when it is measured."""
    result: dict[str, Any] = {
        "mode": "short" if short else "full", "rounds": 3 if short else 5, "date": time.strftime("%Y-%m-%d"),
        "machine": machine(), "versions": versions(), "took": {},
    }  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, providers(Path(folder)) as provider:
        for name, measure in sections(Stand(Path(folder), provider), short, say).items():
            if name not in only:
                continue
            say(name)
            started = time.monotonic()
            try:
                result[name] = measure()
            except Absent as error:
                raise SystemExit(f"bench: {name}: {error}") from error
            result["took"][name] = round(time.monotonic() - started, 1)
            save(result)
    return result


def show(result: dict[str, Any]) -> None:
    """Every table."""
    console = Console(width=None if sys.stdout.isatty() else 180)
    console.print(setting(result), highlight=False)
    for title, rows in tables(result):
        table = Table(
            *rows[0], title=title, title_justify="left", box=None, header_style="dim", pad_edge=False
        )
        for row in rows[1:]:
            table.add_row(*row)
        console.print()
        console.print(table, highlight=False)
    console.print(f"\nmeasured in {sum(result['took'].values()):.0f} s", highlight=False)


def main() -> None:
    """Measure and show; or with --readme put a result into docs/measured.md."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--short", action="store_true", help="under two minutes; figures are rough (default)")
    how.add_argument("--full", action="store_true", help="five rounds, about 30 minutes")
    how.add_argument("--show", type=Path, metavar="JSON", help="print a result's tables again")
    how.add_argument(
        "--readme", type=Path, metavar="JSON", help="write a result and its picture into docs/measured.md"
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="write results.json and hits.svg there")
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=SECTIONS, help="these sections alone")
    arguments = parser.parse_args()
    if arguments.readme:
        _save(json.loads(arguments.readme.read_text("utf-8")), RESULTS.parent)
        docs_tables.main()
        return
    if arguments.show:
        show(json.loads(arguments.show.read_text("utf-8")))
        return
    folder: Path | None = arguments.out
    show(measured(
        not arguments.full, arguments.only,
        lambda line: print(f"… {line}", file=sys.stderr), lambda result: _save(result, folder),
    ))  # fmt: skip


def _save(result: dict[str, Any], folder: Path | None) -> None:
    if folder is None:
        return
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(result, separators=(",", ":")).replace(',{"peer"', ',\n{"peer"')
    (folder / RESULTS.name).write_text(f"{text}\n", "utf-8")
    if "hits" in result:
        (folder / "hits.svg").write_text(drawn(result), "utf-8")


if __name__ == "__main__":
    main()

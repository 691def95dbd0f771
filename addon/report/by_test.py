"""The rows of the report's table by test, in an order in which the tests to look at come first."""

from __future__ import annotations

from typing import Any

from addon.accounting.figures import money, plural, seconds

__all__ = [
    "FIGURES",
    "asked_by",
    "cells_of",
    "misses_of",
    "name_of",
    "of_tests",
    "rows_to_show",
    "unshown_line",
]

FIGURES = ("hits", "misses", "folded", "stored", "live", "cost")
"""The columns; a folded miss was caused by an earlier one."""

_LONGEST_NAME = 120


def name_of(row: dict[str, Any]) -> str:
    """The test in a few words: its later attempts are numbered, and a long id loses its middle."""
    test = row["test"]
    if len(test) > _LONGEST_NAME:
        test = f"{test[: _LONGEST_NAME * 2 // 3]}…{test[-_LONGEST_NAME // 3 :]}"
    notes = [f"attempt {row['attempt']}"] if row["attempt"] != 1 else []
    notes += ["coarse"] if row["coarse"] else []
    return f"{test} ({', '.join(notes)})" if notes else test


def cells_of(row: dict[str, Any]) -> list[str]:
    """The figures of a test, as FIGURES names them."""
    folded = sum(bool(miss["folded"]) for miss in row["misses"])
    counts = (row["hits"], misses_of(row), folded, row["stored"])
    return [*map(str, counts), seconds(row["live_seconds"]), _cost(row)]


def _cost(row: dict[str, Any]) -> str:
    if row["usd"] is None:
        return "unknown"
    unknown = f" and {row['unpriced']} unknown" if row["unpriced"] else ""
    return f"{money(row['usd']) if row['usd'] else '$0'}{unknown}"


def misses_of(row: dict[str, Any]) -> int:
    """How many misses the test had."""
    return len(row["misses"]) + int(row["more_misses"])


def rows_to_show(run: dict[str, Any], most: int, *, quiet: bool = False) -> list[dict[str, Any]]:
    """At most `most` tests: those that missed, then those that went live, the slowest first.

    Tests that the cache answered alone come last, and only if `quiet`.
    """
    rows = [row for row in run["tests"] if quiet or not _is_quiet(row)]
    return sorted(rows, key=lambda row: (-misses_of(row), -row["live_seconds"], -row["live"]))[:most]


def unshown_line(run: dict[str, Any], shown: int, *, quiet: bool = False) -> str:
    """One line about the tests that the table leaves out; '' if there are none."""
    loud = sum(quiet or not _is_quiet(row) for row in run["tests"])
    parts = [plural(loud - shown, "more test")] if loud > shown else []
    if not quiet and len(run["tests"]) > loud:
        parts.append(f"{plural(len(run['tests']) - loud, 'test')} answered from the cache alone")
    return ", ".join(parts)


def of_tests(run: dict[str, Any], tests: list[dict[str, Any]]) -> dict[str, Any]:
    """The report of these `tests` alone: their rows and the misses that they had. Totals stay those of the run."""
    keys = {miss["key"] for row in tests for miss in row["misses"]}
    missed = [miss for miss in run["missed"] if miss["key"] in keys]
    return run | {"tests": tests, "missed": missed}


def asked_by(run: dict[str, Any]) -> dict[str, list[str]]:
    """The names of the tests that missed a key, by key; one that was run again is named once."""
    found: dict[str, dict[str, str]] = {}
    for row in run["tests"]:
        for key in {miss["key"] for miss in row["misses"]}:
            found.setdefault(key, {}).setdefault(row["test"], name_of(row))
    return {key: list(names.values()) for key, names in found.items()}


def _is_quiet(row: dict[str, Any]) -> bool:
    return not (row["misses"] or row["more_misses"] or row["live"] or row["refused"])

"""What the page shows of a run, as JSON: its figures, its tests with their verdicts, and its misses."""

from __future__ import annotations

from typing import Any

from addon.accounting.figures import money, seconds, size
from addon.report.by_test import misses_of, name_of, rows_to_show
from addon.report.words import rate_text, side_lines

__all__ = ["run_view", "users_by_key"]

_TESTS = 2000
_MISSES = 200
_LINES = 200


def run_view(run: dict[str, Any]) -> dict[str, Any]:
    """The view of a run, given as `RunCounts.as_dict` returns it."""
    total, saved, spent = run["total"], run["saved"], run["spent"]
    figures = {
        name: total[name] for name in ("requests", "hits", "misses", "stored", "refused", "bypassed", "live")
    }
    return {
        "run": run["run"],
        "mode": run["mode"],
        "started_at": run["started_at"],
        "ended_at": run["ended_at"],
        "figures": figures,
        "errors": total["errors"],
        "rate": rate_text(total).removesuffix(" hits"),
        "saved_money": money(saved["usd"]) if saved["answers"] else "$0",
        "spent_money": money(spent["usd"]) if spent["answers"] else "$0",
        "saved_time": seconds(total["saved_seconds"]),
        "live_time": seconds(total["live_seconds"]),
        "bytes": size(total["hit_bytes"] + total["live_bytes"]),
        "gates": list(run["failed_gates"])[:_LINES],
        "tests": [_test(row) for row in rows_to_show(run, _TESTS, quiet=True)],
        "more_tests": max(0, len(run["tests"]) - _TESTS),
        "misses": [_miss(miss) for miss in run["missed"][:_MISSES]],
        "more_misses": run["unexplained_misses"] + max(0, len(run["missed"]) - _MISSES),
        "lines": side_lines(run)[:_LINES],
        "workers": len(run.get("workers", ())),
    }


def users_by_key(run: dict[str, Any]) -> dict[str, list[str]]:
    """The names of the tests that used each entry, by key."""
    found: dict[str, dict[str, None]] = {}
    for row in run["tests"]:
        for key in row["entries"]:
            found.setdefault(key, {})[row["test"]] = None
    return {key: list(names) for key, names in found.items()}


def _test(row: dict[str, Any]) -> dict[str, Any]:
    misses = misses_of(row)
    first = next((miss for miss in row["misses"] if miss["line"]), None)
    return {
        "name": name_of(row),
        "verdict": "missed"
        if misses
        else "refused"
        if row["refused"]
        else "live"
        if row["live"]
        else "replayed",
        "hits": row["hits"],
        "misses": misses,
        "stored": row["stored"],
        "live": seconds(row["live_seconds"]) if row["live"] else "",
        "why": first["line"][:300] if first else "",
        "miss": first["key"] if first else "",
    }


def _miss(miss: dict[str, Any]) -> dict[str, Any]:
    first = miss["differences"][0] if miss["differences"] else None
    return {
        "key": miss["key"],
        "place": miss["place"],
        "question": miss["question"],
        "times": miss["times"],
        "follows": miss["follows"],
        "difference": first,
        "more": max(0, len(miss["differences"]) - 1),
        "note": miss["note"],
        "remedy": miss["remedy"],
    }

"""Figures as they are read, the same in every form of the report."""

from __future__ import annotations

from typing import Any

__all__ = ["cost_lines", "cost_of", "hit_rate", "money", "plural", "seconds", "side_lines", "size"]


def seconds(value: float) -> str:
    """`59.9 s`, `1.5 min` or `1.5 h`."""
    if abs(value) < 60:
        return f"{value:.1f} s"
    return f"{value / 60:.1f} min" if abs(value) < 3600 else f"{value / 3600:.1f} h"


def size(value: float) -> str:
    """Bytes as `512 B`, `1.5 kB`, `1.5 MB` or `1.5 GB`."""
    for unit in ("B", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} B" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"


def money(usd: float | None) -> str:
    """US dollars with as many digits as it takes; `unknown` is no amount."""
    if not isinstance(usd, int | float):
        return "unknown"
    return (
        f"${usd:.2f}"
        if usd >= 1 or usd == 0
        else f"${usd:.4f}"
        if usd >= 0.001
        else f"${usd:.7f}".rstrip("0")
    )


def plural(number: int, one: str, many: str = "") -> str:
    """`1 miss`, `2 misses`."""
    return f"{number} {one if number == 1 else many or f'{one}s'}"


def hit_rate(total: dict[str, Any]) -> float | None:
    """Hits of all that was looked up, 0 to 1; None where nothing was."""
    asked = total["hits"] + total["misses"]
    return total["hits"] / asked if asked else None


def cost_lines(run: dict[str, Any]) -> list[str]:
    """What was saved and spent, in one line each; the models behind it."""
    lines = []
    for title, costs in (("saved", run["saved"]), ("spent", run["spent"])):
        if not costs["answers"]:
            continue
        tokens = f"{costs['input_tokens']:,} tokens in, {costs['output_tokens']:,} out"
        lines.append(f"{title}: {cost_of(costs)}, {tokens}, {plural(costs['answers'], 'answer')}; by model: "
                     + ", ".join(f"{row['model']} {cost_of(row)}" for row in costs["models"]))  # fmt: skip
    return lines


def cost_of(costs: dict[str, Any]) -> str:
    """Money, and how many answers have a price that is not known."""
    if costs["unknown"] and costs["usd"] is not None:
        return f"{money(costs['usd'])} and {costs['unknown']} of unknown price"
    return "price unknown" if costs["usd"] is None else money(costs["usd"])


def side_lines(run: dict[str, Any]) -> list[str]:
    """What is no row of the table: reasons, tunnelled hosts, faults, unused entries."""
    lines = []
    for title, counted in (
        ("not stored", run["total"]["not_stored"]),
        ("tunnelled", run["tunnelled"]),
        ("CA not trusted by clients of", run["tls_refused"]),
        ("cache faults", run["cache_faults"]),
    ):
        if counted:
            items = ", ".join(f"{name} {count}" for name, count in sorted(counted.items()))
            lines.append(f"{title}: {items}")
    if run["second_tier"]:
        lines.append(f"second tier: {run['second_tier']}")
    if run["workers_replaced"]:
        lines.append(f"workers that died and were replaced: {run['workers_replaced']}")
    if run["over_budget"]:
        lines.append(f"over budget: {plural(run['over_budget'], 'request')} not forwarded")
    if run["unused_entries"]:
        lines.append(f"not used: {plural(run['unused_entries'], 'entry', 'entries')}")
    return lines

"""How numbers are written in reports and messages."""

from __future__ import annotations

import datetime

__all__ = ["day", "money", "named", "plural", "seconds", "size"]

_MOST_NAMED = 3


def seconds(value: float) -> str:
    """`59.9 s`, `1.5 min` or `1.5 h`."""
    if abs(value) < 60:
        return f"{value:.1f} s"
    return f"{value / 60:.1f} min" if abs(value) < 3600 else f"{value / 3600:.1f} h"


def day(at: float) -> str:
    """`2026-01-31`, in UTC, of a time in Unix seconds."""
    return datetime.datetime.fromtimestamp(at, datetime.UTC).strftime("%Y-%m-%d")


def size(value: float) -> str:
    """Bytes as `512 B`, `1.5 kB`, `1.5 MB` or `1.5 GB`."""
    for unit in ("B", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} B" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"


def money(usd: float | None) -> str:
    """US dollars with as many digits as the amount needs, or `unknown`."""
    if not isinstance(usd, int | float):
        return "unknown"
    if usd >= 1 or usd == 0:
        return f"${usd:.2f}"
    return f"${usd:.4f}" if usd >= 0.001 else f"${usd:.7f}".rstrip("0")


def plural(number: int, one: str, many: str = "") -> str:
    """`1 miss`, `2 misses`; `many` is needed where it is not `one` with an s."""
    return f"{number} {one if number == 1 else many or f'{one}s'}"


def named(names: list[str], one: str, many: str = "") -> str:
    """`2 hosts (a.example, b.example)`; only the first few are named."""
    more = ", …" if len(names) > _MOST_NAMED else ""
    return f"{plural(len(names), one, many)} ({', '.join(names[:_MOST_NAMED])}{more})"

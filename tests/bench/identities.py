"""What a key costs by body size, as tests/bench/identity.py measures it, as numbers."""

from __future__ import annotations

from typing import Any

from tests.bench import identity

__all__ = ["measure"]

COLUMNS = ("bytes", "loads", "identify", "ratio", "median", "repeat", "learn_new", "learn_again", "found_in")


def measure(short: bool) -> list[dict[str, Any]]:
    """µs of `json.loads`, of a first and of a repeated identity, and of looking for secrets."""
    makers = (identity.chat,) if short else identity.BODIES
    rows = []
    for make in makers:
        for name, size in identity.SIZES.items():
            cells = [float(cell) for cell in identity.measure(make, size).split("|")]
            rows.append({"body": make.__name__, "size": name, **dict(zip(COLUMNS, cells, strict=True))})
    return rows

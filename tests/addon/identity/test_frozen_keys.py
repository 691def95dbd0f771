"""Keys never change by accident: a cache that was recorded years ago must still be found.

A deliberate change needs another version of the key (`pp2-` is the second) and new frozen keys, which running this
file writes: `python tests/addon/identity/test_frozen_keys.py`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from addon.identity import IdentityRules, identify
from addon.messages import WireRequest

FILE = Path(__file__).parent / "frozen_keys.json"
FROZEN: list[dict[str, Any]] = json.loads(FILE.read_text("utf-8"))


def key_of(frozen: dict[str, Any]) -> str:
    """The key of a request as the file describes it."""
    headers = tuple((name.encode("latin-1"), value.encode("latin-1")) for name, value in frozen["headers"])
    request = WireRequest(
        frozen["method"], frozen["scheme"], frozen["host"], frozen["port"], frozen["target"], headers,
        bytes.fromhex(frozen["body_hex"]) if "body_hex" in frozen else frozen["body"].encode(),
    )  # fmt: skip
    return identify(request, IdentityRules.parse(**frozen.get("rules", {}))).key


@pytest.mark.parametrize("frozen", FROZEN, ids=lambda frozen: frozen["name"])
def test_frozen(frozen: dict[str, Any]) -> None:
    """The same bytes have the same key on every machine, Python and version."""
    assert key_of(frozen) == frozen["key"]


def test_each_is_another() -> None:
    """The file's requests are all different."""
    assert len({frozen["key"] for frozen in FROZEN}) == len(FROZEN) > 20


if __name__ == "__main__":
    FILE.write_text(
        json.dumps([{**f, "key": key_of(f)} for f in FROZEN], indent=1, ensure_ascii=False) + "\n", "utf-8"
    )

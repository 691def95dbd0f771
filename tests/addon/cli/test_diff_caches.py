"""Two caches compared."""

from __future__ import annotations

from dataclasses import asdict, replace

import pytest

from addon.cli.diff_caches import diff_caches, print_cache_diff
from addon.cli.progress import progress
from cache_store.entry import Entry
from cache_store.tiers.memory_store import MemoryStore

LABEL = {"method": "POST", "host": "api.openai.com", "path": "/v1/x"}


def _entry(number: int, body: bytes = b"{}", recorded_at: float = 1.0) -> Entry:
    return Entry(f"pp2-{number:064x}", 200, "OK", (), body, recorded_at, 1.0, "run", LABEL)


def test_what_each_has_and_what_differs(capsys: pytest.CaptureFixture[str]) -> None:
    """By key and answer; a recording that is only younger is equal."""
    old, new = MemoryStore(), MemoryStore()
    for entry in (_entry(1), _entry(2), _entry(3)):
        old.put(entry)
    for entry in (_entry(2, recorded_at=9.0), replace(_entry(3), body=b"[]"), _entry(4)):
        new.put(entry)
    with progress() as shown:
        diff = diff_caches(old, new, shown)
    print_cache_diff(diff)
    said = capsys.readouterr()
    assert [line[:1] for line in said.out.splitlines()] == ["-", "+", "~"]
    assert said.out.count("POST api.openai.com/v1/x") == 3
    assert (
        "1 recording only in the old cache, 1 only in the new one, 1 with another answer, 1 equal" in said.err
    )
    assert [item["key"][-1] for item in asdict(diff)["changed"]] == ["3"]

"""What is known of a run only at its end."""

from __future__ import annotations

import hashlib
import json

from addon.accounting.counts import RunCounts
from addon.accounting.run_end import EndOfRun
from cache_store.entry import Entry
from cache_store.tiers.memory_store import MemoryStore

BODY = json.dumps(
    {"model": "gpt-4.1", "usage": {"prompt_tokens": 1_000_000, "completion_tokens": 0}}
).encode()


def entry(key: str, **label: str) -> Entry:
    """An entry whose answer states its usage."""
    label = {"method": "POST", "host": "api.openai.com", "path": "/v1/chat", "model": "gpt-4.1"} | label
    return Entry(key, 200, "OK", ((b"content-type", b"application/json"),), BODY, 5.0, 1.0, "r", label)


def test_used_and_unused_entries() -> None:
    """Savings for every hit, a digest for every used entry, and the others where somebody asks."""
    store, counts = MemoryStore(), RunCounts("r", "read-write")
    for found in (entry("pp1-a"), entry("pp1-b"), entry("pp1-c"), entry("pp1-note", method="-")):
        store.put(found)
    counts.used = {"pp1-b": 3, "pp1-a": 0, "pp1-gone": 1}
    end = EndOfRun(unused=True)
    end.look(store, counts)
    assert counts.saved.usd == 6
    assert counts.unused == ["pp1-c"]
    assert [(used.key, bool(used.digest)) for used in end.used] == [
        ("pp1-a", True),
        ("pp1-b", True),
        ("pp1-gone", False),
    ]
    data = entry("pp1-a").encode()
    assert end.used[0].digest == hashlib.sha256(data[:-32]).hexdigest()
    assert end.used[0].label == "POST api.openai.com/v1/chat gpt-4.1"


def test_unused_entries_are_not_looked_for_unasked() -> None:
    """A large cache is not listed for nothing."""
    store, counts = MemoryStore(), RunCounts("r", "read-write")
    store.put(entry("pp1-a"))
    EndOfRun().look(store, counts)
    assert counts.unused is None
    assert counts.ended_at is not None


def test_a_label_is_one_line() -> None:
    """A path with a line end in it cannot forge a line of a receipt."""
    store, counts = MemoryStore(), RunCounts("r", "read-write")
    store.put(entry("pp1-a", path="/x\npp1-forged\u2028"))
    counts.used = {"pp1-a": 1}
    end = EndOfRun()
    end.look(store, counts)
    assert end.used[0].label == "POST api.openai.com/x?pp1-forged? gpt-4.1"

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


def test_entries_of_tests_that_did_not_run_are_not_unused() -> None:
    """Of a run of some tests, what other tests may need does not count, and neither does what no test is known for."""
    used_by = {"pp1-dead": {"a"}, "pp1-shared": {"a", "b"}, "pp1-other": {"b"}}

    def unused(*ran: str | None) -> list[str]:
        store, counts = MemoryStore(), RunCounts("r", "read-write")
        for key in (*used_by, "pp1-nobody", "pp1-used"):
            store.put(entry(key))
        counts.used = {"pp1-used": 1}
        known = None if None in ran else {test for test in ran if test}
        EndOfRun(unused=True, ran=known, used_by=used_by).look(store, counts)
        assert counts.unused is not None
        return sorted(key.removeprefix("pp1-") for key in counts.unused)

    assert unused("a") == ["dead"]
    assert unused("b") == ["other"]
    assert unused("a", "b", "c") == unused(None) == ["dead", "nobody", "other", "shared"]
    assert unused("c") == unused() == []


def test_a_label_is_one_line() -> None:
    """A path with a line end in it cannot forge a line of a receipt."""
    store, counts = MemoryStore(), RunCounts("r", "read-write")
    store.put(entry("pp1-a", path="/x\npp1-forged\u2028"))
    counts.used = {"pp1-a": 1}
    end = EndOfRun()
    end.look(store, counts)
    assert end.used[0].label == "POST api.openai.com/x?pp1-forged? gpt-4.1"

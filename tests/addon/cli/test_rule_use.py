"""What volatile rules do to recordings."""

from __future__ import annotations

import json

import pytest

from addon.cli.progress import progress
from addon.cli.rule_use import RuleUse, print_rule_use, rule_use
from addon.identity import IdentityRules, identify
from addon.messages import WireRequest
from cache_store.entry import Entry
from cache_store.tiers.memory_store import MemoryStore

HOST = "api.openai.com"


def _entry(text: str, answer: bytes, rules: IdentityRules = IdentityRules()) -> Entry:  # noqa: B008
    body = json.dumps({"messages": [{"role": "user", "content": text}]}).encode()
    request = WireRequest(
        "POST", "https", HOST, 443, "/v1/x", ((b"content-type", b"application/json"),), body
    )
    found = identify(request, rules)
    return Entry(
        found.key, 200, "OK", (), answer, 1.0, 1.0, "run", found.label, request_json=found.request_json,
        bindings=tuple(found.bindings),
    )  # fmt: skip


def _use(rules: IdentityRules, *entries: Entry) -> RuleUse:
    store = MemoryStore()
    for entry in entries:
        store.put(entry)
    with progress() as shown:
        return rule_use(store, rules, shown)


def test_uses_and_answers_that_meet(capsys: pytest.CaptureFixture[str]) -> None:
    """Recordings from before the rules and from after; equal answers may meet."""
    rules = IdentityRules.parse(volatile="uuid,hex-id")
    one, two, three = (f"run {n}23e4567-e89b-12d3-a456-426614174000" for n in "123")
    use = _use(rules, _entry(one, b"a"), _entry(two, b"b"), _entry("plain", b"c"))
    assert use.entries == {"uuid": 2}
    assert sorted(use.meeting[0]) == sorted(_entry(text, b"").key for text in (one, two))
    print_rule_use(use, rules)
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["uuid: 2 entries", "hex-id: matches nothing"]
    assert lines[2].startswith("equal under these rules, with different answers: ")
    same = _use(
        rules, *(_entry(text, f"About {text}".encode()) for text in (one, two)), _entry(three, b"a", rules)
    )
    assert len(same.meeting) == 1
    same = _use(
        rules,
        *(_entry(text, f"About {text}".encode()) for text in (one, two)),
        _entry(three, f"About {three}".encode(), rules),
    )
    assert (same.entries["uuid"], same.meeting) == (3, [])


def test_a_rule_that_matches_most_texts_is_too_broad(capsys: pytest.CaptureFixture[str]) -> None:
    """It does not name a value."""
    table = {
        "name": "all",
        "host": HOST,
        "path": "/v1/*",
        "pointer": "/messages/*/content",
        "regex": "(q[0-9]+)",
    }
    rules = IdentityRules.parse(volatile_rules=json.dumps([table]))
    use = _use(rules, *(_entry(f"q{n} x", b"a") for n in range(30)))
    assert list(use.breadth.reasons()) == ["all"]
    print_rule_use(use, rules)
    assert "all: matches 30 of 60 texts" in capsys.readouterr().out
    assert use.as_dict(rules)["rules"] == [{"name": "all", "entries": 30, "texts": 30}]


def test_without_rules_it_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    """And where to read about them."""
    print_rule_use(_use(IdentityRules()), IdentityRules())
    assert "docs/volatile.md" in capsys.readouterr().out

"""Rules that match too much."""

from __future__ import annotations

import json

import pytest

from addon.volatile.breadth import Breadth
from addon.volatile.rules import Place, VolatileRules, parse_volatile

PLACE = Place("pointer", pointer=("messages", "0", "content"))


def _rules(**members: str) -> VolatileRules:
    rule = {"name": "r", "host": "a", "path": "/v1/*", "pointer": "/messages/*/content"} | members
    return parse_volatile("", json.dumps([rule]))


def _reasons(rules: VolatileRules, matching: list[str], others: int) -> dict[str, str]:
    breadth = Breadth(rules)
    breadth.add("a", "/v1/x", [(PLACE, text) for text in matching])
    breadth.add("b", "/v1/x", [(PLACE, "text")] * others)
    return breadth.reasons()


def test_a_rule_that_matches_a_quarter_of_all_texts_is_too_broad() -> None:
    """Of more than twenty, unless it names its value or the words around it."""
    rules = _rules(regex="([0-9]+)")
    assert _reasons(rules, ["1"] * 10, 30) == {}
    assert _reasons(rules, ["1"] * 11, 30)["r"].startswith("matches 11 of 41 texts")
    assert _reasons(rules, ["1"] * 5, 5) == {}


@pytest.mark.parametrize(("members", "narrow"), [
    ({"kind": "uuid"}, True), ({"kind": "date", "anchor": "It is ⟦…⟧"}, True), ({"regex": "run ([0-9]+)"}, True),
    ({"regex": "([0-9]+)"}, False), ({"regex": "a?b?([0-9]+)"}, False), ({"regex": "(?:run|)([0-9]+)"}, False),
    ({"regex": "[run ]{3}([0-9]+)"}, False), ({"regex": "(?:run )?([0-9]+)"}, False), ({"regex": "(?i)run ([0-9]+)"}, False),
    ({"regex": r"\pL\p{Greek}([0-9]+)"}, False), ({"regex": r"[]run]([0-9]+)"}, False), ({"regex": r"run(?P<n>[0-9]+)"}, True),
 ({"regex": r"(/tmp/tmp[0-9]{8})\b"}, True), ({"regex": "run ((?:a|b)[0-9]+)"}, True), ({"regex": "run|walk ([0-9]+)"}, False),
    ({"regex": "(?:(?:run|walk) (?:a|b))([0-9]+)"}, False), ({"regex": r"run\(([0-9]+|a)"}, True),
])  # fmt: skip
def test_what_names_its_value_is_narrow(members: dict[str, str], narrow: bool) -> None:
    """A kind without meaning, or three letters that always stand there."""
    assert _rules(**members).rules[0].is_narrow is narrow


def test_a_rule_that_matches_a_word_is_too_broad() -> None:
    """One is enough: the word is named."""
    rules = _rules(regex="user=([a-z0-9]{2,9}[0-9]|bob)")
    assert "the word 'bob'" in _reasons(rules, ["user=ann1", "user=bob"], 0)["r"]
    assert _reasons(rules, ["user=ann1"], 0) == {}

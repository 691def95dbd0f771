"""Which differences get a rule, and which do not."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from addon.identity import IdentityRules, identify
from addon.learning.comparing import Change, compare
from addon.learning.patterns import random_pattern
from addon.learning.proposing import propose, why_no_rule
from tests.addon.learning.requests_of_takes import UUIDS, asked, changes, chat, compared, wire

RULED = [
    ("Run {}", UUIDS, {"kind": "uuid", "anchor": "Run ⟦…⟧"}),
    ("{}", UUIDS, {"kind": "uuid"}),
    ("{} is the id", UUIDS, {"kind": "uuid", "anchor": "⟦…⟧ is the"}),
    ("Today's date is {}.", ("2026-11-28", "2026-11-29"), {"kind": "date", "anchor": "Today's date is ⟦…⟧"}),
    ("Current time: {}", ("2026-11-28T10:00:00", "2026-11-28T10:00:01"),
     {"kind": "iso-datetime", "anchor": "Current time: ⟦…⟧"}),
    ("It took {} in all", ("0.5 s", "12 s"), {"kind": "duration", "anchor": "It took ⟦…⟧"}),
    ("GET http://localhost:{}/x", ("8080", "54321"), {"kind": "port", "anchor": "GET http://localhost:⟦…⟧"}),
    ("in /tmp/{}/a", ("tmpab12cd_x", "tmpabcdefgh"), {"regex": r"(/tmp/tmp[0-9A-Za-z_]{8})\b"}),
    ("in /tmp/pytest-of-me/{}/a", ("pytest-1", "pytest-12"), {"kind": "tmp-path"}),
    ("Chunk ID: {} ok", ("3f2a1b", "99fe01"), {"regex": rf"Chunk ID: ({random_pattern(['3f2a1b'])})\b"}),
    ("{}", ("k3j4h5", "z9y8x7"), {"regex": f"^({random_pattern(['k3j4h5'])})$"}),
]  # fmt: skip
NOT_RULED = [
    ("What weekday is {}?", ("2026-11-28", "2027-01-03"), "does not say"),
    ("Released {}.", ("2026-11-28", "2027-01-03"), "does not say"),
    ("Is it true that today is {}?", ("2026-11-28", "2027-01-03"), "may ask"),
    ("Sum {} and 3", ("12", "13"), "words and numbers"),
    ("Pay {} now", ("1234567890123456", "6543210987654321"), "words and numbers"),
    ("Tell me about {}", ("cats", "dogs"), "words and numbers"),
    ("Tell me about {}", ("cats", "Schrödinger"), "words and numbers"),
    ("Say {}hello", ("", "twice "), "put in"),
    ("Wait {} here", ("3 s", "5 s"), "does not say"),
    ("Room {} at", ("101", "202"), "words and numbers"),
    ("at {} sharp", ("10:30", "11:45"), "words and numbers"),
]  # fmt: skip


def _keys(texts: list[str], tables: list[dict[str, str]]) -> set[str]:
    rules = IdentityRules.parse(volatile_rules=json.dumps(tables))
    return {identify(wire(chat(text)), rules).key for text in texts}


@pytest.mark.parametrize(("text", "values", "members"), RULED)
def test_a_value_without_meaning_gets_the_narrowest_rule(
    text: str, values: tuple[str, str], members: dict[str, str]
) -> None:
    """By kind, or by an expression that matches no word; with the words around it. The rule makes both equal."""
    texts = [text.format(value) for value in values]
    (proposal,), refused = propose(changes(*texts))
    place = {"host": "api.openai.com", "path": "/v1/chat/completions", "pointer": "/messages/0/content"}
    assert {name: value for name, value in proposal.members.items() if name != "name"} == place | members
    assert refused == []
    assert len(_keys(texts, [])) == 2
    assert len(_keys(texts, [proposal.members])) == 1


@pytest.mark.parametrize(("text", "values", "why"), NOT_RULED)
def test_what_may_mean_something_gets_none(text: str, values: tuple[str, str], why: str) -> None:
    """Dates that are asked about, words, numbers."""
    proposals, refused = propose(changes(*(text.format(value) for value in values)))
    assert proposals == []
    assert why in refused[0].why


@pytest.mark.parametrize(("one", "two", "why"), [
    (chat("x", model=UUIDS[0]), chat("x", model=UUIDS[1]), "decides"),
    (chat("x", previous_response_id=UUIDS[0]), chat("x", previous_response_id=UUIDS[1]), "resource"),
    ({"input": [{"type": "item_reference", "id": UUIDS[0]}]}, {"input": [{"type": "item_reference", "id": UUIDS[1]}]},
     "resource"),
])  # fmt: skip
def test_what_names_a_resource_gets_none(one: Any, two: Any, why: str) -> None:
    """A model, a conversation, an item."""
    (change,) = compared(one, two).changes
    assert why in why_no_rule(change)


def test_a_member_that_only_names_the_call_gets_one() -> None:
    """As the advice to a miss has it."""
    found = compared(chat("x", metadata={"run_id": UUIDS[0]}), chat("x", metadata={"run_id": UUIDS[1]}))
    (proposal,), _ = propose(found.changes)
    assert proposal.members["pointer"] == "/metadata/run_id"


@pytest.mark.parametrize(("name", "values", "why"), [
    ("x_session", UUIDS, ""),
    ("x_run_id", ("k3j4h5", "z9y8x7"), ""),
    ("x_tenant", UUIDS, "resource"),
    ("x_session", [f"account of a secret, {value}" for value in UUIDS], "secret"),
])  # fmt: skip
def test_a_header_gets_a_rule_if_all_of_it_identifies_a_call(
    name: str, values: Sequence[str], why: str
) -> None:
    """Any other may select what is asked, and the words around a value would be written."""
    one, two = (asked("x", **{name: value}) for value in values)
    proposals, refused = propose(compare(one, two).changes)
    assert [proposal.members["header"] for proposal in proposals] == [name.replace("_", "-")] * (not why)
    assert all(why in each.why for each in refused)
    assert len(proposals) + len(refused) == 1


def test_a_parameter_that_may_name_a_resource_gets_none() -> None:
    """One that identifies the call does."""
    for name, count in (("session_id", 1), ("file", 0)):
        one, two = (asked("x", path=f"/v1/files?{name}={value}") for value in UUIDS)
        assert len(propose(compare(one, two).changes)[0]) == count


def test_a_number_in_the_place_of_a_random_id_counts() -> None:
    """It is shorter, so two numbers are two requests."""
    (proposal,), _ = propose(changes("Refund order id: 3f2a1bc9", "Refund order id: 99fe01d2"))
    assert len(_keys(["Refund order id: 42", "Refund order id: 43"], [proposal.members])) == 2
    assert len(_keys(["Refund order id: 1234", "Refund order id: 1235"], [proposal.members])) == 2


def _several(*texts: str) -> list[Change]:
    return [change for text in texts for change in changes(*(text.format(value) for value in UUIDS))]


def test_places_and_anchors_are_joined() -> None:
    """Texts that end alike share a rule; many that do not share one without an anchor; indices become `*`."""
    (proposal,), _ = propose(_several("First id: {}", "Second id: {}"))
    assert proposal.members["anchor"] == "id: ⟦…⟧"
    (proposal,), _ = propose(_several(*(f"Word{n} {{}}" for n in range(5))))
    assert "anchor" not in proposal.members
    bodies = [
        {"model": "m", "messages": [{"role": "user", "content": f"Run {value}"}] * 2} for value in UUIDS
    ]
    (proposal,), _ = propose(compared(*bodies).changes)
    assert proposal.members["pointer"] == "/messages/*/content"


def test_names_are_valid_and_not_taken() -> None:
    """By other rules, old or new."""
    first, _ = propose(_several("Run {}"))
    again, _ = propose(_several("Run {}"), [first[0].members["name"]])
    assert (first[0].members["name"], again[0].members["name"]) == ("run-uuid", "run-uuid-2")


@pytest.mark.parametrize(
    "text",
    ["[a*b]\\ {} (x)", "é\t{}", "<redacted:x:0> {} done", "x" * 200 + " {}", "a\n{}\nb", "⟦uuid#1⟧ {} of it"],
)
def test_hostile_text_around_a_value_makes_a_valid_rule(text: str) -> None:
    """Signs of expressions, redactions, long words, line ends, stand-ins."""
    for values in (UUIDS, ("k3j4h5", "z9y8x7")):
        texts = [text.format(value) for value in values]
        proposals, _ = propose(changes(*texts))
        if proposals:
            assert len(_keys(texts, [each.members for each in proposals])) == 1

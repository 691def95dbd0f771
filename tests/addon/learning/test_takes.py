"""Take 2 is answered from take 1."""

from __future__ import annotations

import json
from typing import Any

import pytest

from addon.identity import identify
from addon.learning import takes
from addon.learning.takes import FirstTake, SecondTake
from addon.scopes.scope import Scope
from cache_store.entry import Entry
from tests.addon.learning.requests_of_takes import RULES, UUIDS, chat, wire

OLD, NEW = UUIDS


def _entry(key: str, text: str, bindings: tuple[tuple[str, int, str], ...] = ()) -> Entry:
    body = json.dumps({"choices": [{"message": {"content": text}}]}).encode()
    return Entry(
        key, 200, "OK", ((b"content-type", b"application/json"),), body, 1.0, 1.0, "r", bindings=bindings
    )


def _takes(asks: list[str], entries: dict[str, Entry]) -> SecondTake:
    first = FirstTake(RULES, "single")
    for number, text in enumerate(asks):
        first.ask(wire(chat(text)), (), None).key = f"k{number}"
    return SecondTake(RULES, "single", first.asked, entries.get)


def _said(take: SecondTake, body: Any) -> str | None:
    asked = take.ask(wire(chat(body) if isinstance(body, str) else body), (), None)
    return None if asked.answer is None else json.loads(asked.answer.body)["choices"][0]["message"]["content"]


def test_an_answer_gets_the_values_of_take_2() -> None:
    """Those of its own request, and those that differed before; a request of another form is not answered."""
    entries = {"k0": _entry("k0", f"did {OLD}"), "k1": _entry("k1", f"done: {OLD}")}
    take = _takes([f"Run {OLD}", "And now?"], entries)
    assert _said(take, f"Run {NEW}") == f"did {NEW}"
    assert _said(take, "And now?") == f"done: {NEW}"
    assert _said(take, chat("And now?", stream=True)) is None
    assert [pair.one is not None for pair in take.pairs] == [True, True, False]
    assert [asked.rebound for asked in take.asked] == [1, 1, 0]


def test_an_answer_that_cannot_be_adapted_is_served_as_it_is() -> None:
    """What the command asks next counts, not whether it passes."""
    take = _takes([f"Run {OLD}"], {"k0": _entry("k0", f"did {OLD[:8]}")})
    assert _said(take, f"Run {NEW}") == f"did {OLD[:8]}"


def test_words_are_not_replaced_in_answers() -> None:
    """A real difference is no value."""
    take = _takes(["Tell me of elephants"], {"k0": _entry("k0", "about elephants")})
    assert _said(take, "Tell me of crocodiles") == "about elephants"


def test_values_of_rules_of_the_run_are_replaced_as_well() -> None:
    """Beside those that are new."""
    rules = type(RULES).parse(volatile="uuid")
    take = FirstTake(rules, "single")
    bound = identify(wire(chat(f"Run {OLD} in sess-a1b2c3d4")), rules).bindings
    take.ask(wire(chat(f"Run {OLD} in sess-a1b2c3d4")), bound, None).key = "k0"
    entry = _entry("k0", f"did {OLD} in sess-a1b2c3d4", tuple(bound))
    second = SecondTake(rules, "single", take.asked, {"k0": entry}.get)
    request = wire(chat(f"Run {NEW} in sess-e5f6a7b8"))
    answer = second.ask(request, identify(request, rules).bindings, None).answer
    assert answer is not None
    assert f"did {NEW} in sess-e5f6a7b8" in answer.body.decode()
    assert [change.old for change in second.pairs[0].compared.changes] == ["a1b2c3d4"]


def test_tests_number_their_own_requests() -> None:
    """With the rule of the test, else of the run."""
    take = FirstTake(RULES, "sequence")
    plain = take.ask(wire(chat("x")), (), None)
    own = take.ask(wire(chat("x")), (), Scope("c", "t", 2, repeat="per-test"))
    assert (plain.test, plain.attempt, plain.repeat) == ("", 1, "sequence")
    assert (own.test, own.attempt, own.repeat, own.counter) == (
        "t",
        2,
        "per-test",
        Scope("c", "t", 2).counter,
    )


def test_a_take_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not fit into memory is not compared, and the take says so."""
    monkeypatch.setattr(takes, "_MOST_BYTES", 2000)
    take = FirstTake(RULES, "single")
    for _ in range(3):
        take.ask(wire(chat("x" * 400)), (), None)
    assert (take.is_full, len(take.asked)) == (True, 1)


def test_a_request_that_holds_a_credential_is_forgotten() -> None:
    """Also where the credential was sent after it, and in the other take; a rule would show it."""
    secret = "Zq9-unlike-4711-any-other"
    first = FirstTake(RULES, "single")
    for text in (f"Say {secret} {OLD}", "Say hello"):
        first.ask(wire(chat(text)), (), None)
    take = SecondTake(RULES, "single", first.asked, {}.get)
    take.ask(wire(chat(f"Say {secret} {NEW}")), (), None)
    take.ask(wire(chat("Say hello"), authorization=f"Bearer {secret}"), (), None)
    left = take.leave_out_credentials(first.asked)
    assert len(left) == len(take.asked) == len(take.pairs) == 1
    assert not any(secret.encode() in asked.saved for asked in (*left, *take.asked))

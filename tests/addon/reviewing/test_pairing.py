"""Which recording took the place of which."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from addon.reviewing.pairing import paired
from addon.reviewing.recordings import Recording
from tests.addon.reviewing.states import chat, state, system

TALK: list[dict[str, Any]] = [
    {"role": "user", "content": "Name a river."},
    {"role": "assistant", "content": "The Danube."},
    {"role": "user", "content": "How long is it?"},
]


def questions(pairs: list[tuple[Recording, Recording]]) -> list[tuple[str, str]]:
    """What was asked before and after."""
    return sorted((old.question, new.question) for old, new in pairs)


def test_equal_requests_belong_together() -> None:
    """Whatever tests they are said to belong to."""
    found = paired(state((chat("a", "1"), "one")), state((chat("a", "2"), "two")))
    assert questions(found.pairs) == [("a", "a")]
    assert (found.added, found.removed) == ([], [])


def test_a_test_whose_only_prompt_was_rewritten() -> None:
    """Both are paired however unlike they are, since nothing else of the test is left."""
    base, head = chat("Tell me about rivers"), chat([*TALK[:2], {"role": "user", "content": "0"}])
    found = paired(state((base, "t")), state((head, "t")))
    assert len(found.pairs) == 1


def test_the_most_alike_of_a_test_first() -> None:
    """Requests in parallel have no order; what is left is paired in the order of recording."""
    base = state(
        (chat("What is the capital of France, in one word?", at=1), "t"),
        (chat("Name the longest river of Asia", at=2), "t"),
        (chat("x1", at=3), "t"),
    )
    head = state(
        (chat("Name the longest river of Africa", at=1), "t"),
        (chat("What is the capital of France, in two words?", at=2), "t"),
        (chat("something else entirely", at=3), "t"),
    )
    assert questions(paired(base, head).pairs) == [
        ("Name the longest river of Asia", "Name the longest river of Africa"),
        (
            "What is the capital of France, in one word?",
            "What is the capital of France, in two words?",
        ),
        ("x1", "something else entirely"),
    ]


def test_turns_are_paired_by_their_place() -> None:
    """With a new first prompt every turn changes; the turn that is new is left over."""
    other = [{"role": "user", "content": "Name a big river."}, *TALK[1:]]
    base = state((chat(TALK[:1]), "t"))
    head = state((chat(other, at=2), "t"), (chat(other[:1], at=1), "t"))
    found = paired(base, head)
    assert [(len(old.chain), len(new.chain)) for old, new in found.pairs] == [(1, 1)]
    assert [len(one.chain) for one in found.added] == [3]


def test_recordings_of_no_test_are_paired_if_they_are_alike() -> None:
    """Also if only one state knows the test; those of two tests are not taken for one another."""
    old, new = "Summarise the report on rivers of Europe", "Summarise the report on rivers of Asia"
    for before, after, count in (("", "", 1), ("", "t", 1), ("t", "", 1), ("t", "u", 0)):
        found = paired(state((chat(old), before)), state((chat(new), after)))
        assert len(found.pairs) == count
    assert paired(state(chat("abc")), state(chat("nothing in common"))).pairs == []


def test_large_groups_are_paired_in_order() -> None:
    """The work is bounded: of many requests of one test the likeness is not measured."""
    base = state(*((chat(system("a", f"question {n}"), at=n), "t") for n in range(30)))
    head = state(*((chat(system("b", f"question {n}"), at=n), "t") for n in range(30)))
    found = paired(base, head)
    assert questions(found.pairs) == [(f"question {n}",) * 2 for n in sorted(range(30), key=str)]


def test_what_a_lock_file_lists_is_paired_by_test() -> None:
    """It has no request to compare."""
    old = Recording("pp2-a", "1", ("t",), "POST h/x", "m")
    new = replace(old, key="pp2-b")
    assert paired([old], [new]).pairs == [(old, new)]

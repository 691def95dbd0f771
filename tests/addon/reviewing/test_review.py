"""The changes of each test."""

from __future__ import annotations

import json
from typing import Any

from addon.reviewing.changes import What
from addon.reviewing.review import Review, reviewed
from tests.addon.reviewing.states import chat, state, system

FIRST: list[dict[str, Any]] = [{"role": "user", "content": "Name a river."}]
SECOND = [
    *FIRST,
    {"role": "assistant", "content": "The Danube."},
    {"role": "user", "content": "How long is it?"},
]


def kinds(review: Review) -> dict[str, list[What]]:
    """The kinds of change of each test."""
    return {block.test: block.kinds for block in review.blocks}


def test_equal_states_have_no_changes() -> None:
    """A recording that says the same is counted apart."""
    review = reviewed(state(chat("a"), chat("b", at=1)), state(chat("a"), chat("b", at=2)))
    assert (review.blocks, review.equal, review.again) == ([], 1, 1)


def test_one_change_of_every_turn_is_shown_once() -> None:
    """A new system prompt changes each request of the conversation."""
    old, new = ([{"role": "system", "content": words}] for words in ("Be terse.", "Be kind."))
    review = reviewed(
        state((chat([*old, *FIRST]), "t"), (chat([*old, *SECOND]), "t")),
        state((chat([*new, *FIRST]), "t"), (chat([*new, *SECOND]), "t")),
    )
    (block,) = review.blocks
    assert [(change.place, times) for change, times in block.changes.items()] == [
        ("request /messages/0/content", 2)
    ]


def test_a_conversation_that_grew_a_turn() -> None:
    """It is told from a recording that is new, and from a new conversation of two turns."""
    one, two = (chat(FIRST), "t"), (chat(SECOND, at=2), "t")
    assert kinds(reviewed(state(one), state(one, two))) == {"t": [What.TURN_ADDED]}
    assert kinds(reviewed(state(one, two), state(one))) == {"t": [What.TURN_REMOVED]}
    assert kinds(reviewed([], state(one, two))) == {"t": [What.ADDED]}
    assert kinds(reviewed(state(one), state(one, (chat("Hello"), "t")))) == {"t": [What.ADDED]}


def test_a_recording_of_several_tests() -> None:
    """The change is shown once, with how many others it concerns; that of no test comes last."""
    review = reviewed(
        state((chat(system("a b c d")), "t u v"), chat("no test", "1")),
        state((chat(system("a b c e")), "t u v"), chat("no test", "2")),
    )
    assert [(block.test, block.title, sorted(block.others)) for block in review.blocks] == [
        ("t", "", ["u", "v"]),
        ("", "no test", []),
    ]


def test_figures_before_and_after() -> None:
    """Of the test with its unchanged recordings, and of all."""
    same = (chat("same", tokens=(100, 10)), "t")
    other = (chat("of another test", tokens=(1000, 1)), "u")
    review = reviewed(
        state(same, other, (chat("a", "x", tokens=(1, 2)), "t")),
        state(same, other, (chat("a", "y", tokens=(3, 4)), "t")),
    )
    (block,) = review.blocks
    assert (block.before.tokens, block.after.tokens) == (113, 117)
    assert (review.before.input_tokens, review.after.input_tokens) == (1101, 1103)


def test_many_changes_are_counted() -> None:
    """Twenty of a test are kept; each kind is counted to the end."""
    old = [chat(f"question {n}", "a") for n in range(30)]
    new = [chat(f"question {n}", f"b{n}") for n in range(30)]
    review = reviewed(state(*((e, "t") for e in old)), state(*((e, "t") for e in new)))
    (block,) = review.blocks
    assert (len(block.changes), block.more, review.counted[What.ANSWER]) == (20, 10, 30)
    assert json.loads(json.dumps(review.as_dict()))["changes"] == {"answer-change": 30}

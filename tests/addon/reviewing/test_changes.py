"""What changed from one recording to the next."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from addon.reviewing.changes import Change, What, changes_of, only_in_one
from addon.reviewing.recordings import Recording, listed
from cache_store.entry import Entry
from tests.addon.reviewing.states import call, chat, state, system, tool


def changed(old: Entry, new: Entry) -> list[tuple[What, str]]:
    """The kind and the place of each change."""
    return [(change.what, change.place) for change in changes_of(*state(old, new))]


TERSE = system("You are terse.")


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        (chat(TERSE), chat(system("You are verbose.")), [(What.PROMPT, "request /messages/0/content")]),
        (chat("a", model="gpt-4.1"), chat("a", model="gpt-5"), [(What.MODEL, "request /model")]),
        (chat("a"), chat("a", answered_by="gpt-4.1-2026"), [(What.MODEL, "answer")]),
        (chat("a", tools=[tool("f")]), chat("a", tools=[tool("f"), tool("g")]), [(What.TOOLS, "request /tools/1")]),
        (chat("a", tools=[tool("f")]), chat("a"), [(What.TOOLS, "request /tools")]),
        (
            chat("a", tools=[tool("f", "old")]),
            chat("a", tools=[tool("f", "new")]),
            [(What.TOOLS, "request /tools/0/function/description")],
        ),
        (chat("a", temperature=0), chat("a", temperature=1), [(What.REQUEST, "request /temperature")]),
        (chat("a", "yes"), chat("a", "no"), [(What.ANSWER, "answer /text")]),
        (
            chat("a", calls=[call("f", city="Paris")]),
            chat("a", calls=[call("f", city="Rome")]),
            [(What.ANSWER, "answer /calls/0/arguments/city")],
        ),
        (chat("a", at=1), chat("a", at=2, tokens=(99, 9)), []),
    ],
)  # fmt: skip
def test_each_kind(old: Entry, new: Entry, what: list[tuple[What, str]]) -> None:
    """By JSON Pointer; another recording that says the same is no change."""
    assert changed(old, new) == what


def test_an_answer_that_a_later_request_repeats() -> None:
    """It is no change of the prompt."""
    talk: list[dict[str, Any]] = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    other = [talk[0], {"role": "assistant", "content": "c"}]
    assert changed(chat(talk), chat(other)) == [(What.HISTORY, "request /messages/1/content")]


def test_a_text_is_compared_by_words() -> None:
    """Other values are shown, and a credential is not."""
    (change,) = changes_of(*state(chat(TERSE), chat(system("You are verbose."))))
    assert [(hunk.old, hunk.new) for hunk in change.hunks] == [("terse", "verbose")]
    secret = "sk-proj-" + "a1B2c3D4e5" * 5
    (change,) = changes_of(
        *state(chat("a", calls=[call("f", n=1)]), chat("a", calls=[call("f", n=[secret])]))
    )
    assert secret[:20] not in str(change)


def test_model_and_tools_are_never_missed() -> None:
    """However many other differences come first."""
    old = [{"role": "user", "content": f"question {n}"} for n in range(50)]
    new = [{"role": "user", "content": f"other {n}"} for n in range(50)]
    kinds = [
        what
        for what, _ in changed(chat(old), chat(new, model="gpt-5", tools=[tool("f")]))
        if what is not What.PROMPT
    ]
    assert kinds == [What.MODEL, What.TOOLS]


def test_requests_that_were_not_saved() -> None:
    """The change is named, though not shown."""
    old, new = state(chat("a"), chat("b"))
    (change,) = changes_of(replace(old, request_json=b"{}"), replace(new, request_json=b"[" * 100_000))
    assert (change.what, change.new) == (
        What.REQUEST,
        "the request was not saved, or is too long to compare",
    )


def test_lock_files_say_less() -> None:
    """The model, and that there is another recording."""
    old = listed("pp2-a", "1", "POST h/v1 gpt-4.1")
    assert [change.what for change in changes_of(old, replace(old, digest="2"))] == [What.ANSWER]
    other = listed("pp2-b", "2", "POST h/v2 gpt-5")
    assert [change.what for change in changes_of(old, other)] == [What.MODEL, What.REQUEST, What.REQUEST]


def test_what_only_one_state_has() -> None:
    """The first words of what it asks."""
    recording = Recording("pp2-a", "1", place="POST h/v1", question="Who?")
    assert only_in_one(What.ADDED, recording) == Change(What.ADDED, "POST h/v1", None, "Who?")
    assert only_in_one(What.REMOVED, recording).as_dict() == {
        "what": "recording-removed", "place": "POST h/v1", "old": "Who?", "new": None, "words": [],
    }  # fmt: skip

"""Later misses that follow from an earlier one."""

from __future__ import annotations

from typing import Any

from addon.diagnosis import Folding, diagnose
from cache_store.tiers.memory_store import MemoryStore
from tests.addon.diagnosis.conftest import entry, identity

CALL = {"id": "call_1234abcd", "type": "function", "function": {"name": "f", "arguments": "{}"}}
TALK: list[dict[str, Any]] = [
    {"role": "system", "content": "Help."},
    {"role": "user", "content": "First?"},
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "call_1234abcd", "content": "42"},
    {"role": "assistant", "content": "It is 42."},
    {"role": "user", "content": "Second?"},
    {"role": "assistant", "content": "Yes."},
    {"role": "user", "content": "Third?"},
    {"role": "assistant", "content": "No."},
    {"role": "user", "content": "Fourth?"},
]
TURNS = (2, 4, 6, 8, 10)


def roots(recorded: list[list[dict[str, Any]]], asked: list[list[dict[str, Any]]]) -> list[int | None]:
    """For each request, the place of the one that it follows from."""
    store, folding = MemoryStore(), Folding()
    for messages in recorded:
        store.put(entry(identity({"model": "m", "messages": messages})))
    keys, found = [], []
    for messages in asked:
        wanted = identity({"model": "m", "messages": messages})
        keys.append(wanted.key)
        root = folding.root(diagnose(wanted.key, wanted.request_json, wanted.label, store))
        found.append(keys.index(root) if root else None)
    return found


def turns(talk: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """The requests of the conversation."""
    return [talk[:length] for length in TURNS]


def test_a_five_turn_conversation_with_tool_calls() -> None:
    """A changed first question is one cause: the other four follow, also where the live answers are other ones."""
    changed = [TALK[0], {"role": "user", "content": "First!"}, *TALK[2:]]
    assert roots(turns(TALK), turns(changed)) == [None, 0, 0, 0, 0]
    live: list[dict[str, Any]] = [*changed[:2], {"role": "assistant", "content": "Live."}, *changed[3:]]
    assert roots(turns(TALK), turns(live)) == [None, 0, 0, 0, 0]


def test_a_conversation_that_goes_on_from_a_miss() -> None:
    """An added message is not a repeated value, but the conversation that continues it is folded."""
    added = [TALK[0], {"role": "user", "content": "Before all: hello."}, *TALK[1:]]
    asked = [added[: length + 1] for length in TURNS]
    assert roots(turns(TALK), asked) == [None, 0, 0, 0, 0]


def test_a_changed_system_prompt_is_one_cause_for_all() -> None:
    """One value that changes in every conversation is one cause."""
    other = [{"role": "system", "content": "Help, please."}]
    asked = [[*other, {"role": "user", "content": f"Question {n}?"}] for n in range(3)]
    recorded = [[TALK[0], {"role": "user", "content": f"Question {n}?"}] for n in range(3)]
    assert roots(recorded, asked) == [None, 0, 0]


def test_other_misses_are_causes_of_their_own() -> None:
    """Two changed questions have nothing to do with one another."""
    recorded = [[{"role": "user", "content": f"Question {n}?"}] for n in range(2)]
    asked = [[{"role": "user", "content": f"Question {n}, say?"}] for n in range(2)]
    assert roots(recorded, asked) == [None, None]


def test_a_retry_is_no_follower_of_itself() -> None:
    """A repeated request is the same miss, not a follower."""
    asked = [[{"role": "user", "content": "Question?"}]] * 2
    assert roots([[{"role": "user", "content": "Another question?"}]], asked) == [None, None]

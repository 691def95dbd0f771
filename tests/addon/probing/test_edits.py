"""The alterations that an answer admits."""

from __future__ import annotations

import json
from typing import Any

import pytest

from addon.probing.edits import Kind, edits_of
from addon.probing.parts import parts_of
from tests.addon.probing.answers import ANSWERS, JSON


def test_a_whole_chat_answer_admits_these() -> None:
    """Every kind but a field, each once for what it alters."""
    answer = ANSWERS["chat"]()
    parts = parts_of(answer.headers, answer.body)
    assert parts is not None
    message = "/choices/0/message"
    call = f"{message}/tool_calls"
    assert [tuple(edit.change) for edit in edits_of(parts, 0)] == [
        ("text", f"{message}/content"),
        ("argument", f"{call}/0/function/arguments/city"),
        ("argument", f"{call}/0/function/arguments/days"),
        ("argument", f"{call}/0/function/arguments/exact"),
        ("call", f"{call}/0"),
        ("argument", f"{call}/1/function/arguments/note"),
        ("argument", f"{call}/1/function/arguments/at/0"),
        ("argument", f"{call}/1/function/arguments/at/1"),
        ("call", f"{call}/1"),
        ("empty", f"{message}/content"),
        ("length", "/choices/0/finish_reason"),
        ("usage", "/usage"),
    ]


@pytest.mark.parametrize(
    ("answer", "kinds"),
    [
        ([{"output": [], "status": "completed"}], ["length"]),
        ({"choices": [], "usage": {"total_tokens": int("9" * 4300)}}, []),
        ({"choices": [{"message": {"content": json.dumps({"n": int("9" * 4300)})}}]}, ["empty"]),
    ],
)
def test_a_strange_answer_ends_no_probe(answer: Any, kinds: list[str]) -> None:
    """A response in an array, and numbers that Python could not write."""
    parts = parts_of(JSON, json.dumps(answer).encode())
    assert parts is not None
    assert [edit.change.kind for edit in edits_of(parts, 0)] == kinds


def test_many_values_are_sampled_from_all_over() -> None:
    """No more than twelve of one text."""
    text = json.dumps({f"a/{n}": n for n in range(100)})
    parts = parts_of(JSON, json.dumps({"choices": [{"message": {"content": text}}]}).encode())
    assert parts is not None
    fields = [edit.change.pointer for edit in edits_of(parts, 0) if edit.change.kind is Kind.FIELD]
    assert len(fields) == 12
    assert fields[0].endswith("/content/a~10")
    assert fields[-1].endswith("/content/a~199")

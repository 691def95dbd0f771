"""The parts of an answer."""

from __future__ import annotations

import pytest

from addon.probing.parts import parts_of, value_at
from tests.addon.probing.answers import ANSWERS, JSON, TEXT


@pytest.mark.parametrize("dialect", ANSWERS)
def test_every_dialect_says_its_text_and_its_calls(dialect: str) -> None:
    """One text, two calls, a reason for the end, and usage."""
    answer = ANSWERS[dialect]()
    parts = parts_of(answer.headers, answer.body)
    assert parts is not None
    said = [parts.said(text) for text in parts.texts.values()]
    assert said == ["".join(TEXT)]
    assert len(parts.calls) == 2
    assert parts.ends or parts.responses
    assert parts.usages
    assert all(isinstance(value_at(parts.values, usage), dict) for usage in parts.usages)


@pytest.mark.parametrize("dialect", ["chat", "messages", "responses", "converse", "cohere"])
def test_a_stream_has_the_pointers_of_the_whole_answer(dialect: str) -> None:
    """So a finding means the same for both."""
    whole, stream = ANSWERS[dialect](), ANSWERS[f"{dialect}-stream"]()
    found = [parts_of(answer.headers, answer.body) for answer in (whole, stream)]
    texts = [sorted(parts.texts) for parts in found if parts is not None]
    calls = [
        sorted((call.pointer, call.arguments.pointer) for call in parts.calls.values())
        for parts in found
        if parts
    ]
    assert texts[0] == texts[1]
    assert calls[0] == calls[1]


def test_a_large_body_has_no_parts() -> None:
    """The work is bounded."""
    assert parts_of(JSON, b'{"x": "' + b"a" * (4 * 1024 * 1024) + b'"}') is None

"""Whether two answers say the same."""

from __future__ import annotations

import json
from typing import Any

from addon.policy.same_answer import answer_digest, differs, words_digest
from cache_store.entry import Entry


def _entry(body: bytes, status: int = 200) -> Entry:
    return Entry("k", status, "OK", ((b"content-type", b"application/json"),), body, 1.0, 0.1, "run")


def _chat(text: str, identifier: str = "1", tool: str = "") -> Entry:
    message: dict[str, Any] = {"role": "assistant", "content": text}
    if tool:
        message["tool_calls"] = [{"id": identifier, "function": {"name": tool, "arguments": "{}"}}]
    body = {"id": identifier, "object": "chat.completion", "choices": [{"index": 0, "message": message}]}
    return _entry(json.dumps(body).encode())


def test_ids_do_not_count_and_words_do() -> None:
    """So do tool calls."""
    assert words_digest(_chat("heads", "1")) == words_digest(_chat("heads", "2"))
    assert len({words_digest(_chat(*said)) for said in (("heads",), ("tails",), ("heads", "1", "flip"))}) == 3
    assert not differs(_chat("heads"), [_chat("heads", "2"), _chat("heads", "3")])
    assert differs(_chat("heads"), [_chat("heads"), _chat("tails")])
    assert not differs(_chat("heads"), [])


def test_an_answer_of_no_model_is_compared_whole() -> None:
    """Its words cannot be told."""
    one, other = _entry(b'{"data": [1]}'), _entry(b'{"data": [2]}')
    assert words_digest(one) == words_digest(_chat("")) == ""
    assert answer_digest(one) != answer_digest(other)
    assert answer_digest(one) != answer_digest(_entry(one.body, 201))
    assert answer_digest(one) == answer_digest(_entry(one.body))

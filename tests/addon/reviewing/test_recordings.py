"""What a review compares of an entry."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from addon.reviewing.recordings import Figures, listed, recording_of
from cache_store.entry import Entry
from tests.addon.reviewing.states import call, chat, system

SSE = ((b"content-type", b"text/event-stream"),)


def meaning(entry: Entry) -> dict[str, object]:
    """What its answer says."""
    answer = recording_of(entry).answer
    assert answer is not None
    return answer.meaning


def test_ids_and_usage_are_no_meaning() -> None:
    """The same answer recorded again means the same, with other tokens too."""
    one, other = chat("a", at=1), chat("a", at=2, tokens=(11, 6))
    assert meaning(one) == meaning(other) == {"text": "yes", "calls": [], "finish": "stop"}
    assert recording_of(one).digest != recording_of(other).digest
    assert recording_of(other).figures.tokens == 17


def test_a_stream_means_what_its_whole_answer_means() -> None:
    """Text and tool calls are joined; arguments are compared as JSON."""
    chunks = [
        {"choices": [{"delta": {"content": "ye"}}]},
        {"choices": [{"delta": {"content": "s"}}]},
        {"choices": [{"delta": {}, "finish_reason": "stop"}]},
    ]
    body = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks).encode() + b"data: [DONE]\n\n"
    assert meaning(replace(chat("a"), headers=SSE, body=body)) == meaning(chat("a"))
    assert meaning(chat("a", calls=[call("f", x=1)]))["calls"] == [{"name": "f", "arguments": {"x": 1}}]


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        (b'{"id": "x", "data": [1]}', {"body": {"data": [1]}}),
        (b"[1, 2]", {"body": [1, 2]}),
        (b"plain", {"text": "plain"}),
        (b"[" * 100_000, {"text": "[" * 100_000}),
    ],
)
def test_formats_that_are_not_known(body: bytes, wanted: dict[str, object]) -> None:
    """JSON is compared as JSON, text as text, anything else by its digest."""
    assert meaning(replace(chat("a"), body=body)) == wanted
    assert set(meaning(replace(chat("a"), body=b"\xff"))) == {"bytes", "sha256"}


def test_an_error_says_so() -> None:
    """A stored 404, say."""
    assert meaning(replace(chat("a"), status=404, body=b"no"))["status"] == 404


def test_what_a_request_asks() -> None:
    """Its first words, its place, and its conversation."""
    found = recording_of(chat(system("Be terse.", "Who\nwrote it?")))
    assert (found.question, found.model) == ("Who wrote it?", "gpt-4.1")
    assert found.place == "POST api.openai.com/v1/chat/completions"
    assert len(found.chain) == 2
    assert recording_of(replace(chat("a"), request_json=b"[")).question == ""


def test_a_line_of_a_lock_file() -> None:
    """Place and model, without an answer."""
    found = listed("pp2-a", "1", "POST h/v1/chat gpt-4.1")
    assert (found.place, found.model, found.answer) == ("POST h/v1/chat", "gpt-4.1", None)


def test_figures_say_what_is_not_known() -> None:
    """A price that is unknown is never 0."""
    assert Figures(1, 10, 5, unpriced=1).line == "10 tokens in, 5 out, 1 of unknown price"
    assert Figures(1, 10, 5, unpriced=1).as_dict()["usd"] is None
    assert Figures().line == "0 tokens in, 0 out, $0.00"

"""One JSON value per line."""

from __future__ import annotations

import json

import pytest

LINES = "application/x-ndjson"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'{"done": false}\n{"done": true, "done_reason": "stop"}\n', None),
        (b'{"done": false}\n{"done": true}\n', None),
        (b'{"done": false}\n', "no-terminal-event"),
        (b'{"done": false}\n{"error": "model runner has stopped"}\n', "error-in-stream"),
        (b'{"done": false}\n{"done": true, "done_reason": "length"}\n', "incomplete"),
        (b'{"event_type": "stream-start"}\n{"event_type": "text-generation"}\n', "no-terminal-event"),
        (b'{"object": "chat.completion.chunk", "choices": [{"finish_reason": null}]}\n', "not-finished"),
        (b'{"object": "chat.completion.chunk", "choices": [{"finish_reason": "stop"}]}\n', None),
        (b'{"a": 1}\n\r\n{"a": 2}\r\n', None),
        (b'{"a": 1}\n{"a": 2}', None),
        (b'{"a": 1}\n{"a": ', "bad-json"),
        (b'{"a": 1}\noops\n{"a": 2}\n', "bad-json"),
        (b"1\n23", "cut-off"),
        (b"1\n23\n", None),
        (b"\n \n", "empty"),
        (b'{"a": "\xff"}\n', "bad-json"),
    ],
)
def test_lines(body, reason, ask):
    """Every line must parse, and a dialect with an end marker must show it."""
    assert reason == ask(body, LINES, store_incomplete=False).reason


def test_failed_items_of_a_batch_are_results(ask, samples):
    """A batch result with failed items is a whole file."""
    for name in ("openai_batch_output.jsonl", "anthropic_batch_results.jsonl"):
        assert ask((samples / "streams" / name).read_bytes(), "application/x-jsonl").reason is None


@pytest.mark.parametrize("media", ["application/json", "application/octet-stream", "text/plain"])
def test_lines_are_known_under_another_type(media, ask):
    """Lines are recognised under application/octet-stream, JSON and text types."""
    assert (ask(b'{"a": 1}\n{"a": 2}\n', media).reason, ask(b'{"a": 1}\n{"a": 2}\n', media).judged) == (
        None,
        "jsonl",
    )
    assert ask(b'{"done": false}\n{"done": false}\n', media).reason == "no-terminal-event"
    assert ask(b'{"a": 1}\n{"a": ', media).reason == "bad-json"


@pytest.mark.parametrize("error", [{"error": "x", "done": True}, {"error": "x", "done": True, "model": "m"}])
def test_an_error_in_a_known_stream_is_seen_whatever_else_its_line_holds(error, ask):
    """Ollama may close its stream with an error; in a batch's file an error beside other members is one item's."""
    start = json.dumps({"model": "m", "response": "a", "done": False}).encode()
    end = json.dumps(error).encode()

    assert ask(end, "application/x-ndjson").reason == "error-in-stream"
    assert ask(start + b"\n" + end, "application/x-ndjson").reason == "error-in-stream"
    assert ask(b'{"custom_id": "a", "error": {"code": "x"}}\n', "application/x-ndjson").reason is None

"""The quick guess that a stream's end has passed."""

from __future__ import annotations

import pytest

from addon.judging.finished import seems_finished

MEDIA = {
    ".sse": "text/event-stream; charset=utf-8",
    ".bin": "Text/Event-Stream",
    ".ndjson": "application/x-ndjson",
}


def _media(name):
    if name.startswith("bedrock"):
        return "application/vnd.amazon.eventstream"
    return "application/json" if name == "gemini_jsonarray.bin" else MEDIA[name[name.index(".") :]]


def _streams(samples):
    return [path for path in sorted((samples / "streams").iterdir()) if path.suffix != ".jsonl"]


def test_the_end_of_every_stream_is_seen(samples):
    """The last 512 bytes of each sample contain its terminal event."""
    missed = [
        path.name
        for path in _streams(samples)
        if not seems_finished(path.read_bytes()[-512:], _media(path.name))
    ]

    assert missed == []


def test_the_beginning_of_a_stream_is_not_its_end(samples):
    """No stream seems finished after its first event, unless that is also its last."""
    early = []
    for path in _streams(samples):
        body = path.read_bytes()
        first = body[: body.find(b"\n\n") + 2] if path.suffix == ".sse" else body[:120]
        if len(first) < len(body) and seems_finished(first[-512:], _media(path.name)):
            early.append(path.name)

    assert early == []


@pytest.mark.parametrize("shift", [0, 1, 2])
def test_invocation_metrics_are_found_at_any_alignment_of_base64(shift):
    """Bedrock's last chunk is base64, whose text depends on how many bytes came before."""
    import base64

    inner = b"{" + b" " * shift + b'"amazon-bedrock-invocationMetrics":{}}'

    assert seems_finished(base64.b64encode(inner), "application/vnd.amazon.eventstream")


@pytest.mark.parametrize(
    ("tail", "media"),
    [
        (b"", "text/event-stream"),
        (b'data: {"type": "message_stop"}', "text/event-stream"),
        (b'data: {"delta": {"text": "hello"}}\n\n', "text/event-stream"),
        (b'{"choices": []}', "application/json"),
        (b'{"done": false}\n', "application/x-ndjson"),
        (b"data: [DONE]\n\n", "audio/mpeg"),
        (b"data: [DONE]\n\n", ""),
    ],
)
def test_unfinished_tails(tail, media):
    """An event without its blank line, a delta, a plain object and other media are not finished streams."""
    assert not seems_finished(tail, media)

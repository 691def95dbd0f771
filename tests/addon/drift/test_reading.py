"""What a comparison reads in an answer of each dialect, whole and streamed."""

from __future__ import annotations

from pathlib import Path

import pytest

from addon.drift.reading import Reading, pointer_of_name
from tests.addon.drift.dialects import DIALECTS, Dialect, Version

STREAMS = Path(__file__).parents[2] / "samples" / "streams"


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_a_stream_says_what_a_whole_answer_says(dialect: Dialect) -> None:
    """Text, tool calls, model and the reason why it ended."""
    for version in (Version(), Version(tool="weather", finish="tool")):
        whole, streamed = (dialect.reading(version, stream=stream) for stream in (False, True))
        assert streamed.is_stream
        assert not whole.is_stream
        assert streamed.said == whole.said
        assert [call.name for call in whole.said.calls] == ([version.tool] if version.tool else [])
        assert streamed.model == whole.model
        ended = [{finish.reason for finish in reading.finishes.values()} for reading in (whole, streamed)]
        assert ended == [{dialect.finishes[version.finish]}] * 2
        if version.tool:
            assert pointer_of_name(whole, "weather").endswith("/name")
            assert pointer_of_name(streamed, "weather").endswith("/name")


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("bedrock_invoke.bin", "application/vnd.amazon.eventstream"),
        ("gemini_jsonarray.bin", "application/json"),
        ("ollama_chat.ndjson", "application/x-ndjson"),
        ("cohere_v1.ndjson", "application/stream+json"),
        ("openai_responses.bin", "text/event-stream"),
    ],
)
def test_other_streams_have_documents(name: str, media_type: str) -> None:
    """Frames in base64, arrays, JSON lines and typed events."""
    reading = Reading(200, ((b"content-type", media_type.encode()),), (STREAMS / name).read_bytes())
    assert len(reading.documents) > 1
    assert reading.shape


def test_pings_are_left_out() -> None:
    """They come when they come."""
    body = b'event: ping\ndata: {"type": "ping"}\n\ndata: {"a": 1}\n\ndata: [DONE]\n\n'
    reading = Reading(200, ((b"content-type", b"text/event-stream"),), body)
    assert reading.documents == [("", {"a": 1}), ("[DONE]", None)]


@pytest.mark.parametrize("body", [b"", b"no json", b"\x00\x01", b'data: {"a"\n\n', b"[" * 1000])
@pytest.mark.parametrize(
    "media_type",
    [b"application/json", b"text/event-stream", b"audio/mpeg", b"application/vnd.amazon.eventstream"],
)
def test_a_body_that_does_not_parse_has_no_documents(body: bytes, media_type: bytes) -> None:
    """It raises nothing."""
    reading = Reading(200, ((b"content-type", media_type),), body)
    assert reading.documents == []
    assert reading.finishes == {}
    assert reading.said.text == ""

"""The events and chunks of a stream."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from addon.pacing.chunk_times import ChunkTimes
from addon.pacing.rhythm import write_rhythm
from addon.page.stream_view import stream_view
from cache_store.entry import Entry

SAMPLES = Path(__file__).resolve().parents[2] / "samples" / "streams"


def _entry(body: bytes, media_type: str, cuts: list[int]) -> Entry:
    """An answer that came in chunks that end at `cuts`, one each second after a head that came after a second."""
    headers = ((b"content-type", media_type.encode()),)
    chunks = ChunkTimes(1.0)
    for number, (before, end) in enumerate(zip((0, *cuts), cuts, strict=False)):
        chunks.add(end - before, 2.0 + number)
    timing = write_rhythm(chunks, 0.0, headers, body)
    return Entry("pp2-1", 200, "OK", headers, body, 1.0, 9.0, "run", timing=timing)


def test_an_event_has_the_time_of_the_chunk_that_ends_it() -> None:
    """Comments are no events, and one chunk may end several."""
    body = b"data: 1\n\n: hello\n\ndata: 2\r\n\r\nevent: e\ndata: 3\n\ndata: [DONE]"
    view: Any = stream_view(_entry(body, "text/event-stream", [4, 12, body.index(b"[DONE]"), len(body)]))
    assert [(event["name"], event["text"], event["at"]) for event in view["events"]] == [
        ("", "1", 3.0), ("", "2", 4.0), ("e", "3", 4.0), ("", "[DONE]", 5.0),
    ]  # fmt: skip
    assert view["chunks"][0][1] == 4
    assert [at for at, _ in view["chunks"]] == [2.0, 3.0, 4.0, 5.0]
    assert view["pieces"] == 4


def test_more_chunks_than_are_shown_are_counted() -> None:
    """The list is cut, the number is not."""
    event = b"data: 1\n\n"
    ends = [len(event) * number for number in range(1, 2501)]
    view: Any = stream_view(_entry(event * 2500, "text/event-stream", ends))
    assert (len(view["chunks"]), view["pieces"]) == (2000, 2500)


@pytest.mark.parametrize(
    ("name", "media_type"),
    [("openai_chat.bin", "text/event-stream"), ("anthropic.bin", "text/event-stream"), ("bedrock_converse.bin", "application/vnd.amazon.eventstream"),
     ("ollama_chat.ndjson", "application/x-ndjson"), ("cohere.bin", "text/event-stream")],
)  # fmt: skip
def test_every_event_of_the_samples_has_a_time(name: str, media_type: str) -> None:
    """In order."""
    body = (SAMPLES / name).read_bytes()
    view: Any = stream_view(_entry(body, media_type, [len(body) // 2, len(body)]))
    times = [event["at"] for event in view["events"]]
    assert len(times) == view["count"]
    assert times == sorted(times)
    assert {2.0, 3.0} >= set(times)


def test_without_times_events_are_in_order() -> None:
    """An old recording, and one whose timing is damaged."""
    for timing in ("", "AAAA", "x"):
        entry = Entry(
            "pp2-1",
            200,
            "OK",
            ((b"content-type", b"text/event-stream"),),
            b"data: 1\n\n",
            1.0,
            9.0,
            "run",
            timing=timing,
        )
        view: Any = stream_view(entry)
        assert ("at" in view["events"][0], view["chunks"]) == (False, [])


def test_other_answers_are_no_streams() -> None:
    """Whole ones have no events."""
    assert stream_view(Entry("pp2-1", 200, "OK", (), b"{}", 1.0, 9.0, "run")) is None


def test_the_list_is_bounded() -> None:
    """All events are counted."""
    body = b"data: 1\n\n" * 2500
    view: Any = stream_view(_entry(body, "text/event-stream", [len(body)]))
    assert (len(view["events"]), view["count"]) == (2000, 2500)

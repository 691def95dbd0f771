"""A live answer's body while it passes."""

from __future__ import annotations

import asyncio
import gzip
import tracemalloc
import zlib
from dataclasses import replace

import pytest

from addon.exchange.coordination import Flight
from addon.exchange.recording import Recording
from addon.messages import LiveAnswer

SSE = "text/event-stream; charset=utf-8"


def test_chunks_are_handed_on_as_they_come() -> None:
    """Every chunk passes unchanged, the empty one at the end too, and the body is all of them."""
    recording = Recording(100, SSE)
    chunks = [b"a", b"bc", b"", b"d", b""]
    assert [recording(chunk) for chunk in chunks] == chunks
    assert recording.body() == b"abcd"
    assert recording.body() == b"abcd"


def test_nothing_fed_is_an_empty_body() -> None:
    """An answer without a body records none."""
    assert Recording(0, SSE).body() == b""


def test_a_body_of_exactly_the_limit_is_kept() -> None:
    """Only a longer one is too large."""
    recording = Recording(4, SSE)
    recording(b"12")
    recording(b"34")
    recording(b"")
    assert (recording.too_large, recording.body()) == (False, b"1234")


def test_a_longer_body_is_let_go_of_and_still_handed_on() -> None:
    """Past the limit nothing is held any more, whatever comes after, and the client gets everything."""
    recording = Recording(4, SSE)
    passed = [recording(chunk) for chunk in (b"12", b"345", b"6", b"")]
    assert passed == [b"12", b"345", b"6", b""]
    assert recording.too_large is True
    assert recording.body() == b""
    assert recording(b"data: [DONE]\n\n") == b"data: [DONE]\n\n"
    assert recording.body() == b""


def test_a_long_body_is_held_once() -> None:
    """While it is collected and when it is whole, memory holds its bytes one time, give or take an eighth."""
    size = 32 * 2**20
    chunk = b"x" * 65_536
    recording = Recording(size, "audio/mpeg")
    tracemalloc.start()
    try:
        for _ in range(size // len(chunk)):
            recording(chunk)
        body = recording.body()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(body) == size
    assert peak < size * 1.2


@pytest.mark.parametrize(("length", "kept"), [("5", b""), ("4", b"1234"), (None, b"1234"), ("many", b"1234")])
def test_a_body_that_says_that_it_is_too_long_is_not_collected(length: str | None, kept: bytes) -> None:
    """Not a byte of it; one that says nothing of use is."""
    recording = Recording(4, SSE, length=length)
    assert recording(b"1234") == b"1234"
    assert recording.too_large is (length == "5")
    assert recording.body() == kept


@pytest.mark.parametrize(
    "end",
    [
        b"data: [DONE]\n\n",
        b'event: message_stop\ndata: {"type":"message_stop"}\n\n',
        b'event: response.completed\ndata: {"type":"response.completed","response":{"id":"r"}}\n\n',
    ],
)
def test_the_terminal_event_is_seen_however_it_is_cut(end: bytes) -> None:
    """The three terminal markers are told in one chunk, and byte by byte; not a byte too early."""
    recording = Recording(10_000, SSE)
    recording(b'data: {"x":1}\n\n')
    finished = [recording.finished, (recording(end), recording.finished)[1]]
    assert finished == [False, True]
    by_byte = Recording(10_000, SSE)
    seen = [(by_byte(end[n : n + 1]), by_byte.finished)[1] for n in range(len(end))]
    assert seen[-1] is True
    assert not any(seen[:-3])


def test_more_after_a_terminal_event_opens_it_again() -> None:
    """`finished` is about the last bytes: an event that follows shows that it was not the end."""
    recording = Recording(10_000, SSE)
    recording(b"data: [DONE]\n\n")
    recording(b'data: {"x":"' + b"y" * 600)
    assert recording.finished is False


def test_a_marker_in_another_kind_of_answer_is_no_end() -> None:
    """Only a stream's own grammar ends it."""
    recording = Recording(10_000, "text/plain")
    recording(b"data: [DONE]\n\n")
    assert recording.finished is False


def test_the_flight_learns_that_its_client_has_the_whole_answer() -> None:
    """A flight is `answered` as soon as the terminal event passed, before the message ends."""

    async def story() -> list[bool]:
        flight = Flight("key", 1)
        recording = Recording(10_000, SSE, flight)
        seen = [flight.answered]
        for chunk in (b'data: {"x":1}\n\n', b"data: [DONE]\n\n", b""):
            recording(chunk)
            seen.append(flight.answered)
        return seen

    assert asyncio.run(story()) == [False, False, True, True]


def _packed(*events: bytes) -> list[bytes]:
    packer = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    return [packer.compress(event) + packer.flush(zlib.Z_SYNC_FLUSH) for event in events]


def test_the_terminal_event_is_seen_inside_an_encoding() -> None:
    """A compressed stream is finished with its terminal event, as any other; what its client saw is plain."""
    recording = Recording(10_000, SSE, encoding="gzip")
    chunks = _packed(b'data: {"x":1}\n\n', b"data: [DONE]\n\n")
    finished = [(recording(chunk) == chunk, recording.finished)[1] for chunk in chunks]
    assert finished == [False, True]
    assert recording.body() == b"".join(chunks)
    head = LiveAnswer(200, "OK", ((b"Content-Encoding", b"gzip"), (b"content-type", b"x")), b"")
    seen = recording.seen(head)
    assert (seen.headers, seen.body) == (((b"content-type", b"x"),), b'data: {"x":1}\n\ndata: [DONE]\n\n')


def test_what_could_not_be_seen_is_no_answer() -> None:
    """Where something in an encoding is lost, nothing that came before it counts as the end."""
    recording = Recording(10_000, SSE, encoding="gzip")
    recording(gzip.compress(b"data: [DONE]\n\n"))
    assert recording.finished is True
    recording(gzip.compress(b'data: {"x":1}\n\n'))
    assert recording.finished is False
    assert recording.seen(LiveAnswer(200, "OK", (), b"")).body == b""


def test_without_an_encoding_what_was_seen_is_what_came() -> None:
    """Headers stay as they are."""
    recording = Recording(100, SSE)
    recording(b"abc")
    head = LiveAnswer(200, "OK", ((b"content-encoding", b"identity"),), b"")
    assert recording.seen(head) == replace(head, body=b"abc", ended=False)


def test_what_unfolds_beyond_the_limit_is_not_held() -> None:
    """Of a small answer that unfolds to a large one no more is decoded than shows that it is too large."""
    recording = Recording(1_000_000, SSE, encoding="deflate")
    recording(zlib.compress(b"".join(b"%d" % at for at in range(300_000))))
    assert 1_000_000 < len(recording.seen(LiveAnswer(200, "OK", (), b"")).body) < 1_200_000


def test_the_chunks_are_noted_in_decoded_bytes() -> None:
    """One that decodes to nothing is left out, and where decoding fails or the answer is too long none are known."""
    events = [b"data: a\n\n", b"data: bb\n\n"]
    recording = Recording(1000, SSE, encoding="gzip")
    first, *rest = _packed(*events)
    for chunk in (first[:5], first[5:], *rest, b""):
        recording(chunk)
    assert list(recording.chunks.lengths) == [len(event) for event in events]
    recording(b"no gzip")
    assert recording.chunks.times is None
    long = Recording(4, SSE)
    for chunk in (b"abc", b"de", b"f"):
        long(chunk)
    assert long.chunks.times is None


def test_the_latest_chunk_can_be_held_back() -> None:
    """With `hold` every chunk but the last is handed on, and the last is there to be sent at the end."""
    recording = Recording(100, "application/json", length="9", hold=True)
    passed = [recording(chunk) for chunk in (b"ab", b"cd", b"ef", b"")]
    assert passed == [(), (b"ab",), (b"cd",), ()]
    assert (recording.held, recording.body()) == (b"ef", b"abcdef")


def test_what_is_too_large_is_held_back_and_handed_on_all_the_same() -> None:
    """A client gets every byte of an answer that is not kept."""
    recording = Recording(2, SSE, length="9", hold=True)
    passed = [recording(chunk) for chunk in (b"ab", b"cd", b"ef", b"")]
    assert passed == [(), (b"ab",), (b"cd",), ()]
    assert (recording.held, recording.too_large, recording.body()) == (b"ef", True, b"")


def test_without_a_body_nothing_is_held() -> None:
    """An answer that ends at once."""
    recording = Recording(2, SSE, length="9", hold=True)
    assert recording(b"") == ()
    assert recording.held == b""

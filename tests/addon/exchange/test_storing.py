"""Which answers are stored."""

from __future__ import annotations

import asyncio
import gzip
import json
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from addon.exchange.decisions import Forward, Hit
from addon.exchange.helper import Helper, HelperLost
from addon.exchange.storing import _in_helper
from addon.judging.reasons import NotStored
from addon.messages import LiveAnswer
from addon.pacing.rhythm import Rhythm, read_rhythm
from cache_store.store import Store
from cache_store.tiers.memory_store import MemoryStore
from tests.addon.exchange.conftest import (
    HOST,
    Broken,
    Run,
    chat_answer,
    chat_request,
    stored_texts,
    streamed,
)


async def test_a_slow_old_request_does_not_beat_a_newer_answer(store: Store) -> None:
    """The answer to a request that began before the entry was stored is not kept."""
    run = Run(store, cache_mode="write-only")
    slow = await run.forward()
    await asyncio.sleep(0.01)
    assert await run.record("newer") is None
    assert await run.answering.keep(slow, chat_answer("slow")) is NotStored.NEWER_ENTRY
    assert stored_texts(store) == ["newer"]


async def test_a_refresh_replaces_an_older_answer(store: Store) -> None:
    """write-only asks anew and keeps the new answer; one that fails leaves the old."""
    await Run(store, "one").record("old")
    run = Run(store, "two", cache_mode="write-only")
    assert await run.record(status=500) is NotStored.STATUS
    assert stored_texts(store) == ["old"]
    assert await run.record("new") is None
    assert stored_texts(store) == ["new"]


async def test_a_recording_that_is_too_large_is_not_stored(memory: MemoryStore) -> None:
    """MAX_BODY is about what came over the wire too."""
    run = Run(memory, max_body="10")
    forward = await run.forward()
    streamed(run, forward)(b"x" * 11)
    assert await run.answering.keep(forward, chat_answer()) is NotStored.TOO_LARGE
    assert run.host["not_stored"] == {"too-large": 1}


async def test_hits_save_the_time_that_they_took_when_live(memory: MemoryStore) -> None:
    """Time saved is the recorded duration less what answering took; live time is counted as well."""
    run = Run(memory)
    forward = await run.forward()
    forward.started -= 2.0
    await run.answering.keep(forward, chat_answer())
    await run.hit()
    counts = run.counts.host(HOST)
    assert 2.0 <= counts.live_seconds < 3.0
    assert 1.5 < counts.saved_seconds < 2.5
    entry = next(memory.iterate())
    assert 2.0 <= entry.elapsed < 3.0
    assert abs(entry.recorded_at - time.time()) < 5
    assert entry.run == "run"


async def test_a_stream_is_stored_with_its_rhythm(memory: MemoryStore) -> None:
    """The times count from the request's end; a hit in that rhythm saves the less time."""
    run = Run(memory, replay="recorded")
    forward = await run.forward()
    recording = streamed(run, forward)
    chunks = [
        b'data: {"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":"stop"}]}\n\n',
        b"data: [DONE]\n\n",
    ]
    live = LiveAnswer(200, "OK", ((b"content-type", b"text/event-stream"),), b"".join(chunks))
    forward.started = time.monotonic() - 3.0
    recording.chunks.head_at = forward.started + 2.0
    for chunk, after in zip(chunks, (2.5, 3.0), strict=True):
        recording.chunks.add(len(chunk), forward.started + after)
    assert await run.answering.keep(forward, live) is None
    rhythm = read_rhythm(next(memory.iterate()))
    assert rhythm == Rhythm(2.0, [0.5, 0.5], [len(chunks[0]), len(live.body)])
    hit = await run.ask()
    assert isinstance(hit, Hit)
    assert hit.paced is not None
    assert hit.paced.seconds == 3.0
    assert -0.5 < run.counts.host(HOST).saved_seconds < 0.5


async def _seen_whole(run: Run, status: int = 200) -> Forward:
    """A request whose client has received the terminal event of its answer, but not the last byte."""
    forward = await run.forward()
    chunk = {
        "object": "chat.completion.chunk",
        "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}],
    }
    streamed(run, forward)(b"data: %s\n\ndata: [DONE]\n\n" % json.dumps(chunk).encode())
    forward.head = LiveAnswer(status, "OK", ((b"content-type", b"text/event-stream"),), b"")
    return forward


@pytest.mark.parametrize(("leaves", "counted"), [(False, {}), (True, {"answers": 1, "tokens": 750})])
async def test_tokens_count_as_read_on_only_after_the_client_has_left(
    memory: MemoryStore, leaves: bool, counted: dict[str, int]
) -> None:
    """By the share of the bytes that came then; a client that stays has nothing read on for it."""
    run = Run(memory)
    forward = await run.forward()
    recording = streamed(run, forward)
    body = b'data: {"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 1000}}\n\n'
    body += b" " * (-len(body) % 4)
    recording(body[: len(body) // 4])
    if leaves:
        recording.read_on()
    recording(body[len(body) // 4 :])
    headers = ((b"content-type", b"text/event-stream"),)
    await run.answering.keep(forward, LiveAnswer(200, "OK", headers, body))
    assert dict(run.counts.read_on) == counted


async def test_an_answer_that_its_client_has_seen_whole_is_stored_at_the_end(store: Store) -> None:
    """The run may end between the terminal event and the last byte; an answer that is not whole is given up."""
    run = Run(store)
    cut_off = await run.forward(chat_request("Other"))
    streamed(run, cut_off)(b"data: {}\n\n")
    whole = await _seen_whole(run)
    run.answering.finish([cut_off, whole])
    assert [entry.key for entry in store.iterate()] == [whole.key]
    assert run.host["stored"] == 1
    assert run.host["not_stored"] == {"cut-off": 1}


@pytest.mark.parametrize(("status", "reason"), [(200, "store-failed"), (401, "cut-off")])
async def test_a_last_answer_that_could_not_be_stored_is_not_counted_as_stored(
    status: int, reason: str
) -> None:
    """Where the store fails at the end, or the answer is an error, nothing is stored and the report says so."""
    store = Broken()
    run = Run(store, store_errors="401")
    forward = await _seen_whole(run, status)
    run.answering.finish([forward])
    assert "stored" not in run.host
    assert run.host["not_stored"] == {reason: 1}


@pytest.mark.parametrize("is_encoded", [False, True])
async def test_small_answers_pass_big_ones(
    store: Store, monkeypatch: pytest.MonkeyPatch, is_encoded: bool
) -> None:
    """While a big answer is judged, small ones are stored; a few kilobytes that decode to megabytes are big."""
    judging, release = threading.Event(), threading.Event()

    def slowly(_helper: Helper, function: Callable[..., Any], *args: Any) -> Any:
        judging.set()
        assert release.wait(60)
        return function(*args)

    monkeypatch.setattr(Helper, "call", slowly)
    big = chat_answer("x" * 2**23)
    if is_encoded:
        headers = (*big.headers, (b"content-encoding", b"gzip"))
        big = LiveAnswer(200, "OK", headers, gzip.compress(big.body))
    run = Run(store)
    keeping = asyncio.create_task(run.answering.keep(await run.forward(chat_request("Other")), big))
    await asyncio.to_thread(judging.wait, 60)
    assert await run.record("small") is None
    assert await run.hit() == "small"
    assert not keeping.done()
    release.set()
    assert await keeping is None
    assert len(list(store.keys())) == 2


async def test_what_was_begun_is_stored_before_the_run_ends(store: Store) -> None:
    """An encoded answer is measured in one thread and stored in another; the end waits for both."""
    run = Run(store)
    big = chat_answer("x" * 2**23)
    encoded = LiveAnswer(200, "OK", (*big.headers, (b"content-encoding", b"gzip")), gzip.compress(big.body))
    forward = await run.forward()
    keeping = asyncio.create_task(run.answering.keep(forward, encoded))
    await asyncio.sleep(0)  # it has been handed on, and no more
    seen: list[str] = []
    run.access.finish(lambda store: seen.extend(store.keys()))
    assert seen == [forward.key]
    assert await keeping is None


async def test_a_big_answer_is_judged_as_a_small_one_is(store: Store) -> None:
    """In a process of its own: what is stored, refused and billed is the same."""
    run = Run(store)
    assert await run.record("x" * 2**21) is None
    assert await run.hit() == "x" * 2**21
    for content, status, reason in (("a", 500, NotStored.STATUS), ("b", 200, NotStored.SECRET)):
        key = "sk-proj-Zq8Xk2Lm9Tn4Vb7Rw1Yc6Pd3Gf5Hj0KsQaZw"
        assert await run.record(f"{key} " + "x" * 2**21, chat_request(content), status) is reason
    echoed = chat_request("c", headers=((b"authorization", b"Bearer a-key-of-no-known-shape"),))
    assert await run.record("a-key-of-no-known-shape" + "x" * 2**21, echoed) is NotStored.SECRET
    assert run.counts.spent.models["m"].answers == 3


async def test_a_big_answer_whose_helper_is_lost_is_not_stored(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client has its answer, and the report says why there is no entry."""

    def lost(_helper: Helper, _function: Callable[..., Any], *_args: Any) -> Any:
        raise HelperLost("it was killed")

    monkeypatch.setattr(Helper, "call", lost)
    run = Run(store)
    assert await run.record("x" * 2**21) is NotStored.STORE_FAILED
    assert run.host["not_stored"] == {"store-failed": 1}
    assert run.counts.spent.unknown == 1
    assert await run.record("small") is None


async def test_a_big_answer_beside_too_many_credentials_is_not_stored(
    memory: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A helper process would not know all of them, so it is not even asked; afterwards it is."""
    run = Run(memory)
    members = {f"api_key_{number}": f"made-up-{number:05}-credential" for number in range(1001)}
    crowded = chat_request(body=json.dumps(members).encode(), target="/v1/crowded")
    asked = []

    class _Helper:
        def call(self, work: Callable[..., Any], *args: Any) -> Any:
            asked.append(work)
            return work(*args)

    forward = await run.forward(chat_request())
    await run.forward(crowded)
    monkeypatch.setattr("addon.exchange.storing.lane_helper", _Helper)
    assert await run.answering.keep(forward, chat_answer()) is NotStored.SECRET
    assert _in_helper not in asked

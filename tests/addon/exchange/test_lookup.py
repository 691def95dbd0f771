"""The entry that answers a request, and who goes to the provider."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable
from dataclasses import replace

import pytest

from addon.exchange import coordination as coordination_module
from addon.exchange import lookup
from addon.exchange.decisions import Forward, Hit, OwnAnswer
from addon.judging.reasons import NotStored
from addon.messages import LiveAnswer, WireRequest
from addon.scopes.scope import Scope
from addon.settings.settings import Settings
from addon.transfer.admit import Admission, Exchange
from cache_store.store import Store
from cache_store.tiers.memory_store import MemoryStore
from tests.addon.exchange.conftest import (
    Run,
    chat_answer,
    chat_request,
    settle,
    stored_texts,
    streamed,
    text_of,
)

# -- ages -----------------------------------------------------------


@pytest.mark.parametrize(("age", "served"), [(9, True), (10, False), (11, False), (-100, True)])
async def test_an_entry_expires_at_its_age(
    memory: MemoryStore, monkeypatch: pytest.MonkeyPatch, age: int, served: bool
) -> None:
    """`age >= max_age` is a miss; an entry of the future ages from when it was stored."""
    run = Run(memory, max_age="10")
    await run.record()
    entry = next(memory.iterate())
    now = time.time()
    memory.put(replace(entry, recorded_at=now - age))
    monkeypatch.setattr(time, "time", lambda: now)
    assert isinstance(await run.ask(), Hit if served else Forward)
    if age < 0:
        monkeypatch.setattr(time, "time", lambda: now + 11)
        assert isinstance(await run.ask(), Forward)


async def test_without_a_limit_entries_do_not_expire(memory: MemoryStore) -> None:
    """An entry of 1970 is served."""
    run = Run(memory)
    await run.record()
    memory.put(replace(next(memory.iterate()), recorded_at=0.0))
    assert await run.hit() == "Hi"


# -- identical requests in flight -----------------------------------------------


async def test_identical_requests_wait_for_the_first(store: Store) -> None:
    """One goes to the provider; the others are answered from its entry."""
    run = Run(store, cache_mode="read-write")
    leader = await run.forward()
    waiters = [asyncio.create_task(run.hit()) for _ in range(3)]
    await settle()
    assert not any(waiter.done() for waiter in waiters)
    assert await run.answering.keep(leader, chat_answer("shared")) is None
    assert await asyncio.gather(*waiters) == ["shared"] * 3
    assert stored_texts(store) == ["shared"]
    assert run.host["hits"] == 3
    assert run.host["misses"] == 1


async def test_where_own_entries_are_not_served_each_request_in_flight_has_its_own_answer(
    store: Store,
) -> None:
    """A best of four in read-old-write-new gets four answers; the first to be stored is kept."""
    run = Run(store, cache_mode="read-old-write-new")
    four = [await run.forward() for _ in range(4)]
    await asyncio.sleep(0.01)
    reasons = [await run.answering.keep(forward, chat_answer(str(n))) for n, forward in enumerate(four)]
    assert reasons == [None] + [NotStored.NEWER_ENTRY] * 3
    assert stored_texts(store) == ["0"]
    assert await Run(store, "later", cache_mode="read-old-write-new").hit() == "0"


@pytest.mark.parametrize(
    ("mode", "raw"),
    [("read-write", {"coalesce": "off"}), ("write-only", {}), ("read-only", {}), ("off", {})],
)
async def test_where_nothing_is_shared_nobody_waits(
    memory: MemoryStore, mode: str, raw: dict[str, str]
) -> None:
    """With COALESCE off, and in modes that do not both serve and store, each goes by itself."""
    run = Run(memory, cache_mode=mode, **raw)
    for _ in range(3):
        await run.forward()


async def test_other_requests_do_not_wait(memory: MemoryStore) -> None:
    """Only the same key waits."""
    run = Run(memory)
    await run.forward()
    await run.forward(chat_request("Other"))


async def test_where_the_answer_is_not_stored_all_go_by_themselves(memory: MemoryStore) -> None:
    """A whole answer that is not kept releases every waiter at once."""
    run = Run(memory)
    leader = await run.forward()
    waiters = [asyncio.create_task(run.forward()) for _ in range(3)]
    await settle()
    assert await run.answering.keep(leader, chat_answer(status=500)) is NotStored.STATUS
    assert len(await asyncio.gather(*waiters)) == 3


async def test_where_the_leader_is_cut_off_the_next_takes_over(store: Store) -> None:
    """One waiter goes to the provider, and the others wait for its entry."""
    run = Run(store)
    leader = await run.forward()
    waiters = [asyncio.create_task(run.ask()) for _ in range(3)]
    await settle()
    run.answering.give_up(leader, NotStored.CLIENT_LEFT)
    await settle()
    done = [waiter for waiter in waiters if waiter.done()]
    assert len(done) == 1
    second = done[0].result()
    assert isinstance(second, Forward)
    assert await run.answering.keep(second, chat_answer("second")) is None
    decisions = await asyncio.gather(*(waiter for waiter in waiters if waiter not in done))
    assert [text_of(d.entry) for d in decisions if isinstance(d, Hit)] == ["second"] * 2
    assert run.host["not_stored"] == {"client-left": 1}


async def test_a_waiter_that_is_cancelled_disturbs_nobody(memory: MemoryStore) -> None:
    """Neither the leader nor the other waiters."""
    run = Run(memory)
    leader = await run.forward()
    leaving, staying = asyncio.create_task(run.hit()), asyncio.create_task(run.hit())
    await settle()
    leaving.cancel()
    await settle()
    assert not staying.done()
    assert await run.answering.keep(leader, chat_answer()) is None
    assert await staying == "Hi"


async def test_a_fault_in_keeping_lets_the_next_take_over(memory: MemoryStore) -> None:
    """A leader that is given up by whoever called `keep` in vain does not hold the others for ever."""
    run = Run(memory)
    leader = await run.forward()
    waiter = asyncio.create_task(run.forward())
    await settle()
    broken = replace(leader.request, method=None)  # type: ignore[arg-type]
    leader.request = broken
    with pytest.raises(Exception):  # noqa: B017, PT011 - whichever
        await run.answering.keep(leader, chat_answer())
    run.answering.give_up(leader, NotStored.STORE_FAILED)
    assert isinstance(await waiter, Forward)


async def test_a_retry_after_the_terminal_event_waits_for_the_write_and_asks_anew(store: Store) -> None:
    """A client that read the whole stream may retry before the entry is there: in read-old-write-new that is a
    retry, not a duplicate, and it removes what it waited for."""
    run = Run(store, cache_mode="read-old-write-new")
    first = await run.forward()
    streamed(run, first)(b"data: [DONE]\n\n")
    retry = asyncio.create_task(run.forward())
    await settle()
    assert not retry.done()
    assert await run.answering.keep(first, chat_answer("bad")) is None
    forward = await retry
    assert list(store.keys()) == []
    assert await run.answering.keep(forward, chat_answer("good")) is None
    assert stored_texts(store) == ["good"]


async def test_in_read_write_a_request_after_the_terminal_event_finds_the_entry(store: Store) -> None:
    """Even with COALESCE off: the answer was whole, and its entry is on its way."""
    run = Run(store, cache_mode="read-write", coalesce="off")
    first = await run.forward()
    streamed(run, first)(b"data: [DONE]\n\n")
    next_one = asyncio.create_task(run.hit())
    await settle()
    assert not next_one.done()
    await run.answering.keep(first, chat_answer("whole"))
    assert await next_one == "whole"


async def test_a_request_that_is_alone_waits_for_no_other(memory: MemoryStore) -> None:
    """A WebSocket's turn would else wait for another one of its own socket."""
    run = Run(memory)
    first = await run.forward()
    decision = run.answering.decide(chat_request(), None, alone=True)
    assert isinstance(decision, Awaitable)
    assert isinstance(await decision, Forward)
    await run.answering.keep(first, chat_answer("first"))


async def test_a_retry_does_not_wait_for_ever(memory: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the write does not come the retry goes to the provider."""
    monkeypatch.setattr(lookup, "ANSWERED_SECONDS", 0.05)

    run = Run(memory)
    first = await run.forward()
    streamed(run, first)(b"data: [DONE]\n\n")
    assert isinstance(await run.forward(), Forward)


async def test_a_retry_whose_first_answer_was_not_stored_leads(memory: MemoryStore) -> None:
    """A retry of an answer that was not kept becomes a leader itself."""
    run = Run(memory)
    first = await run.forward()
    streamed(run, first)(b"data: [DONE]\n\n")
    retry = asyncio.create_task(run.forward())
    await settle()
    await run.answering.keep(first, chat_answer(status=500))
    assert (await retry).flight is not None


async def test_a_leader_whose_client_does_not_read_is_replaced(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of those who wait goes to the provider, the others wait for it; the first one's late answer is not kept."""
    monkeypatch.setattr(coordination_module, "STALLED_SECONDS", 0.05)

    run = Run(store, cache_mode="read-write")
    stalled = await run.forward()
    streamed(run, stalled)(b"data: {}\n\n")
    waiters = [asyncio.create_task(run.ask()) for _ in range(3)]
    done, waiting = await asyncio.wait(waiters, return_when=asyncio.FIRST_COMPLETED)
    leader = next(iter(done)).result()
    assert isinstance(leader, Forward)
    assert await run.answering.keep(leader, chat_answer("second")) is None
    assert [type(await waiter) for waiter in waiting] == [Hit, Hit]
    assert await run.answering.keep(stalled, chat_answer("first")) is NotStored.NEWER_ENTRY
    assert stored_texts(store) == ["second"]


# -- sequences ------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["read-write", "read-old-write-new"])
async def test_equal_requests_have_answers_of_their_own_in_order(store: Store, mode: str) -> None:
    """With REPEAT=sequence the n-th request of a later run gets the n-th answer; past the last, the last."""
    first = Run(store, "one", cache_mode=mode, repeat="sequence")
    for text in ("a", "b", "c"):
        assert await first.record(text) is None
    assert stored_texts(store) == ["a", "b", "c"]
    later = Run(store, "two", cache_mode=mode, repeat="sequence")
    assert [await later.hit() for _ in range(5)] == ["a", "b", "c", "c", "c"]
    strict = Run(store, "three", cache_mode="read-only-require-hit", repeat="sequence")
    assert [await strict.hit() for _ in range(3)] == ["a", "b", "c"]
    await strict.own()


@pytest.mark.parametrize("mode", ["read-write", "read-old-write-new", "write-only"])
async def test_an_attempt_without_an_answer_to_keep_leaves_no_hole(store: Store, mode: str) -> None:
    """A 429 that the SDK retried, an aborted call and one that was cut off take no number, as in the replay."""
    run = Run(store, "one", cache_mode=mode, repeat="sequence")
    assert await run.record(status=429) is NotStored.STATUS
    run.answering.give_up(await run.forward(), NotStored.CLIENT_LEFT)
    assert await run.record("a") is None
    run.answering.give_up(await run.forward(), NotStored.CUT_OFF)
    assert await run.record("b") is None
    strict = Run(store, "two", cache_mode="read-only-require-hit", repeat="sequence")
    assert [await strict.hit() for _ in range(2)] == ["a", "b"]


async def test_a_miss_in_a_sequence_does_not_move_the_ones_after_it(memory: MemoryStore) -> None:
    """A client that asks again after a require-hit miss is told the same."""
    run = Run(memory, cache_mode="read-only-require-hit", repeat="sequence")
    assert [(await run.own()).cache_status for _ in range(3)] == [(await run.own()).cache_status] * 3


async def test_a_single_recording_serves_the_first_of_a_sequence(memory: MemoryStore) -> None:
    """The first of a sequence has the plain key."""
    await Run(memory, "one").record("single")
    assert await Run(memory, "two", repeat="sequence").hit() == "single"


async def test_equal_requests_of_a_sequence_do_not_wait_for_each_other(memory: MemoryStore) -> None:
    """Each has an answer of its own, so none can be shared."""
    run = Run(memory, repeat="sequence")
    keys = [(await run.forward()).key for _ in range(3)]
    assert len(set(keys)) == 3


async def test_a_sequence_in_write_only_serves_nothing(memory: MemoryStore) -> None:
    """A refresh asks anew each time, past the last recorded too."""
    await Run(memory, "one").record("old")
    run = Run(memory, "two", cache_mode="write-only", repeat="sequence")
    for _ in range(3):
        await run.forward()


# -- actions ---------------------------------------------------------------------

ACTION = chat_request(target="/v1/batches")


@pytest.mark.parametrize("mode", ["read-write", "read-old-write-new"])
async def test_equal_actions_in_flight_all_go_to_the_provider(store: Store, mode: str) -> None:
    """Each has an effect of its own, so none waits for the entry of another."""
    run = Run(store, cache_mode=mode)
    for _ in range(3):
        await asyncio.wait_for(run.forward(ACTION), 20)


@pytest.mark.parametrize("mode", ["read-write", "read-old-write-new"])
async def test_an_action_is_never_answered_by_an_entry_of_its_own_run(store: Store, mode: str) -> None:
    """A second equal action of a run reaches the provider; the next run is answered from the cache."""
    run = Run(store, cache_mode=mode)
    assert await run.record("first", ACTION) is None
    assert await run.record("second", ACTION) is None
    assert await Run(store, "next", cache_mode=mode).hit(ACTION) == "second"


async def test_an_action_is_answered_again_where_nothing_is_forwarded(memory: MemoryStore) -> None:
    """A replaying run has one entry for all equal actions."""
    await Run(memory).record("only", ACTION)
    replay = Run(memory, cache_mode="read-only-require-hit")
    assert [await replay.hit(ACTION) for _ in range(2)] == ["only", "only"]


async def test_a_background_response_is_an_action_and_a_plain_one_is_not(memory: MemoryStore) -> None:
    """The request's body decides."""
    run = Run(memory)
    background = chat_request(
        target="/v1/responses", body=b'{"model": "m", "input": "i", "background": true}'
    )
    plain = chat_request(target="/v1/responses", body=b'{"model": "m", "input": "i"}')
    body = (
        b'{"id":"resp_1","object":"response","created_at":1,"status":"completed","output":[{"type":"message",'
        b'"role":"assistant","status":"completed","content":[{"type":"output_text","text":"answer"}]}]}'
    )
    answer = LiveAnswer(200, "OK", ((b"content-type", b"application/json"),), body)
    for request in (background, plain):
        assert await run.answering.keep(await run.forward(request), answer) is None
    assert isinstance(await run.ask(plain), Hit)
    await run.forward(background)


# -- recordings that lack headers -------------------------------------------------


def _cassette(
    store: Store,
    *headers: tuple[bytes, bytes],
    text: str = "old",
    unknown: str = "",
    test: str = "",
    host: str = "api.openai.com",
) -> None:
    """Import a recording of the chat request with only these headers, for all tests or for one."""
    admission = Admission(Settings.parse({"hosts": "*"}), "import", frozenset(unknown.split()), test)
    recorded = replace(chat_request(), host=host, headers=headers)
    (entry,) = admission.entries([Exchange(recorded, chat_answer(text), 1000.0)])
    store.put(entry)


JSON = (b"content-type", b"application/json")
BETA, OTHER_BETA, ORGANISATION = (
    (b"openai-beta", b"one"),
    (b"openai-beta", b"two"),
    (b"openai-organization", b"o"),
)


def _asked(*headers: tuple[bytes, bytes], **changes: object) -> WireRequest:
    return chat_request(
        headers=(JSON, (b"authorization", b"Bearer sk-test-0123456789abcdef"), *headers), **changes
    )


async def test_a_recording_without_headers_hits_a_request_that_has_them(store: Store) -> None:
    """The status says so; other values later in the run are a miss, and so is anything else that differs."""
    _cassette(store)
    run = Run(store, cache_mode="read-only-require-hit")
    hit = await run.ask(_asked(BETA, ORGANISATION))
    assert isinstance(hit, Hit)
    assert hit.entry.key.startswith("pp2u-")
    assert hit.cache_status == f'provider-proxy; hit; key="{hit.entry.key}"; detail=header-unknown'
    assert await run.hit(_asked(BETA, ORGANISATION)) == "old"
    await run.own(_asked(OTHER_BETA, ORGANISATION))
    await run.own(_asked(BETA))
    await run.own(_asked(BETA, ORGANISATION, target="/v1/chat/completions?a=1"))
    assert await Run(store, cache_mode="read-only-require-hit").hit(_asked(OTHER_BETA)) == "old"


async def test_only_headers_that_are_unknown_are_passed_over(memory: MemoryStore) -> None:
    """A recording that names one header as unknown misses a request that has another one too."""
    _cassette(memory, JSON, unknown="openai-beta")
    run = Run(memory, cache_mode="read-only-require-hit")
    await run.own(_asked(ORGANISATION))
    await run.own(_asked(BETA, ORGANISATION))
    assert await run.hit(_asked(BETA)) == "old"


async def test_a_recording_may_lack_the_credential(memory: MemoryStore) -> None:
    """A local server may do without one, so only the user knows whether the recorder left it out."""
    run = Run(memory, cache_mode="read-only-require-hit", hosts="*")
    asked = _asked(host="localhost")
    _cassette(memory, JSON, host="localhost")
    await run.own(asked)
    _cassette(memory, JSON, host="localhost", unknown="openai-beta")
    await run.own(asked)
    _cassette(memory, JSON, host="localhost", unknown="authorization")
    assert await run.hit(asked) == "old"
    await run.own(_asked(BETA, host="localhost"))


async def test_a_tests_recording_may_lack_headers(store: Store) -> None:
    """With `per-test` each has its own, the last one again, and a new test the plain one if all recorded the same."""
    for test, text in (("a", "of a"), ("b", "of b"), ("", "plain")):
        _cassette(store, text=text, test=test)

    async def said(run: Run, test: str) -> str:
        found = run.answering.decide(_asked(BETA), None, "", Scope("gw0", test))
        decision = found if isinstance(found, Hit | OwnAnswer | Forward) else await found
        return text_of(decision.entry) if isinstance(decision, Hit) else "-"

    run = Run(store, cache_mode="read-only-require-hit", repeat="per-test")
    assert [await said(run, test) for test in ("a", "b", "new")] == ["of a", "of b", "-"]
    assert await said(run, "a") == "-"
    live = Run(store, "live", cache_mode="read-write", repeat="per-test")
    assert [await said(live, "a") for _ in range(2)] == ["of a", "of a"]


async def test_plain_recordings_may_lack_headers(store: Store) -> None:
    """A test without recordings of its own uses the one that all tests agree on."""
    for test in ("a", ""):
        _cassette(store, text="same", test=test)
    run = Run(store, cache_mode="read-only-require-hit", repeat="per-test")
    found = run.answering.decide(_asked(BETA), None, "", Scope("gw0", "new"))
    decision = found if isinstance(found, Hit | OwnAnswer | Forward) else await found
    assert isinstance(decision, Hit)
    assert text_of(decision.entry) == "same"


async def test_a_recording_that_fits_better_is_served(memory: MemoryStore) -> None:
    """Fewer unknown headers win, an exact recording before all; two that fit equally well are a miss."""
    _cassette(memory, text="none")
    _cassette(memory, JSON, text="type", unknown="*")
    run = Run(memory, cache_mode="read-only-require-hit")
    assert await run.hit(_asked(BETA, ORGANISATION)) == "type"
    _cassette(memory, JSON, BETA, text="beta", unknown="*")
    assert await run.hit(_asked(BETA, ORGANISATION)) == "beta"
    _cassette(memory, JSON, ORGANISATION, text="organisation", unknown="*")
    await run.own(_asked(BETA, ORGANISATION))
    _cassette(memory, JSON, BETA, ORGANISATION, text="exact")
    assert await run.hit(_asked(BETA, ORGANISATION)) == "exact"


async def test_a_request_that_no_recording_lacks_headers_of_goes_live(memory: MemoryStore) -> None:
    """A live recording without a header is no recording of a request with it."""
    run = Run(memory)
    await run.record("live", _asked())
    _cassette(memory, text="old")
    assert isinstance(await Run(memory, "later").ask(_asked(BETA)), Hit)
    memory.clear()
    await run.record("live", _asked())
    assert isinstance(await Run(memory, "later").ask(_asked(BETA)), Forward)

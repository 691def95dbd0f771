"""The way of a request through the cache, without a proxy."""

from __future__ import annotations

import asyncio
import gzip
import json
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from addon.exchange.decisions import Forward, Hit, OwnAnswer
from addon.exchange.helper import Helper
from addon.identity import identify
from addon.judging.reasons import NotStored
from addon.messages import WireRequest
from addon.probing.edits import Change, Kind
from addon.probing.serving import Probe
from addon.settings.modes import Mode
from cache_store.store import Store
from cache_store.tiers.memory_store import MemoryStore
from tests.addon.exchange.conftest import (
    HOST,
    LIVE_MODES,
    Broken,
    Run,
    chat_answer,
    chat_request,
    stored_texts,
    streamed,
    text_of,
)

# -- modes --------------------------------------------------------------------


@pytest.mark.parametrize("mode", Mode)
async def test_an_entry_of_an_earlier_run_is_served_where_the_mode_serves(store: Store, mode: Mode) -> None:
    """Each mode answers from what another run recorded, or forwards, as its row of the table says."""
    await Run(store, "earlier").record("old")
    run = Run(store, "later", cache_mode=mode)
    decision = await run.ask()
    if mode in (Mode.OFF, Mode.WRITE_ONLY):
        assert isinstance(decision, Forward)
    else:
        assert isinstance(decision, Hit)
        assert text_of(decision.entry) == "old"
        assert decision.cache_status == f'provider-proxy; hit; key="{decision.entry.key}"'


@pytest.mark.parametrize("mode", Mode)
async def test_an_entry_of_this_run_is_served_where_the_mode_serves_any(store: Store, mode: Mode) -> None:
    """The same within one run: read-old-write-new does not serve it."""
    await Run(store, "same").record("mine")
    decision = await Run(store, "same", cache_mode=mode).ask()
    served = mode in (Mode.READ_ONLY, Mode.REQUIRE_HIT, Mode.READ_WRITE)
    assert isinstance(decision, Hit if served else Forward)


@pytest.mark.parametrize("mode", LIVE_MODES)
async def test_a_miss_is_forwarded_and_stored_where_the_mode_stores(store: Store, mode: Mode) -> None:
    """What is on disk afterwards is what the mode's row says, and the status says so too."""
    run = Run(store, cache_mode=mode)
    forward = await run.forward()
    if mode is Mode.OFF:
        assert forward.cache_status == "provider-proxy; fwd=bypass; detail=mode-off"
        assert forward.identity is None
    else:
        assert forward.cache_status == f'provider-proxy; fwd=miss; key="{forward.key}"'
    assert forward.stores is mode.stores
    reason = await run.answering.keep(forward, chat_answer("new"))
    assert reason is (None if mode.stores or mode is Mode.OFF else NotStored.MODE)
    assert stored_texts(store) == (["new"] if mode.stores else [])


async def test_a_miss_in_require_hit_is_refused(memory: MemoryStore) -> None:
    """Nothing is forwarded; the answer names the request, the mode and the key."""
    run = Run(memory, cache_mode="read-only-require-hit")
    own = await run.own(chat_request(target="/v1/chat/completions?secret=x"))
    error = json.loads(own.body)["error"]
    assert own.status == 502
    assert (error["type"], error["code"]) == ("provider_proxy_cache_miss", "provider_proxy_cache_miss")
    assert error["nearest"] is None
    assert own.cache_status == f'provider-proxy; fwd=miss; key="{error["key"]}"'
    assert f"POST {HOST}/v1/chat/completions (mode read-only-require-hit" in error["message"]
    assert "secret" not in error["message"]
    assert run.host == {"requests": 1, "misses": 1}


async def test_a_refused_request_that_is_asked_again_has_missed_once(memory: MemoryStore) -> None:
    """SDKs repeat a 502. A forwarded miss counts each time, because each may be recorded."""
    run = Run(memory, cache_mode="read-only-require-hit")
    for text in ("a", "a", "b", "a"):
        await run.own(chat_request(text))
    assert run.host == {"requests": 4, "misses": 2, "retried": 2}
    live = Run(memory, cache_mode="write-only")
    for _ in range(2):
        await live.forward()
    assert live.host == {"requests": 2, "misses": 2, "live": 2}


@pytest.mark.parametrize("mode", ["read-only-require-hit", "read-write"])
async def test_a_credential_sent_as_a_model_or_a_method_is_shown_nowhere(
    memory: MemoryStore, mode: str
) -> None:
    """Labels and models are in logs, reports and `/-/stats`."""
    run = Run(memory, cache_mode=mode)
    secret = "made-up-credential-0123456789"
    body = json.dumps({"model": secret, "messages": [{"role": "user", "content": "Hi"}]}).encode()
    headers = ((b"content-type", b"application/json"), (b"authorization", f"Bearer {secret}".encode()))
    request = chat_request(body=body, headers=headers, method=secret)
    decision = await run.ask(request)
    if isinstance(decision, Forward):
        await run.answering.keep(decision, chat_answer())
    run.answering.explaining.close()
    assert run.host["misses"] == 1
    assert secret not in json.dumps(run.counts.as_dict()).lower()


async def test_the_status_of_a_miss_can_be_set(memory: MemoryStore) -> None:
    """MISS_STATUS is what a require-hit miss answers with."""
    assert (await Run(memory, cache_mode="read-only-require-hit", miss_status="418").own()).status == 418


async def test_another_request_is_another_key(memory: MemoryStore) -> None:
    """A different body, path, query, method, host, port or scheme is never answered by this entry."""
    run = Run(memory)
    await run.record()
    for other in (
        chat_request("Other"),
        chat_request(target="/v1/other"),
        chat_request(target="/v1/chat/completions?a=1"),
        chat_request(method="PUT"),
        chat_request(host="api.mistral.ai"),
        chat_request(port=8443),
        chat_request(scheme="http"),
    ):
        assert isinstance(await run.ask(other), Forward)
    assert await run.hit() == "Hi"


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 503])
async def test_an_error_is_forwarded_each_time(store: Store, status: int) -> None:
    """Only successes are stored: the same failing request goes to the provider again."""
    run = Run(store)
    for _ in range(2):
        assert await run.record(status=status) is NotStored.STATUS
    assert list(store.keys()) == []
    assert run.host["not_stored"] == {f"status {status}": 2}


async def test_a_mode_that_changes_counts_for_later_requests(memory: MemoryStore) -> None:
    """`mode` may be set while running."""
    run = Run(memory)
    forward = await run.forward()
    run.answering.mode = Mode.REQUIRE_HIT
    assert await run.answering.keep(forward, chat_answer()) is None
    assert await run.hit() == "Hi"
    await run.own(chat_request("Other"))


# -- the mode of one request --------------------------------------------------


async def test_a_request_may_ask_for_less(store: Store) -> None:
    """Its mode holds for it alone."""
    run = Run(store)
    await run.own(asked="read-only-require-hit")
    forward = await run.forward(asked="read-only")
    assert await run.answering.keep(forward, chat_answer("once")) is NotStored.MODE
    assert list(store.keys()) == []
    await run.record("kept")
    assert await run.hit() == "kept"
    assert (await run.forward(asked="off")).identity is None


@pytest.mark.parametrize(
    ("mode", "asked"),
    [("read-only", "read-write"), ("read-only-require-hit", "off"), ("read-write", "sometimes")],
)
async def test_a_request_that_asks_for_more_is_refused(memory: MemoryStore, mode: str, asked: str) -> None:
    """400 with the modes that are valid; nothing is forwarded, looked up or counted as a miss."""
    run = Run(memory, cache_mode=mode)
    own = await run.own(asked=asked)
    error = json.loads(own.body)["error"]
    assert (own.status, error["code"]) == (400, "provider_proxy_bad_mode")
    assert own.cache_status == "provider-proxy; fwd=bypass; detail=bad-mode"
    assert "read-only-require-hit" in error["message"]
    assert run.host == {"requests": 1, "errors": 1}


# -- read-old-write-new -------------------------------------------------------


async def test_a_retry_gets_a_new_answer_and_a_new_run_serves_that(store: Store) -> None:
    """The second answer replaces the first, and is what is served after a restart."""
    run = Run(store, "one", cache_mode="read-old-write-new")
    await run.record("first")
    await run.record("second")
    assert await Run(store, "two", cache_mode="read-old-write-new").hit() == "second"


async def test_the_old_answer_is_gone_before_the_retry_is_forwarded(store: Store) -> None:
    """A retry that fails, is cut off or never ends leaves nothing behind."""
    for end in ("failed", "cut off", "killed"):
        run = Run(store, "one", cache_mode="read-old-write-new")
        await run.record("first")
        retry = await run.forward()
        assert list(store.keys()) == []
        if end == "failed":
            assert await run.answering.keep(retry, chat_answer(status=500)) is NotStored.STATUS
        elif end == "cut off":
            run.answering.give_up(retry, NotStored.CUT_OFF)
        assert list(store.keys()) == []
        assert isinstance(await Run(store, "two", cache_mode="read-old-write-new").ask(), Forward)


async def test_a_client_that_leaves_does_not_cost_the_old_answer(store: Store) -> None:
    """The entry that was removed for its request is put back, and is asked anew by the next one."""
    run = Run(store, "one", cache_mode="read-old-write-new")
    await run.record("first")
    run.answering.give_up(await run.forward(), NotStored.CLIENT_LEFT)
    run.access.finish(lambda _: None)
    assert stored_texts(store) == ["first"]
    retry = await run.forward()
    assert list(store.keys()) == []
    assert await run.answering.keep(retry, chat_answer("second")) is None
    assert stored_texts(store) == ["second"]


async def test_a_client_that_left_with_half_an_answer_does_not_cost_the_old_one(store: Store) -> None:
    """What had come by then is judged, is not whole, and the removed entry is put back."""
    run = Run(store, "one", cache_mode="read-old-write-new")
    await run.record("first")
    leaving = await run.forward()
    streamed(run, leaving)(b'data: {"choices": []}\n\n')
    assert await run.answering.keep(leaving, chat_answer(), cut_off=True) is NotStored.CLIENT_LEFT
    run.access.finish(lambda _: None)
    assert stored_texts(store) == ["first"]


async def test_a_miss_of_a_refused_answer_says_why_and_never_to_record_it(
    store: Store, tmp_path: Path
) -> None:
    """Recording it again as before cannot help; the miss names the setting that does."""
    poll = chat_request(method="GET", target="/v1/batches/b", body=b"")
    cache_dir = str(tmp_path)
    first = Run(store, "one", cache_dir=cache_dir)
    pending = replace(chat_answer(), body=b'{"object": "batch", "status": "in_progress"}')
    assert await first.answering.keep(await first.forward(poll), pending) is NotStored.NOT_FINISHED
    (listed,) = first.counts.as_dict()["refused_answers"]
    assert (listed["place"], listed["why"]) == ("GET api.openai.com/v1/batches/b", "not-finished")
    assert "PROVIDER_PROXY_STORE_PENDING=true" in listed["advice"]
    Run.alive.remove(first)
    first.answering.close()
    replay = Run(store, "two", cache_mode="read-only-require-hit", cache_dir=cache_dir)
    message = json.loads((await replay.own(poll)).body)["error"]["message"]
    assert "Recorded before, not kept: not-finished; " in message
    assert "PROVIDER_PROXY_STORE_PENDING=true" in message
    assert "ecord it" not in message


async def test_half_a_generation_names_no_setting(store: Store) -> None:
    """STORE_PENDING stores the states of jobs, not a model's answer without its end."""
    run = Run(store, cache_mode="read-old-write-new")
    half = json.loads(chat_answer().body)
    half["choices"][0]["finish_reason"] = None
    answer = replace(chat_answer(), body=json.dumps(half).encode())
    assert await run.answering.keep(await run.forward(), answer) is NotStored.NOT_FINISHED
    (listed,) = run.counts.as_dict()["refused_answers"]
    assert listed["advice"] == "the model's answer has no finish reason: record again"


async def test_an_error_that_a_retry_mends_is_not_listed_as_refused(store: Store) -> None:
    """The report counts the 429, and names no setting for a request that was stored in the end."""
    run = Run(store, cache_mode="read-old-write-new")
    await run.record(status=429)
    assert [item["why"] for item in run.counts.as_dict()["refused_answers"]] == ["status 429"]
    await run.record()
    assert run.counts.as_dict()["refused_answers"] == []
    assert run.host["not_stored"] == {"status 429": 1}


async def test_a_refused_answer_whose_path_is_a_secret_is_listed_without_it(store: Store) -> None:
    """The path's text was sent as a credential while the answer was under way."""
    run = Run(store)
    forward = await run.forward(chat_request(target="/v1/rooms/blue-heron-orchid-7431/chat/completions"))
    await run.forward(chat_request(headers=((b"Authorization", b"Bearer blue-heron-orchid-7431"),)))
    assert await run.answering.keep(forward, chat_answer()) is NotStored.SECRET
    (listed,) = run.counts.as_dict()["refused_answers"]
    assert listed["place"] == "? api.openai.com?"


async def test_expected_errors_may_be_those_of_one_host(store: Store) -> None:
    """`404@…` stores the 404s of that host; another host's are not stored, and credentials matter at it alone."""
    run = Run(store, store_errors="404@api.anthropic.com, 401@*.example")
    error = {"status": 404, "body": b'{"error": {"type": "not_found_error", "message": "no"}}'}
    for host, reason in (("api.anthropic.com", None), ("api.openai.com", NotStored.STATUS)):
        forward = await run.forward(chat_request(host=host))
        assert await run.answering.keep(forward, replace(chat_answer(), **error)) is reason
    assert len(list(store.keys())) == 1


async def test_what_is_put_back_does_not_replace_a_newer_answer(store: Store) -> None:
    """Another request may have been answered while the client was still there."""
    run = Run(store, "one", cache_mode="read-old-write-new")
    await run.record("first")
    leaving = await run.forward()
    await asyncio.sleep(0.01)
    await run.record("second")
    run.answering.give_up(leaving, NotStored.CLIENT_LEFT)
    run.access.finish(lambda _: None)
    assert stored_texts(store) == ["second"]


async def test_an_expired_answer_of_this_run_is_removed_too(memory: MemoryStore) -> None:
    """With MAX_AGE as well: what this run recorded does not outlive a retry that fails."""
    run = Run(memory, "one", cache_mode="read-old-write-new", max_age="0")
    await run.record("first")
    await run.forward()
    assert list(memory.keys()) == []


async def test_an_answer_of_an_earlier_run_is_served_again_and_again(store: Store) -> None:
    """A retry of a replayed answer is a replay: only what this run recorded is asked anew."""
    await Run(store, "one").record("old")
    run = Run(store, "two", cache_mode="read-old-write-new")
    assert [await run.hit() for _ in range(3)] == ["old"] * 3


async def test_a_retry_narrowed_to_reading_does_not_remove(store: Store) -> None:
    """A request in a mode that does not store leaves the entry where it is."""
    run = Run(store, "one", cache_mode="read-old-write-new")
    await run.record("first")
    assert await run.hit(asked="read-only") == "first"
    await run.forward(asked="off")
    assert stored_texts(store) == ["first"]


# -- a store that fails -------------------------------------------------------


@pytest.mark.parametrize("mode", LIVE_MODES)
async def test_a_broken_store_never_stops_a_live_request(mode: Mode) -> None:
    """In a mode that may go to the provider it goes there, and the answer is simply not stored."""
    run = Run(Broken(), cache_mode=mode)
    forward = await run.forward()
    reason = await run.answering.keep(forward, chat_answer())
    assert reason is {Mode.OFF: None, Mode.READ_ONLY: NotStored.MODE}.get(mode, NotStored.STORE_FAILED)


async def test_a_broken_store_fails_closed_in_require_hit() -> None:
    """Where nothing may be sent, a store that cannot be read is an error of its own, not a miss."""
    run = Run(Broken(), cache_mode="read-only-require-hit")
    own = await run.own()
    error = json.loads(own.body)["error"]
    assert (own.status, error["code"]) == (502, "provider_proxy_cache_unavailable")
    assert "locked" in error["message"]
    assert own.cache_status == "provider-proxy; fwd=bypass; detail=cache-unavailable"
    assert run.host == {"requests": 1, "errors": 1}


async def test_a_store_that_works_again_is_used_again() -> None:
    """A fault holds nobody for longer than it lasts, waiters included."""
    store = Broken()
    run = Run(store)
    forward = await run.forward()
    store.broken = False
    assert await run.answering.keep(forward, chat_answer()) is None
    assert await run.hit() == "Hi"


# -- what the cache is never asked about ----------------------------------------


@pytest.mark.parametrize(
    ("mode", "websocket", "status"),
    [
        ("read-write", "", None),
        ("off", "pass", None),
        ("read-write", "refuse", 426),
        ("read-only-require-hit", "", 426),
        ("read-only-require-hit", "pass", 426),
    ],
)
async def test_websockets_pass_or_are_refused(
    memory: MemoryStore, mode: str, websocket: str, status: int | None
) -> None:
    """An upgrade is a bypass where it may pass, else a 426."""
    run = Run(memory, cache_mode=mode, websocket=websocket)
    decision = await run.ask(bypass="websocket")
    assert decision.cache_status == "provider-proxy; fwd=bypass; detail=websocket"
    if status is None:
        assert isinstance(decision, Forward)
        assert decision.identity is None
        assert run.host == {"requests": 1, "bypassed": 1, "live": 1}
    else:
        assert isinstance(decision, OwnAnswer)
        assert decision.status == status
        assert run.host == {"requests": 1, "refused": 1}


@pytest.mark.parametrize(
    ("bypass", "raw", "needed"),
    [
        ("token-endpoint", {}, True),
        ("ephemeral-secret", {}, True),
        ("not-whole", {}, True),
        ("websocket", {}, True),
        ("websocket", {"websocket": "pass"}, True),
        ("websocket", {"websocket": "refuse"}, False),
        ("websocket", {"profile": "agents"}, False),
        ("telemetry", {}, False),
        ("cloud-metadata", {}, False),
        ("mcp-stream", {}, False),
    ],
)
async def test_refusals_of_a_replaying_run(
    memory: MemoryStore, bypass: str, raw: dict[str, str], needed: bool
) -> None:
    """What tests need is counted by kind, since the run has failed; what clients do on the side is not, nor what a
    setting or a profile says. In other modes nothing is."""
    run = Run(memory, cache_mode="read-only-require-hit", **raw)
    assert isinstance(await run.ask(bypass=bypass), OwnAnswer)
    assert run.counts.refusals == ({bypass: 1} if needed else {})
    live = Run(memory, cache_mode="read-write", **raw)
    await live.ask(bypass=bypass, asked="read-only-require-hit")
    assert live.counts.refusals == {}


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("bypass", ["token-endpoint", "not-whole"])
async def test_what_is_never_cached_is_forwarded_or_refused(
    memory: MemoryStore, mode: Mode, bypass: str
) -> None:
    """A token endpoint, and a request whose body was not seen, are passed on unrecorded, and refused in
    require-hit."""
    run = Run(memory, cache_mode=mode)
    request = chat_request(target="/oauth/token") if bypass == "token-endpoint" else chat_request()
    for _ in range(2):
        decision = await run.ask(request, bypass="" if bypass == "token-endpoint" else bypass)
        assert decision.cache_status == f"provider-proxy; fwd=bypass; detail={bypass}"
        if mode.forwards:
            assert isinstance(decision, Forward)
            assert decision.identity is None
            assert await run.answering.keep(decision, chat_answer()) is None
        else:
            assert isinstance(decision, OwnAnswer)
            assert decision.status == 502
            assert json.loads(decision.body)["error"]["code"] == "provider_proxy_refused"
    assert list(memory.keys()) == []


# -- recordings and counts --------------------------------------------------------


async def test_a_run_is_counted(memory: MemoryStore) -> None:
    """Requests, hits, misses, stored and not stored, by host."""
    run = Run(memory)
    await run.record()
    await run.hit()
    await run.record("x", chat_request("Other"), status=500)
    await run.forward(chat_request(host="api.mistral.ai"))
    counts = run.counts.host(HOST)
    assert (counts.requests, counts.hits, counts.misses, counts.stored) == (3, 1, 2, 1)
    assert run.counts.total().requests == 4


async def test_giving_up_in_a_mode_that_stores_nothing_counts_nothing(memory: MemoryStore) -> None:
    """What would not have been stored is not missing."""
    run = Run(memory, cache_mode="read-only")
    run.answering.give_up(await run.forward(), NotStored.CUT_OFF)
    assert "not_stored" not in run.host


# -- big bodies beside small ones ---------------------------------------------------


@pytest.mark.parametrize(
    "big",
    [
        chat_request("x" * 2**21),
        chat_request(headers=((b"content-encoding", b"gzip"),), body=gzip.compress(bytes(2**26))),
    ],
    ids=["long", "bomb"],
)
async def test_a_big_request_does_not_hold_up_small_ones(
    memory: MemoryStore, monkeypatch: pytest.MonkeyPatch, big: WireRequest
) -> None:
    """The event loop and requests of usual size go on while its body is read."""
    reading, release = threading.Event(), threading.Event()

    def slowly(_helper: Helper, function: Callable[..., Any], *args: Any) -> Any:
        reading.set()
        assert release.wait(60)
        return function(*args)

    monkeypatch.setattr(Helper, "call", slowly)
    run = Run(memory)
    asking = asyncio.create_task(run.forward(big))
    await asyncio.to_thread(reading.wait, 60)
    assert await run.record("small") is None
    assert await run.hit() == "small"
    middling = chat_request("x" * 2**17)
    assert await run.record("middling", middling) is None
    assert await run.hit(middling) == "middling"
    assert not asking.done()
    release.set()
    assert (await asking).identity == identify(big, run.answering.settings.identity)


@pytest.mark.parametrize("size", [2**17, 2**21])
async def test_a_credential_in_a_big_body_is_known_before_the_request_is_sent(
    memory: MemoryStore, size: int
) -> None:
    """Reading it in a thread or process changes nothing: an answer that repeats the credential is not stored."""
    secret = "Zq8Xk2Lm9Tn4Vb7Rw1Yc6Pd3Gf5Hj0Ks"
    body = json.dumps({"api_key": secret, "filler": "x" * size}).encode()
    run = Run(memory)
    assert await run.record(f"Your key is {secret}.", chat_request(body=body)) is NotStored.SECRET


async def test_a_big_request_that_is_never_cached_is_a_bypass(memory: MemoryStore) -> None:
    """It is not identified at all."""
    run = Run(memory)
    assert (await run.forward(chat_request("x" * 2**17, target="/oauth/token"))).identity is None
    assert (await run.forward(chat_request("x" * 2**17), asked="off")).identity is None


# -- probing ------------------------------------------------------------------


async def test_a_probe_alters_what_is_served_and_nothing_else(store: Store) -> None:
    """The entry, its count and what it minted stay those of the recording; a later request hits with the recorded text."""
    await Run(store, "earlier").record("Paris is fine")
    again = chat_request("You said: Paris is fine")
    await Run(store, "earlier").record("Indeed", again)
    before = {entry.key: entry.encode() for entry in store.iterate()}
    run = Run(store, "later", cache_mode="read-only-require-hit")
    first = await Run(store, "plain", cache_mode="read-only-require-hit").ask()
    assert isinstance(first, Hit)
    run.answering.probe = Probe({("", first.entry.key): Change(Kind.TEXT, "/choices/0/message/content")})
    decision = await run.ask()
    assert isinstance(decision, Hit)
    assert text_of(decision.entry) == "Qbsjt jt gjof"
    assert decision.cache_status == f'provider-proxy; hit; key="{first.entry.key}"; detail=probe'
    assert await run.hit(chat_request("You said: Qbsjt jt gjof")) == "Indeed"
    assert run.host["hit_bytes"] == sum(entry.size for entry in store.iterate())
    assert {entry.key: entry.encode() for entry in store.iterate()} == before


async def test_a_probe_refuses_each_answer_once(memory: MemoryStore) -> None:
    """A 429 that SDKs repeat; in a sequence the retry has the number of the refused request."""
    sequence = {"repeat": "sequence"}
    earlier = Run(memory, "earlier", cache_mode="write-only", **sequence)
    await earlier.record("one")
    await earlier.record("two")
    run = Run(memory, "later", cache_mode="read-only-require-hit", **sequence)
    run.answering.probe = Probe(refuses=True)
    for text in ("one", "two"):
        refused = await run.own()
        assert refused.status == 429
        assert "x-should-retry" not in refused.headers
        assert refused.cache_status == "provider-proxy; fwd=bypass; detail=probe"
        assert await run.hit() == text
    assert run.host["hits"] == 2
